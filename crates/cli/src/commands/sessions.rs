//! `wharf sessions`: the browsers that are logged in.

use std::time::{SystemTime, UNIX_EPOCH};

use wharf_types::login::{LoginCommand, LoginReply, SessionInfo};

use crate::args::{EndSessions, Sessions, SessionsCommand};
use crate::client::{Client, unexpected};
use crate::errors::CliResult;
use crate::output::{Format, Output, note};
use crate::prompt::confirm;
use crate::table::{Align, Cell, Table};
use crate::text;

/// Lists them, or ends some.
pub(crate) fn run(args: &Sessions, client: &Client, output: &mut Output) -> CliResult<()> {
    match &args.command {
        None => list(client, output),
        Some(SessionsCommand::End(args)) => end(args, client, output),
    }
}

fn list(client: &Client, output: &mut Output) -> CliResult<()> {
    let answer = client.login(&LoginCommand::Sessions)?;
    let LoginReply::Sessions(sessions) = &answer else { return Err(unexpected("the node", &answer)) };
    if output.format() == Format::Json {
        return output.json(sessions);
    }
    if sessions.is_empty() {
        note("nobody is logged in; `wharf login-link` prints a link to log in with");
        return Ok(());
    }
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    output.table(&table(sessions, now_s))
}

fn table(sessions: &[SessionInfo], now_s: u64) -> Table {
    let mut table = Table::new(&[
        ("SESSION", Align::Left),
        ("SINCE", Align::Right),
        ("ENDS IN", Align::Right),
        ("FROM", Align::Left),
        ("SUBDOMAIN", Align::Left),
        ("BROWSER", Align::Left),
    ]);
    let duration = |seconds: u64| text::duration(seconds.saturating_mul(1_000));
    for session in sessions {
        table.push(vec![
            Cell::new(&session.id),
            Cell::new(duration(now_s.saturating_sub(session.created_s))),
            Cell::new(duration(session.expires_s.saturating_sub(now_s))),
            Cell::new(&session.from),
            Cell::new(session.subdomain.as_deref().unwrap_or_default()),
            Cell::new(&session.agent),
        ]);
    }
    table
}

fn end(args: &EndSessions, client: &Client, output: &mut Output) -> CliResult<()> {
    let command = match &args.id {
        Some(id) => LoginCommand::End { id: id.clone() },
        None => {
            confirm("Log every browser out?", args.consent.given(), "no session was ended")?;
            LoginCommand::EndAll
        }
    };
    let answer = client.login(&command)?;
    let LoginReply::Ended { ended } = &answer else { return Err(unexpected("the node", &answer)) };
    match output.format() {
        Format::Json => output.json(&answer),
        Format::Text => output.line(&format!("sessions that ended: {ended}")),
    }
}
