//! `wharf ps`: the processes, and how those that are gone have ended.

use std::time::{SystemTime, UNIX_EPOCH};

use wharf_types::kernel::{EndedProcess, LastExit, ProcessInfo, ProcessPhase};

use crate::args::Ps;
use crate::client::Client;
use crate::errors::CliResult;
use crate::output::{Format, Output, Style, note};
use crate::table::{Align, Cell, Table};
use crate::text;

/// Lists the processes.
pub(crate) fn run(args: &Ps, client: &Client, output: &mut Output) -> CliResult<()> {
    if args.ended {
        return ended(client, output);
    }
    let mut processes = client.processes()?;
    processes.sort_by(|a, b| a.id.cmp(&b.id));
    match output.format() {
        Format::Json => output.json(&processes),
        Format::Text => output.table(&table(&processes, now_ms())),
    }
}

fn ended(client: &Client, output: &mut Output) -> CliResult<()> {
    let ended = client.ended()?;
    if output.format() == Format::Json {
        return output.json(&ended);
    }
    if ended.is_empty() {
        note("no process has ended for good since the node came up");
        return Ok(());
    }
    output.table(&ended_table(&ended, now_ms()))
}

fn ended_table(ended: &[EndedProcess], now_ms: u64) -> Table {
    let mut table = Table::new(&[
        ("PROCESS", Align::Left),
        ("ENDED", Align::Right),
        ("RESTARTS", Align::Right),
        ("WHY", Align::Left),
    ]);
    for process in ended {
        table.push(vec![
            Cell::new(&process.id),
            Cell::new(ago(&process.last, now_ms)),
            Cell::new(process.restarts),
            Cell::new(first_line(&process.last)),
        ]);
    }
    table
}

/// Milliseconds since 1970, as the node counts them.
fn now_ms() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}

fn ago(last: &LastExit, now_ms: u64) -> String {
    format!("{} ago", text::duration(now_ms.saturating_sub(last.at_ms)))
}

/// The rest, often a backtrace, is in the log and in the JSON form.
fn first_line(last: &LastExit) -> String {
    last.exit.to_string().lines().next().unwrap_or_default().to_owned()
}

fn table(processes: &[ProcessInfo], now_ms: u64) -> Table {
    let mut table = Table::new(&[
        ("PROCESS", Align::Left),
        ("PHASE", Align::Left),
        ("RESTARTS", Align::Right),
        ("MAILBOX", Align::Right),
        ("CAPS", Align::Right),
        ("ON EXIT", Align::Left),
        ("LAST EXIT", Align::Left),
    ]);
    for process in processes {
        let last_exit = process.exit.as_ref().map(|last| format!("{}, {}", ago(last, now_ms), first_line(last)));
        table.push(vec![
            Cell::new(&process.id),
            phase(process.phase),
            Cell::new(process.restarts),
            Cell::new(process.mailbox),
            Cell::new(process.capabilities),
            Cell::new(&process.on_exit),
            Cell::new(last_exit.unwrap_or_default()),
        ]);
    }
    table
}

fn phase(phase: ProcessPhase) -> Cell {
    let (text, style) = match phase {
        ProcessPhase::Module => ("module", Style::Dim),
        ProcessPhase::Initialized => ("initialized", Style::Plain),
        ProcessPhase::Running => ("running", Style::Green),
        ProcessPhase::Restarting => ("restarting", Style::Yellow),
        ProcessPhase::Failed => ("failed", Style::Red),
    };
    Cell::styled(text, style)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use wharf_types::kernel::{Crash, Exit};

    use super::*;
    use crate::output::Colour;

    #[test]
    fn processes_stand_in_columns() {
        let echo = ProcessInfo {
            id: "echo:echo:wharf.os".parse().unwrap(),
            phase: ProcessPhase::Restarting,
            public: false,
            on_exit: "restart".to_owned(),
            restarts: 12,
            mailbox: 3,
            last_exit: Some("trapped: unreachable\n  0: main".to_owned()),
            exit: Some(LastExit { exit: Exit::Trapped(Crash::new("unreachable\n  0: main")), at_ms: 1_000 }),
            capabilities: 5,
            is_waiting: false,
        };
        let kernel = ProcessInfo {
            id: "kernel:distro:sys".parse().unwrap(),
            phase: ProcessPhase::Module,
            public: true,
            on_exit: "none".to_owned(),
            restarts: 0,
            mailbox: 0,
            last_exit: None,
            exit: None,
            capabilities: 0,
            is_waiting: false,
        };
        let expected = "\
PROCESS             PHASE       RESTARTS  MAILBOX  CAPS  ON EXIT  LAST EXIT
echo:echo:wharf.os  restarting        12        3     5  restart  2 s ago, trapped: unreachable
kernel:distro:sys   module             0        0     0  none
";
        assert_eq!(table(&[echo, kernel], 3_000).render(Colour::Off), expected);
    }

    #[test]
    fn what_is_gone_says_when_and_why() {
        let last = LastExit { exit: Exit::OutOfCpu(Crash::new("it computed")), at_ms: 1_000 };
        let ended = EndedProcess { id: "echo:echo:wharf.os".parse().unwrap(), restarts: 0, last };
        let expected = "\
PROCESS               ENDED  RESTARTS  WHY
echo:echo:wharf.os  2 s ago         0  out of cpu: it computed
";
        assert_eq!(ended_table(&[ended], 3_000).render(Colour::Off), expected);
    }
}
