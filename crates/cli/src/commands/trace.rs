//! `wharf trace`: the messages of one process, as they come and go.

use wharf_types::ProcessId;
use wharf_types::kernel::{KernelCommand, KernelResponse};
use wharf_types::trace::{Direction, TraceLine, TracePage, TracedBody, TracedKind};

use crate::args::Trace;
use crate::client::{Client, unexpected};
use crate::errors::CliResult;
use crate::output::{Colour, Format, Output, Style, note};
use crate::text;

/// How long the node waits for a message before it answers that there is none.
const WAIT_MS: u64 = 10_000;

/// Shows messages until the user interrupts, or as many as were asked for.
pub(crate) fn run(args: &Trace, client: &Client, output: &mut Output) -> CliResult<()> {
    let process = client.resolve(&args.process)?;
    // The first answer comes at once, so that the user knows from when on messages are seen.
    let mut page = ask(client, &process, None, 0, args.bodies)?;
    note(&format!("tracing {process}; Ctrl-C ends"));
    let mut left = args.count.unwrap_or(u64::MAX);
    loop {
        if page.lost > 0 {
            note(&format!("{} messages were too many at once and are not shown", page.lost));
        }
        for line in &page.lines {
            show(line, output)?;
            left -= 1;
            if left == 0 {
                return Ok(());
            }
        }
        output.flush()?;
        page = ask(client, &process, Some(page.next), WAIT_MS, args.bodies)?;
    }
}

fn ask(
    client: &Client,
    process: &ProcessId,
    after: Option<u64>,
    wait_ms: u64,
    body_bytes: u64,
) -> CliResult<TracePage> {
    let command = KernelCommand::Trace { process: process.clone(), after, wait_ms, body_bytes };
    match client.kernel(&command)? {
        KernelResponse::Trace(page) => Ok(page),
        other => Err(unexpected("the kernel", &other)),
    }
}

fn show(line: &TraceLine, output: &mut Output) -> CliResult<()> {
    match output.format() {
        Format::Json => output.json(line),
        Format::Text => output.line(&for_people(line, output.colour())),
    }
}

fn for_people(line: &TraceLine, colour: Colour) -> String {
    let (arrow, style) = match (line.kind, line.direction) {
        (TracedKind::Failed(_), _) => ("x ", Style::Red),
        (_, Direction::In) => ("<-", Style::Cyan),
        (_, Direction::Out) => ("->", Style::Green),
    };
    let kind = match line.kind {
        TracedKind::Request { .. } => "request ",
        TracedKind::Response => "response",
        TracedKind::Failed(_) => "failed  ",
    };
    let mut parts = vec![
        colour.paint(Style::Dim, &time_of_day(line.at_us)),
        colour.paint(style, arrow),
        kind.to_owned(),
        colour.paint(Style::Bold, &text::clean_line(&line.peer)),
        colour.paint(Style::Dim, &text::clean_line(&line.request)),
    ];
    match line.kind {
        TracedKind::Failed(reason) => parts.push(reason.as_str().replace('_', " ")),
        TracedKind::Request { expects_response: Some(seconds) } => parts.push(format!("waits {seconds} s")),
        TracedKind::Request { expects_response: None } | TracedKind::Response => {}
    }
    if let Some(us) = line.took_us {
        parts.push(format!("after {}", span(us)));
    }
    if !matches!(line.kind, TracedKind::Failed(_)) {
        parts.push(size(line.body_bytes));
    }
    parts.extend(line.blob_bytes.map(|bytes| format!("blob of {}", size(bytes))));
    match line.capabilities {
        0 => {}
        1 => parts.push("1 capability".to_owned()),
        more => parts.push(format!("{more} capabilities")),
    }
    match &line.body {
        None => {}
        Some(TracedBody::Text(text)) => parts.push(text::clean_line(text)),
        Some(TracedBody::Hex(hex)) => parts.push(format!("0x{}", text::clean_line(hex))),
    }
    parts.join("  ")
}

fn size(bytes: u64) -> String {
    text::bytes(usize::try_from(bytes).unwrap_or(usize::MAX))
}

/// Microseconds for people.
fn span(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} us"),
        1_000..1_000_000 => format!("{}.{:03} ms", us / 1_000, us % 1_000),
        _ => text::duration(us / 1_000),
    }
}

/// The time of day in UTC, as in the log.
fn time_of_day(at_us: u64) -> String {
    let (seconds, us) = (at_us / 1_000_000, at_us % 1_000_000);
    format!("{:02}:{:02}:{:02}.{us:06}Z", seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use wharf_types::metrics::FailureReason;

    use super::*;

    #[test]
    fn a_line_says_who_what_and_how_long() {
        let request = TraceLine {
            seq: 1,
            at_us: 3_661_000_042,
            direction: Direction::Out,
            kind: TracedKind::Request { expects_response: Some(5) },
            peer: "a.os@vfs:distro:sys".to_owned(),
            request: "00ff00ff00ff00ff".to_owned(),
            body_bytes: 2,
            blob_bytes: Some(1_536),
            capabilities: 1,
            body: Some(TracedBody::Text("{\n".to_owned())),
            took_us: None,
        };
        assert_eq!(
            for_people(&request, Colour::Off),
            "01:01:01.000042Z  ->  request   a.os@vfs:distro:sys  00ff00ff00ff00ff  waits 5 s  2 bytes  blob of 1.5 KiB  \
             1 capability  {\\n"
        );
        let failed = TraceLine {
            kind: TracedKind::Failed(FailureReason::NotAllowed),
            blob_bytes: None,
            capabilities: 0,
            body: None,
            took_us: Some(1_234),
            ..request
        };
        assert_eq!(
            for_people(&failed, Colour::Off),
            "01:01:01.000042Z  x   failed    a.os@vfs:distro:sys  00ff00ff00ff00ff  not allowed  after 1.234 ms"
        );
    }
}
