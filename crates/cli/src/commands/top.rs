//! `wharf top`: what the processes do right now, from two looks at the node's counters.

use std::cmp::Reverse;
use std::collections::HashMap;

use serde::Serialize;
use wharf_types::ProcessId;
use wharf_types::kernel::{KernelCommand, KernelResponse, ProcessPhase};
use wharf_types::metrics::{NodeMetrics, ProcessMetrics, Traffic};

use crate::args::{SortBy, Top};
use crate::client::{Client, unexpected};
use crate::errors::CliResult;
use crate::keys::{Keys, Pressed};
use crate::output::{Format, Output, Reader, Style};
use crate::table::{Align, Cell, Table};
use crate::text;

/// To the top left, and everything below cleared.
const REDRAW: &[u8] = b"\x1b[H\x1b[J";

/// What is shown at one time.
#[derive(Debug, Serialize)]
struct View {
    node: String,
    uptime_ms: u64,
    /// What the rates are an average over.
    interval_ms: u64,
    processes: Vec<Row>,
}

/// One process.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Row {
    id: ProcessId,
    phase: ProcessPhase,
    in_per_s: f64,
    out_per_s: f64,
    in_bytes_per_s: f64,
    out_bytes_per_s: f64,
    mailbox: u64,
    mailbox_peak: u64,
    /// Of one processor; `None` where it is not measured.
    cpu_percent: Option<f64>,
    memory_bytes: Option<u64>,
    restarts: u64,
}

/// Shows the processes, again and again until the user has seen enough.
pub(crate) fn run(args: &Top, client: &Client, output: &mut Output) -> CliResult<()> {
    let live = output.reader() == Reader::Terminal && !args.once && output.format() == Format::Text;
    let keys = Keys::listen(live);
    let mut before = look(client)?;
    while keys.wait(args.interval) == Pressed::Nothing {
        let now = look(client)?;
        let view = view(&before, &now, args.sort);
        show(&view, live, output)?;
        output.flush()?;
        if args.once {
            break;
        }
        before = now;
    }
    Ok(())
}

fn look(client: &Client) -> CliResult<NodeMetrics> {
    match client.kernel(&KernelCommand::Metrics)? {
        KernelResponse::Metrics(metrics) => Ok(*metrics),
        other => Err(unexpected("the kernel", &other)),
    }
}

fn view(before: &NodeMetrics, now: &NodeMetrics, sort: SortBy) -> View {
    // Counters of another boot began anew.
    let same_boot = before.boot == now.boot;
    let interval_ms = now.uptime_ms.saturating_sub(if same_boot { before.uptime_ms } else { 0 }).max(1);
    let known: HashMap<_, _> = before.processes.iter().filter(|_| same_boot).map(|old| (&old.id, old)).collect();
    let of = |process: &ProcessMetrics| {
        // One that was created again in between began anew, too.
        let old = known.get(&process.id).filter(|old| old.age_ms <= process.age_ms);
        row(old.copied(), process, interval_ms)
    };
    let mut processes: Vec<_> = now.processes.iter().map(of).collect();
    processes.sort_by(|a, b| a.id.cmp(&b.id));
    processes.sort_by_key(|row| Reverse(weight(row, sort)));
    View { node: now.node.clone(), uptime_ms: now.uptime_ms, interval_ms, processes }
}

/// What a row is sorted by, the highest first. By name, none is before another.
fn weight(row: &Row, sort: SortBy) -> u64 {
    // Far more digits than are shown, and never negative.
    let whole = |rate: f64| (rate * 1_000.0) as u64;
    match sort {
        SortBy::Messages => whole(row.in_per_s + row.out_per_s),
        SortBy::Mailbox => row.mailbox,
        SortBy::Cpu => whole(row.cpu_percent.unwrap_or_default()),
        SortBy::Memory => row.memory_bytes.unwrap_or_default(),
        SortBy::Restarts => row.restarts,
        SortBy::Name => 0,
    }
}

fn row(old: Option<&ProcessMetrics>, new: &ProcessMetrics, interval_ms: u64) -> Row {
    let per_s = |old: u64, new: u64| new.saturating_sub(old) as f64 * 1_000.0 / interval_ms as f64;
    let before = |which: fn(&ProcessMetrics) -> Traffic| old.map(which).unwrap_or_default();
    let (received, sent) = (before(|old| old.received), before(|old| old.sent));
    let cpu_before = old.and_then(|old| old.cpu_ms_total).unwrap_or_default();
    Row {
        id: new.id.clone(),
        phase: new.phase,
        in_per_s: per_s(received.messages_total, new.received.messages_total),
        out_per_s: per_s(sent.messages_total, new.sent.messages_total),
        in_bytes_per_s: per_s(received.bytes_total, new.received.bytes_total),
        out_bytes_per_s: per_s(sent.bytes_total, new.sent.bytes_total),
        mailbox: new.mailbox,
        mailbox_peak: new.mailbox_peak,
        cpu_percent: new.cpu_ms_total.map(|ms| per_s(cpu_before, ms) / 10.0),
        memory_bytes: new.memory_bytes,
        restarts: new.restarts_total,
    }
}

