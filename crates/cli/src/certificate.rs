//! How the node stands with the authority that gives its certificate, as the daemon writes it into the home.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::Value;
use wharf_home::Home;

use crate::text;

/// A certificate that ends within this time, and that could not be renewed, is soon the end of all visits.
const SOON_S: i64 = 7 * 86_400;

/// The document; times in seconds since 1970.
#[derive(Debug, Deserialize)]
pub(crate) struct Certificate {
    names: Vec<String>,
    directory: String,
    valid_until: Option<i64>,
    problem: Option<String>,
    next_try: Option<i64>,
    /// All of it, for programs.
    #[serde(skip)]
    pub(crate) document: Value,
}

impl Certificate {
    /// `None`: the node that runs gets no certificate from an authority, or none runs.
    pub(crate) fn of(home: &Home) -> Option<Self> {
        let document: Value = serde_json::from_slice(&fs::read(home.certificate_status()).ok()?).ok()?;
        let read: Self = serde_json::from_value(document.clone()).ok()?;
        Some(Self { document, ..read })
    }

    /// In one line.
    pub(crate) fn line(&self) -> String {
        self.line_at(now())
    }

    fn line_at(&self, now: i64) -> String {
        let names = self.names.join(", ");
        let good = match self.valid_until.map(|until| until.saturating_sub(now)) {
            None => "none was issued yet; one of the node's own is in use".to_owned(),
            Some(left) if left <= 0 => "has ended".to_owned(),
            Some(left) => format!("good for {}", span(left)),
        };
        let problem = self.problem.as_ref().map(|problem| {
            let next = self.next_try.map_or(0, |next| next.saturating_sub(now));
            format!("; the last try failed: {problem}; the next one is in {}", span(next))
        });
        format!("{names}: {good}{}", problem.unwrap_or_default())
    }

    /// Whether visitors are, or soon will be, warned off.
    pub(crate) fn is_bad(&self) -> bool {
        let ends_soon = self.valid_until.is_none_or(|until| until.saturating_sub(now()) < SOON_S);
        self.problem.is_some() && ends_soon
    }

    /// What failed, if the last try did.
    pub(crate) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// Who is asked.
    pub(crate) fn directory(&self) -> &str {
        &self.directory
    }
}

fn span(seconds: i64) -> String {
    text::duration(u64::try_from(seconds).unwrap_or_default().saturating_mul(1_000))
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(valid_until: Option<i64>, problem: Option<&str>) -> Certificate {
        Certificate {
            names: vec!["a.example".to_owned(), "b.example".to_owned()],
            directory: "https://ca.example/dir".to_owned(),
            valid_until,
            problem: problem.map(str::to_owned),
            next_try: problem.map(|_| 1_000 + 300),
            document: Value::Null,
        }
    }

    #[test]
    fn it_is_said_in_plain_words() {
        let line = |valid_until, problem| certificate(valid_until, problem).line_at(1_000);
        assert_eq!(line(Some(1_000 + 86_400), None), "a.example, b.example: good for 1 d 0 h");
        assert_eq!(line(Some(999), None), "a.example, b.example: has ended");
        assert_eq!(
            line(None, Some("refused")),
            "a.example, b.example: none was issued yet; one of the node's own is in use; the last try failed: refused; \
             the next one is in 5 min 0 s"
        );
    }

    #[test]
    fn a_failure_is_a_problem_when_visitors_notice() {
        assert!(!certificate(None, None).is_bad());
        assert!(certificate(None, Some("refused")).is_bad());
        assert!(certificate(Some(now() + 86_400), Some("refused")).is_bad());
        assert!(!certificate(Some(now() + 30 * 86_400), Some("refused")).is_bad());
    }
}
