//! What has to come of a step, and in what a result differs from it.

use serde::Deserialize;
use serde_json::Value;

use crate::text;

/// Longest part of a result that is shown.
const SHOWN_CHARS: usize = 400;

/// What has to come of a step. What is not named may be anything.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expect {
    /// HTTP status.
    pub(crate) status: Option<u16>,
    /// The body as JSON: what is named has to be in it.
    pub(crate) body: Option<Value>,
    /// The body as it is.
    pub(crate) text: Option<String>,
    /// A part of the body.
    pub(crate) contains: Option<String>,
    /// A part of the reason for which it was refused.
    pub(crate) failure: Option<String>,
}

/// What came of a step.
#[derive(Debug)]
pub(crate) struct Came {
    /// HTTP status, of an HTTP request.
    pub(crate) status: Option<u16>,
    /// The body.
    pub(crate) body: Vec<u8>,
    /// Why it was refused, if it was.
    pub(crate) failure: Option<String>,
}

impl Expect {
    /// In what `came` is not as expected.
    pub(crate) fn differs(&self, came: &Came) -> Option<String> {
        if let Some(differs) = self.status_differs(came).or_else(|| self.failure_differs(came)) {
            return Some(differs);
        }
        let body = String::from_utf8_lossy(&came.body);
        if let Some(expected) = self.text.as_ref().filter(|expected| **expected != *body) {
            return Some(format!("the body is {}, expected {}", shown(&body), shown(expected)));
        }
        if let Some(part) = self.contains.as_ref().filter(|part| !body.contains(part.as_str())) {
            return Some(format!("the body is {}, without {}", shown(&body), shown(part)));
        }
        let expected = self.body.as_ref()?;
        match serde_json::from_slice(&came.body) {
            Ok(actual) => differs(expected, &actual, "")
                .map(|(at, what)| format!("the body{at} {what}; the whole body is {}", shown(&body))),
            Err(_) => Some(format!("the body is {}, which is not JSON", shown(&body))),
        }
    }

    fn status_differs(&self, came: &Came) -> Option<String> {
        let status = came.status?;
        let (fits, expected) = match self.status {
            Some(expected) => (status == expected, expected.to_string()),
            None => ((200..300).contains(&status), "200 to 299".to_owned()),
        };
        (!fits).then(|| {
            format!(
                "the status is {status}, expected {expected}; the body is {}",
                shown(&String::from_utf8_lossy(&came.body))
            )
        })
    }

    fn failure_differs(&self, came: &Came) -> Option<String> {
        match (&self.failure, &came.failure) {
            (None, None) => None,
            (None, Some(failure)) => Some(format!("it was refused: {}", shown(failure))),
            (Some(expected), None) => Some(format!("it was not refused, expected {}", shown(expected))),
            (Some(expected), Some(failure)) => (!failure.contains(expected.as_str()))
                .then(|| format!("it was refused with {}, expected {}", shown(failure), shown(expected))),
        }
    }
}

/// Where and how `actual` is not as `expected`: objects may have more keys than are expected, lists no more values.
fn differs(expected: &Value, actual: &Value, at: &str) -> Option<(String, String)> {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            expected.iter().find_map(|(key, expected)| match actual.get(key) {
                Some(actual) => differs(expected, actual, &format!("{at}.{key}")),
                None => Some((at.to_owned(), format!("has no {key:?}"))),
            })
        }
        (Value::Array(expected), Value::Array(actual)) if expected.len() == actual.len() => {
            let mut pairs = expected.iter().zip(actual).enumerate();
            pairs.find_map(|(i, (expected, actual))| differs(expected, actual, &format!("{at}[{i}]")))
        }
        // 1 and 1.0 are the same number.
        (Value::Number(a), Value::Number(b)) if a.as_f64() == b.as_f64() && a.is_f64() != b.is_f64() => None,
        _ if expected == actual => None,
        _ => Some((
            at.to_owned(),
            format!("is {}, expected {}", shown(&actual.to_string()), shown(&expected.to_string())),
        )),
    }
}

fn shown(text: &str) -> String {
    let clean = text::clean_line(text);
    match clean.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}… ({} bytes)", clean.get(..end).unwrap_or_default(), text.len()),
        None if clean.is_empty() => "empty".to_owned(),
        None => clean,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(expected: Value, actual: &str) -> Option<String> {
        let came = Came { status: None, body: actual.as_bytes().to_vec(), failure: None };
        Expect { body: Some(expected), ..Expect::default() }.differs(&came)
    }

    #[test]
    fn more_may_come_than_is_expected_and_nothing_less() {
        assert_eq!(said(json!({"a": {"b": [1, {"c": 2}]}}), r#"{"a":{"b":[1,{"c":2,"d":3}]},"e":0}"#), None);
        assert_eq!(said(json!(1), "1.0"), None);
        assert!(said(json!({"a": {"b": 1}}), r#"{"a":{"b":2}}"#).unwrap().starts_with("the body.a.b is 2, expected 1"));
        assert!(said(json!({"a": 1}), "{}").unwrap().starts_with("the body has no \"a\""));
        assert!(said(json!([1]), "[1,2]").is_some());
        assert!(said(json!("a"), "a").unwrap().contains("not JSON"));
    }

    #[test]
    fn a_refusal_is_a_failure_unless_it_is_expected() {
        let refused = Came { status: None, body: Vec::new(), failure: Some("not now".to_owned()) };
        assert!(Expect::default().differs(&refused).is_some());
        let expect = |failure: &str| Expect { failure: Some(failure.to_owned()), ..Expect::default() };
        assert_eq!(expect("now").differs(&refused), None);
        assert!(expect("never").differs(&refused).is_some());
        let answered = Came { failure: None, ..refused };
        assert!(expect("now").differs(&answered).is_some());
    }

    #[test]
    fn a_status_is_a_good_one_unless_another_is_expected() {
        let came = |status| Came { status: Some(status), body: Vec::new(), failure: None };
        assert_eq!(Expect::default().differs(&came(204)), None);
        assert!(Expect::default().differs(&came(404)).is_some());
        assert_eq!(Expect { status: Some(404), ..Expect::default() }.differs(&came(404)), None);
    }
}
