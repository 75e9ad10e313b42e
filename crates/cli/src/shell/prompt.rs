//! Lines that a person types: edited, completed and remembered.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{Config, Editor};
use wharf_home::Home;

use crate::client::Client;
use crate::errors::{CliError, CliResult};
use crate::interrupts::Interrupts;
use crate::output::{Output, note};
use crate::shell::Session;
use crate::shell::complete::Completion;

/// Lines that are remembered.
const HISTORY_MAX: usize = 1_000;

/// Runs what is typed until the user leaves: with Ctrl-D, `exit` or `quit`.
pub(crate) fn run(client: &Client, home: &Home, output: &mut Output) -> CliResult<()> {
    let interrupts = Interrupts::listen_for_ctrl_c()?;
    let mut session = Session::new(client, home, interrupts.clone())?;
    let mut editor = editor(client)?;
    let history = wharf_home::shell_history();
    if let Some(path) = &history {
        remember(&mut editor, path);
    }
    note("Tab completes, `help` helps, Ctrl-D leaves.");
    loop {
        let line = match editor.readline("> ") {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(CliError::bad_input(format_args!("cannot read a line: {error}"))),
        };
        match line.trim() {
            "" => continue,
            "exit" | "quit" => break,
            _ => {}
        }
        keep(&mut editor, &line, history.as_deref());
        interrupts.forget();
        if let Err(error) = session.run(&line, output) {
            output.flush()?;
            // Of an interrupt, only the script ends.
            if !error.is_refusal() && !error.is_declined() {
                return Err(error);
            }
            error.report();
        }
    }
    Ok(())
}

fn editor(client: &Client) -> CliResult<Editor<Completion<'_>, FileHistory>> {
    let failed = |error: ReadlineError| CliError::bad_input(format_args!("cannot edit lines here: {error}"));
    let config = Config::builder().max_history_size(HISTORY_MAX).map_err(failed)?.history_ignore_space(true);
    let config = config.completion_type(rustyline::CompletionType::List).build();
    let mut editor = Editor::with_config(config).map_err(failed)?;
    editor.set_helper(Some(Completion::new(client)));
    Ok(editor)
}

/// Reads what was typed before. Where that fails, the shell works without.
fn remember(editor: &mut Editor<Completion<'_>, FileHistory>, path: &PathBuf) {
    if !path.exists() {
        return;
    }
    if let Err(error) = editor.load_history(path) {
        note(&format!("what was typed before cannot be read from {}: {error}", path.display()));
    }
}

/// Writes after each line, so that a shell that is cut off forgets nothing.
fn keep(editor: &mut Editor<Completion<'_>, FileHistory>, line: &str, path: Option<&Path>) {
    let is_new = editor.add_history_entry(line).unwrap_or(false);
    let Some(path) = path.filter(|_| is_new) else { return };
    // The file is the user's alone, and so is its folder.
    let folder = path.parent().map_or(Ok(()), |folder| DirBuilder::new().recursive(true).mode(0o700).create(folder));
    let kept = folder.map_err(ReadlineError::from).and_then(|()| editor.append_history(path));
    if let Err(error) = kept {
        note(&format!("this line is not remembered: {}: {error}", path.display()));
    }
}
