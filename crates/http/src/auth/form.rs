//! What is sent to `/login`: a form, or JSON.

use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderMap};
use percent_encoding::percent_decode;
use serde::Deserialize;

/// Longest body.
pub(crate) const BYTES_MAX: usize = 16 << 10;

/// The fields. All may be missing.
#[derive(Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Form {
    /// The password, or the one that is to be set.
    pub(crate) password: String,
    /// Where to go on.
    pub(crate) redirect: String,
    /// The subdomain to go on to.
    pub(crate) to: String,
    /// A one-time link.
    pub(crate) link: String,
    /// That this browser was sent around once already, so that it shows its cookie.
    pub(crate) again: String,
}

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// By a page.
    Form,
    /// By a program.
    Json,
}

/// How the body of a request is written. `None`: in none of the ways that are understood.
pub(crate) fn written(headers: &HeaderMap) -> Option<Written> {
    let media_type = headers.get(CONTENT_TYPE)?.to_str().ok()?.split(';').next()?.trim();
    if media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        Some(Written::Form)
    } else if media_type.eq_ignore_ascii_case("application/json") {
        Some(Written::Json)
    } else {
        None
    }
}

/// Whether whoever asks shows what it gets to a person.
pub(crate) fn wants_html(headers: &HeaderMap) -> bool {
    headers.get_all(ACCEPT).iter().any(|value| value.to_str().is_ok_and(|accept| accept.contains("text/html")))
}

impl Form {
    /// Reads a query, or a body like one. Unknown fields are left alone, of equal ones the last counts.
    pub(crate) fn of_query(query: &[u8]) -> Self {
        let mut form = Self::default();
        for pair in query.split(|b| *b == b'&') {
            let mut halves = pair.splitn(2, |b| *b == b'=');
            let name = decode(halves.next().unwrap_or_default());
            let value = decode(halves.next().unwrap_or_default());
            match name.as_str() {
                "password" => form.password = value,
                "redirect" => form.redirect = value,
                "to" => form.to = value,
                "link" => form.link = value,
                "again" => form.again = value,
                _ => {}
            }
        }
        form
    }

    /// Reads a body.
    pub(crate) fn read(written: Written, body: &[u8]) -> Result<Self, serde_json::Error> {
        match written {
            Written::Form => Ok(Self::of_query(body)),
            Written::Json => serde_json::from_slice(body),
        }
    }
}

fn decode(text: &[u8]) -> String {
    let blanks: Vec<u8> = text.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
    percent_decode(&blanks).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn forms_and_json_say_the_same() {
        let form =
            Form::read(Written::Form, b"password=a+b%26%C3%A9&redirect=%2Fx%3Fy&odd&to=z&password=last").unwrap();
        assert!(form.password == "last" && form.redirect == "/x?y" && form.to == "z" && form.link.is_empty());
        let form = Form::read(Written::Form, b"password=a+b%26%C3%A9").unwrap();
        assert!(form == Form::read(Written::Json, r#"{"password":"a b&é"}"#.as_bytes()).unwrap());
        for bad in ["", "{\"password\":1}", "{\"pasword\":\"\"}"] {
            assert!(Form::read(Written::Json, bad.as_bytes()).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_sent_is_read(body in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = Form::of_query(&body);
            let _ = Form::read(Written::Json, &body);
        }
    }
}
