//! `wharf ps`: the processes.

use wharf_types::kernel::{ProcessInfo, ProcessPhase};

use crate::client::Client;
use crate::errors::CliResult;
use crate::output::{Format, Output, Style};
use crate::table::{Align, Cell, Table};

/// Lists the processes.
pub(crate) fn run(client: &Client, output: &mut Output) -> CliResult<()> {
    let mut processes = client.processes()?;
    processes.sort_by(|a, b| a.id.cmp(&b.id));
    match output.format() {
        Format::Json => output.json(&processes),
        Format::Text => output.table(&table(&processes)),
    }
}

fn table(processes: &[ProcessInfo]) -> Table {
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
        let last_exit = process.last_exit.as_deref().unwrap_or_default();
        table.push(vec![
            Cell::new(&process.id),
            phase(process.phase),
            Cell::new(process.restarts),
            Cell::new(process.mailbox),
            Cell::new(process.capabilities),
            Cell::new(&process.on_exit),
            // The rest, often a backtrace, is in the log and in the JSON form.
            Cell::new(last_exit.lines().next().unwrap_or_default()),
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
            last_exit: Some("trap: unreachable\n  0: main".to_owned()),
            capabilities: 5,
        };
        let kernel = ProcessInfo {
            id: "kernel:distro:sys".parse().unwrap(),
            phase: ProcessPhase::Module,
            public: true,
            on_exit: "none".to_owned(),
            restarts: 0,
            mailbox: 0,
            last_exit: None,
            capabilities: 0,
        };
        let expected = "\
PROCESS             PHASE       RESTARTS  MAILBOX  CAPS  ON EXIT  LAST EXIT
echo:echo:wharf.os  restarting        12        3     5  restart  trap: unreachable
kernel:distro:sys   module             0        0     0  none
";
        assert_eq!(table(&[echo, kernel]).render(Colour::Off), expected);
    }
}
