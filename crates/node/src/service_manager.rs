//! Telling the service manager how the node is: that it serves, that it is alive, that it stops.
//!
//! The protocol is the one of sd_notify(3): lines of `NAME=value` in a datagram to the socket that `NOTIFY_SOCKET` names.
//! Without that variable nothing is told, and a service manager that does not listen costs a line in the log.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

/// Shortest time between two signs of life, whatever was asked for.
const PAUSE_MIN: Duration = Duration::from_millis(10);

/// Who started this daemon and wants to know how it is, if anyone does.
#[derive(Debug, Default)]
pub(crate) struct ServiceManager {
    socket: Option<UnixDatagram>,
    /// Time without a sign of life after which the daemon counts as hung.
    watchdog: Option<Duration>,
}

impl ServiceManager {
    /// The one that the environment names.
    pub(crate) fn of_environment() -> Self {
        let Some(name) = env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else { return Self::default() };
        let socket = connect(&name).inspect_err(|error| {
            tracing::warn!(socket = %name.display(), "the service manager cannot be told anything: {error}");
        });
        let number = |variable| env::var(variable).ok().and_then(|text| text.parse::<u64>().ok());
        Self { socket: socket.ok(), watchdog: watchdog(number("WATCHDOG_USEC"), number("WATCHDOG_PID")) }
    }

    /// The node serves at `url`.
    pub(crate) fn ready(&self, url: &str) {
        self.tell(&format!("READY=1\nSTATUS=serving at {url}\n"));
    }

    /// The node stops.
    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=stopping\n");
    }

    /// Gives signs of life, twice as often as they are asked for, until it is aborted. As a task it runs where the processes
    /// run: if it does not come to its turn, they do not either.
    pub(crate) async fn stay_alive(self: Arc<Self>) {
        let Some(watchdog) = self.watchdog else { return };
        let mut beat = interval((watchdog / 2).max(PAUSE_MIN));
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            beat.tick().await;
            self.tell("WATCHDOG=1\n");
        }
    }

    /// Never waits: a service manager that does not read misses what it is told.
    fn tell(&self, state: &str) {
        let Some(socket) = &self.socket else { return };
        if let Err(error) = socket.send(state.as_bytes()) {
            tracing::warn!("telling the service manager {:?}: {error}", state.trim_end());
        }
    }
}

/// A path, or with `@` in front a name in Linux's abstract namespace.
fn connect(name: &OsStr) -> io::Result<UnixDatagram> {
    let address = match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        [b'/', ..] => SocketAddr::from_pathname(Path::new(name))?,
        _ => return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is neither a whole path nor begins with `@`")),
    };
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&address)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// What was asked for, unless it was asked of another process.
fn watchdog(micros: Option<u64>, of: Option<u64>) -> Option<Duration> {
    let ours = of.is_none_or(|pid| pid == u64::from(std::process::id()));
    micros.filter(|micros| ours && *micros > 0).map(Duration::from_micros)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_a_whole_path_or_an_abstract_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let listener = UnixDatagram::bind(&path).unwrap();
        let manager = ServiceManager { socket: connect(path.as_os_str()).ok(), watchdog: None };
        manager.ready("http://127.0.0.1:1");
        let mut buffer = [0; 128];
        let read = listener.recv(&mut buffer).unwrap();
        assert_eq!(buffer.get(..read).unwrap(), b"READY=1\nSTATUS=serving at http://127.0.0.1:1\n");
        let name = format!("wharf-test-{}", std::process::id());
        let listener = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        let manager = ServiceManager { socket: connect(OsStr::new(&format!("@{name}"))).ok(), watchdog: None };
        manager.stopping();
        let read = listener.recv(&mut buffer).unwrap();
        assert!(buffer.get(..read).unwrap().starts_with(b"STOPPING=1\n"));
        assert!(connect(OsStr::new("notify")).is_err());
    }

    #[test]
    fn a_watchdog_of_another_process_is_none_of_ours() {
        let own = u64::from(std::process::id());
        assert_eq!(watchdog(Some(2_000), None), Some(Duration::from_millis(2)));
        assert_eq!(watchdog(Some(2_000), Some(own)), Some(Duration::from_millis(2)));
        assert_eq!(watchdog(Some(2_000), Some(own + 1)), None);
        assert_eq!(watchdog(Some(0), None), None);
    }
}
