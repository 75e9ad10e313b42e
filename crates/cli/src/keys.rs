//! What the user presses while something is shown live.

use std::io::{self, IsTerminal, Read};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use rustix::termios::{self, LocalModes, OptionalActions, Termios};

/// Ctrl-C, where the terminal does not make a signal of it.
const CTRL_C: u8 = 3;

/// Rows of a terminal that does not say how many it has.
const ROWS: usize = 24;

/// What happened while waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pressed {
    /// Nothing that means anything.
    Nothing,
    /// The user has seen enough.
    Quit,
}

/// The keyboard, if there is one to listen to. The terminal is as it was before when this is dropped.
pub(crate) struct Keys {
    pressed: Option<Receiver<()>>,
    before: Option<Termios>,
}

impl Keys {
    /// Listens to the terminal when something is shown `live` on it.
    pub(crate) fn listen(live: bool) -> Self {
        let stdin = io::stdin();
        if !live || !stdin.is_terminal() {
            return Self { pressed: None, before: None };
        }
        let before = termios::tcgetattr(&stdin).ok();
        if let Some(before) = &before {
            // Each key at once and unseen. Ctrl-C comes as a key, so that there is only one way to the end.
            let mut raw = before.clone();
            raw.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG);
            // Where that fails, `q` takes a return key.
            let _ = termios::tcsetattr(&stdin, OptionalActions::Now, &raw);
        }
        let (sender, pressed) = mpsc::channel();
        // Ends with the process: reading a terminal cannot be interrupted.
        thread::spawn(move || {
            let quits = |byte: &u8| matches!(byte, b'q' | b'Q' | &CTRL_C);
            if io::stdin().lock().bytes().map_while(Result::ok).any(|byte| quits(&byte)) {
                let _ = sender.send(());
            }
        });
        Self { pressed: Some(pressed), before }
    }

    /// Waits for `interval`, or until the user has seen enough.
    pub(crate) fn wait(&self, interval: Duration) -> Pressed {
        let Some(pressed) = &self.pressed else {
            thread::sleep(interval);
            return Pressed::Nothing;
        };
        match pressed.recv_timeout(interval) {
            Ok(()) => Pressed::Quit,
            Err(RecvTimeoutError::Timeout) => Pressed::Nothing,
            // Nobody can press anything any more.
            Err(RecvTimeoutError::Disconnected) => Pressed::Quit,
        }
    }

    /// Rows of the terminal.
    pub(crate) fn rows() -> usize {
        let size = termios::tcgetwinsize(io::stdout()).ok();
        size.map(|size| usize::from(size.ws_row)).filter(|rows| *rows > 0).unwrap_or(ROWS)
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // There is nothing else to try.
            let _ = termios::tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}