fn show(view: &View, live: bool, output: &mut Output) -> CliResult<()> {
    if output.format() == Format::Json {
        return output.json(view);
    }
    if live {
        output.raw(REDRAW)?;
    }
    let count = view.processes.len();
    let head = format!("{}, up {}, {count} processes", text::clean_line(&view.node), text::duration(view.uptime_ms));
    let help = if live { "; q ends" } else { "" };
    output.line(&format!("{head}; rates over {}{help}", text::duration(view.interval_ms)))?;
    let rows = if live { Keys::rows().saturating_sub(3) } else { usize::MAX };
    output.table(&table(view.processes.iter().take(rows)))
}

fn table<'a>(rows: impl Iterator<Item = &'a Row>) -> Table {
    let mut table = Table::new(&[
        ("PROCESS", Align::Left),
        ("PHASE", Align::Left),
        ("IN/S", Align::Right),
        ("OUT/S", Align::Right),
        ("MAILBOX", Align::Right),
        ("PEAK", Align::Right),
        ("CPU", Align::Right),
        ("MEMORY", Align::Right),
        ("RESTARTS", Align::Right),
    ]);
    for row in rows {
        let memory = row.memory_bytes.map(|bytes| text::bytes(usize::try_from(bytes).unwrap_or(usize::MAX)));
        table.push(vec![
            Cell::new(&row.id),
            Cell::styled(format!("{:?}", row.phase).to_lowercase(), style(row.phase)),
            Cell::new(format!("{:.0}", row.in_per_s)),
            Cell::new(format!("{:.0}", row.out_per_s)),
            Cell::new(row.mailbox),
            Cell::new(row.mailbox_peak),
            Cell::new(row.cpu_percent.map(|percent| format!("{percent:.0} %")).unwrap_or_default()),
            Cell::new(memory.unwrap_or_default()),
            Cell::new(row.restarts),
        ]);
    }
    table
}

fn style(phase: ProcessPhase) -> Style {
    match phase {
        ProcessPhase::Module => Style::Dim,
        ProcessPhase::Initialized => Style::Plain,
        ProcessPhase::Running => Style::Green,
        ProcessPhase::Restarting => Style::Yellow,
        ProcessPhase::Failed => Style::Red,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failure here fails the test")]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::output::Colour;

    fn process(id: &str, age_ms: u64, messages: u64) -> ProcessMetrics {
        let traffic = Traffic { messages_total: messages, bytes_total: messages * 10 };
        ProcessMetrics {
            id: id.parse().unwrap(),
            phase: ProcessPhase::Running,
            age_ms,
            received: traffic,
            sent: Traffic::default(),
            mailbox: 1,
            mailbox_peak: 9,
            mailbox_full_total: 0,
            failed: BTreeMap::new(),
            restarts_total: 2,
            cpu_ms_total: Some(messages),
            memory_bytes: Some(1 << 20),
            capabilities: 0,
        }
    }

    fn node(boot: &str, uptime_ms: u64, processes: Vec<ProcessMetrics>) -> NodeMetrics {
        NodeMetrics {
            node: "a.os".to_owned(),
            boot: boot.to_owned(),
            uptime_ms,
            phases: BTreeMap::new(),
            capabilities: 0,
            store: Default::default(),
            events_total: 0,
            limit_hits: BTreeMap::new(),
            modules: Vec::new(),
            families: Vec::new(),
            processes,
        }
    }

    #[test]
    fn rates_are_differences_over_time_and_the_busiest_is_first() {
        let before = node("x", 10_000, vec![process("a:x:y", 9_000, 100), process("b:x:y", 9_000, 100)]);
        let now = node("x", 12_000, vec![process("a:x:y", 11_000, 200), process("b:x:y", 11_000, 500)]);
        let view = view(&before, &now, SortBy::Messages);
        assert_eq!(view.interval_ms, 2_000);
        assert_eq!((view.processes[0].in_per_s, view.processes[0].in_bytes_per_s), (200.0, 2_000.0));
        assert_eq!((view.processes[1].in_per_s, view.processes[1].cpu_percent), (50.0, Some(5.0)));
        let expected = "\
PROCESS  PHASE    IN/S  OUT/S  MAILBOX  PEAK   CPU   MEMORY  RESTARTS
b:x:y    running   200      0        1     9  20 %  1.0 MiB         2
a:x:y    running    50      0        1     9   5 %  1.0 MiB         2
";
        assert_eq!(table(view.processes.iter()).render(Colour::Off), expected);
    }

    #[test]
    fn what_began_anew_is_counted_from_zero() {
        let before = node("x", 10_000, vec![process("a:x:y", 9_000, 100)]);
        let again = view(&before, &node("x", 11_000, vec![process("a:x:y", 500, 7)]), SortBy::Name);
        assert_eq!(again.processes[0].in_per_s, 7.0);
        let booted = view(&before, &node("y", 1_000, vec![process("a:x:y", 900, 7)]), SortBy::Name);
        assert_eq!((booted.interval_ms, booted.processes[0].in_per_s), (1_000, 7.0));
    }
}
