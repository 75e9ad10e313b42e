//! `wharf logs`: what the node and its processes logged, read from the files themselves.
//!
//! No daemon takes part, so that the reason why it does not start can be read, too.

use std::collections::VecDeque;
use std::io;
use std::thread;
use std::time::Duration;

use wharf_home::Home;

use crate::args::Logs;
use crate::commands::log_line;
use crate::errors::{CliError, CliResult};
use crate::log_file::{self, Follower, LogFile};
use crate::names::ProcessName;
use crate::output::{Format, Output};

/// How often a followed log is looked at.
const POLL: Duration = Duration::from_millis(200);

/// What can end the reading of a log.
enum Stop {
    Log(io::Error),
    Output(CliError),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Log(error)
    }
}

impl From<CliError> for Stop {
    fn from(error: CliError) -> Self {
        Self::Output(error)
    }
}

/// Shows the lines that were asked for.
pub(crate) fn run(args: &Logs, home: &Home, output: &mut Output) -> CliResult<()> {
    read(args, home, output).map_err(|stop| match stop {
        Stop::Log(error) => CliError::file("read the logs in", &home.log_dir(), &error),
        Stop::Output(error) => error,
    })
}

fn read(args: &Logs, home: &Home, output: &mut Output) -> Result<(), Stop> {
    let mut files = log_file::open_all(home)?;
    if files.is_empty() && !args.follow {
        let none = CliError::bad_input(format_args!("there are no logs in {}", home.log_dir().display()));
        return Err(none
            .hint("no node ran with this home yet; if yours has another, name it with `--home DIR`")
            .into());
    }
    let process = args.process.as_ref();
    match args.lines {
        Some(count) => {
            for line in last_lines(&mut files, process, count)? {
                show(&line, output)?;
            }
        }
        None => {
            for file in files.iter_mut().rev() {
                log_file::drain(file, |line| show_if_wanted(&line, process, output))?;
            }
        }
    }
    output.flush()?;
    if !args.follow {
        return Ok(());
    }
    follow(Follower::new(home.clone(), files.into_iter().next()), process, output)
}

/// Ends only with an error, or when the user interrupts.
fn follow(mut follower: Follower, process: Option<&ProcessName>, output: &mut Output) -> Result<(), Stop> {
    loop {
        follower.poll(|line| show_if_wanted(&line, process, output))?;
        output.flush()?;
        thread::sleep(POLL);
    }
}

/// The last `count` wanted lines. Of `files`, the newest is read first and the older ones only as far as needed.
fn last_lines(files: &mut [LogFile], process: Option<&ProcessName>, count: usize) -> io::Result<VecDeque<Vec<u8>>> {
    let mut found: VecDeque<Vec<u8>> = VecDeque::new();
    for file in files {
        let missing = count.saturating_sub(found.len());
        let mut of_file: VecDeque<Vec<u8>> = VecDeque::new();
        log_file::drain(file, |line| {
            if log_line::is_wanted(&line, process) {
                of_file.push_back(line);
                if of_file.len() > missing {
                    of_file.pop_front();
                }
            }
            Ok::<(), io::Error>(())
        })?;
        of_file.append(&mut found);
        found = of_file;
        if found.len() >= count {
            break;
        }
    }
    Ok(found)
}

fn show_if_wanted(line: &[u8], process: Option<&ProcessName>, output: &mut Output) -> Result<(), Stop> {
    if log_line::is_wanted(line, process) { Ok(show(line, output)?) } else { Ok(()) }
}

fn show(line: &[u8], output: &mut Output) -> CliResult<()> {
    match output.format() {
        Format::Text => output.line(&log_line::for_people(line, output.colour())),
        Format::Json => {
            output.raw(line)?;
            output.raw(b"\n")
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failure here fails the test")]
mod tests {
    use std::fs;

    use super::*;

    fn last(count: usize, process: Option<&str>) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::new(dir.path());
        fs::create_dir(home.log_dir()).unwrap();
        let line = |process: &str, n: u32| format!("{{\"process\":\"{process}:x:y\",\"n\":{n}}}\n");
        fs::write(home.older_log(1), line("a", 1) + &line("b", 2) + &line("a", 3)).unwrap();
        fs::write(home.log(), line("b", 4) + &line("a", 5)).unwrap();
        let name = process.map(|process| process.parse().unwrap());
        let lines = last_lines(&mut log_file::open_all(&home).unwrap(), name.as_ref(), count).unwrap();
        let number = |line: &Vec<u8>| serde_json::from_slice::<serde_json::Value>(line).unwrap()["n"].to_string();
        lines.iter().map(number).collect()
    }

    #[test]
    fn the_last_lines_reach_back_into_older_logs() {
        assert_eq!(last(1, None), ["5"]);
        assert_eq!(last(3, None), ["3", "4", "5"]);
        assert_eq!(last(99, None), ["1", "2", "3", "4", "5"]);
        assert!(last(0, None).is_empty());
    }

    #[test]
    fn only_matching_lines_count() {
        assert_eq!(last(2, Some("a")), ["3", "5"]);
        assert_eq!(last(5, Some("b:x:y")), ["2", "4"]);
    }
}
