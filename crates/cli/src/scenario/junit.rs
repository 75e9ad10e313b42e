//! Results of tests as JUnit XML, which servers that run tests read.

use std::fmt::Write as _;

use super::report::said;
use super::run::Outcome;

/// The whole file.
pub(crate) fn render(package: &str, outcomes: &[Outcome]) -> String {
    let failures = outcomes.iter().filter(|outcome| outcome.failure.is_some()).count();
    let seconds: f64 = outcomes.iter().map(|outcome| outcome.took.as_secs_f64()).sum();
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let mut add = |line: std::fmt::Arguments<'_>| {
        // Writing to a string cannot fail.
        let _ = xml.write_fmt(line);
    };
    let (package, tests) = (escape(package), outcomes.len());
    add(format_args!(
        "<testsuites>\n<testsuite name=\"{package}\" tests=\"{tests}\" failures=\"{failures}\" time=\"{seconds:.3}\">\n"
    ));
    for outcome in outcomes {
        let (class, name) = (escape(&outcome.scenario.file.display().to_string()), escape(&outcome.scenario.name));
        let time = outcome.took.as_secs_f64();
        add(format_args!("<testcase classname=\"{class}\" name=\"{name}\" time=\"{time:.3}\">"));
        if let Some(failure) = &outcome.failure {
            let (said, log) = (escape(&said(outcome, failure)), escape(&failure.log.join("\n")));
            add(format_args!("<failure message=\"{said}\">{said}</failure><system-out>{log}</system-out>"));
        }
        add(format_args!("</testcase>\n"));
    }
    add(format_args!("</testsuite>\n</testsuites>\n"));
    xml
}

/// As text and as the value of an attribute. Characters that XML cannot have at all become `?`.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            '\t' => escaped.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('?'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_guest_becomes_a_tag() {
        assert_eq!(escape("<a b=\"c\">&\u{1b}[0m\n"), "&lt;a b=&quot;c&quot;&gt;&amp;?[0m&#10;");
    }
}
