//! `wharf doctor`: what is missing or wrong, and what mends it.

use wharf_home::Home;

use crate::doctor::{self, Finding, State};
use crate::errors::{CliError, CliResult};
use crate::output::{Format, Output, Style};
use crate::text;

/// Shows what was found.
pub(crate) fn run(home: &Home, output: &mut Output) -> CliResult<()> {
    let findings = doctor::examine(home);
    match output.format() {
        Format::Json => output.json(&findings)?,
        Format::Text => findings.iter().try_for_each(|finding| show(finding, output))?,
    }
    match findings.iter().filter(|finding| finding.state == State::Problem).count() {
        0 => Ok(()),
        1 => Err(CliError::refused("there is a problem")),
        several => Err(CliError::refused(format_args!("there are {several} problems"))),
    }
}

fn show(finding: &Finding, output: &mut Output) -> CliResult<()> {
    let (style, state) = match finding.state {
        State::Ok => (Style::Green, "ok     "),
        State::Note => (Style::Cyan, "note   "),
        State::Problem => (Style::Red, "PROBLEM"),
    };
    let state = output.colour().paint(style, state);
    output.line(&format!("{state}  {:<15}  {}", finding.check, text::clean_line(&finding.found)))?;
    match &finding.mend {
        Some(mend) => output.line(&format!("         {:<15}  -> {}", "", text::clean_line(mend))),
        None => Ok(()),
    }
}
