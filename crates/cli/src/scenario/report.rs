//! Results of tests for people, and as JSON.

use serde_json::{Value, json};

use super::run::{Outcome, StepFailure};
use crate::errors::CliResult;
use crate::output::{Output, Style};
use crate::text;

/// Tells how one test ended.
pub(crate) fn tell(outcome: &Outcome, output: &mut Output) -> CliResult<()> {
    let name = title(outcome);
    let took = format!("({:.1} s)", outcome.took.as_secs_f64());
    let took = output.colour().paint(Style::Dim, &took);
    match &outcome.failure {
        None => {
            let ok = output.colour().paint(Style::Green, "ok  ");
            output.line(&format!("{ok}  {name} {took}"))?;
        }
        Some(failure) => {
            let failed = output.colour().paint(Style::Red, "FAIL");
            output.line(&format!("{failed}  {name} {took}"))?;
            output.line(&format!("      {}", text::clean_block(&said(outcome, failure), "      ")))?;
            for line in &failure.log {
                let line = output.colour().paint(Style::Dim, &format!("      | {line}"));
                output.line(&line)?;
            }
        }
    }
    output.flush()
}

/// Tells how many of each there were.
pub(crate) fn sum_up(outcomes: &[Outcome], output: &mut Output) -> CliResult<()> {
    let failed = outcomes.iter().filter(|outcome| outcome.failure.is_some()).count();
    let passed = outcomes.len().saturating_sub(failed);
    let style = if failed == 0 { Style::Green } else { Style::Red };
    let line = output.colour().paint(style, &format!("{passed} passed, {failed} failed"));
    output.line(&line)
}

/// All of it.
pub(crate) fn as_json(outcomes: &[Outcome]) -> Value {
    let tests: Vec<Value> = outcomes.iter().map(one_as_json).collect();
    let failed = outcomes.iter().filter(|outcome| outcome.failure.is_some()).count();
    json!({ "passed": outcomes.len().saturating_sub(failed), "failed": failed, "tests": tests })
}

fn one_as_json(outcome: &Outcome) -> Value {
    let failure = outcome.failure.as_ref().map(|failure| {
        let step =
            failure.step.as_ref().map(|(number, line, what)| json!({ "number": number, "line": line, "what": what }));
        json!({ "step": step, "why": failure.why, "log": failure.log })
    });
    json!({
        "file": outcome.scenario.file, "name": outcome.scenario.name,
        "passed": outcome.failure.is_none(), "took_ms": u64::try_from(outcome.took.as_millis()).unwrap_or(u64::MAX),
        "failure": failure,
    })
}

fn title(outcome: &Outcome) -> String {
    let file = outcome.scenario.file.display().to_string();
    format!("{}: {}", text::clean_line(&file), text::clean_line(&outcome.scenario.name))
}

/// Which step it was, and what was wrong.
pub(crate) fn said(outcome: &Outcome, failure: &StepFailure) -> String {
    match &failure.step {
        Some((number, line, what)) => {
            format!("step {number}, {what} ({}:{line}): {}", outcome.scenario.file.display(), failure.why)
        }
        None => failure.why.clone(),
    }
}
