//! Where a browser goes on after logging in. The text comes from a URL that anyone may have written.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// Longest path that is followed.
const BYTES_MAX: usize = 2_048;

/// What is not the same in the value of a query.
const IN_QUERY: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'&')
    .add(b'\'')
    .add(b'+')
    .add(b'<')
    .add(b'=')
    .add(b'>')
    .add(b'?')
    .add(b'\\')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// A path, perhaps with a query, that stays on the origin it is followed on, and is valid in a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LocalPath(String);

impl LocalPath {
    /// Takes the text if it can only mean a path here.
    ///
    /// `//host` and, for browsers, `/\host` name another host; blanks and control characters are dropped by some
    /// browsers, so that `/<tab>/host` becomes one.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let mut bytes = text.bytes();
        let stays = bytes.next() == Some(b'/') && !matches!(bytes.next(), Some(b'/' | b'\\'));
        let plain = text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
        (stays && plain && text.len() <= BYTES_MAX).then(|| Self(text.to_owned()))
    }

    /// The root.
    pub(crate) fn root() -> Self {
        Self("/".to_owned())
    }

    /// The text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// It as the value of a query.
    pub(crate) fn in_query(&self) -> Cow<'_, str> {
        utf8_percent_encode(&self.0, IN_QUERY).into()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use hyper::header::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn c9_only_paths_of_this_origin_are_followed() {
        for good in ["/", "/a", "/a:b:c/d?e=f&g=%2F/", "/a//b", "/?//x"] {
            assert_eq!(LocalPath::new(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "a",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example",
            "/\t/evil.example",
            "/a\r\nSet-Cookie: x",
            "/a b",
            "/\u{e9}",
            "javascript:alert(1)",
            " /a",
            "/a\0",
            "/a\\b",
        ] {
            assert_eq!(LocalPath::new(bad), None, "{bad:?}");
        }
        assert_eq!(LocalPath::new(&format!("/{}", "a".repeat(BYTES_MAX))), None);
    }

    proptest! {
        #[test]
        fn c9_whatever_is_asked_for_is_a_header_and_stays_here(text in "(/|\\\\|[ -~]|\\PC|[\t\r\n]){0,12}") {
            if let Some(path) = LocalPath::new(&text) {
                prop_assert!(HeaderValue::from_str(path.as_str()).is_ok());
                prop_assert!(path.as_str().starts_with('/') && !path.as_str().starts_with("//"));
                let uri: Result<hyper::Uri, _> = format!("http://here{}", path.as_str()).parse();
                prop_assert!(uri.is_err() || uri.unwrap().host() == Some("here"));
                let decoded = percent_encoding::percent_decode_str(&path.in_query()).decode_utf8().unwrap().into_owned();
                prop_assert_eq!(decoded, text);
            }
        }
    }
}
