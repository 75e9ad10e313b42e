//! Whether the client has it already: `If-None-Match` and `If-Range`.

use hyper::header::{HeaderMap, IF_NONE_MATCH, IF_RANGE};

/// Whether the client has what this tag stands for. Weak tags match too: it only wants to keep what it has.
pub(super) fn has_it(headers: &HeaderMap, tag: &str) -> bool {
    let values = headers.get_all(IF_NONE_MATCH);
    let mut tags = values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    tags.any(|given| {
        let given = given.trim();
        given == "*" || given.strip_prefix("W/").unwrap_or(given) == tag
    })
}

/// Whether a part may be sent: the client names no other whole than this. A weak tag or a date never is the same.
pub(super) fn may_be_part(headers: &HeaderMap, tag: &str) -> bool {
    headers.get(IF_RANGE).is_none_or(|value| value.as_bytes() == tag.as_bytes())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn tags_are_compared() {
        for (value, has) in [
            (r#""a""#, true),
            (r#"W/"a""#, true),
            (r#""b", W/"a""#, true),
            ("*", true),
            (r#""b""#, false),
            ("a", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(IF_NONE_MATCH, value.parse().unwrap())]);
            assert_eq!(has_it(&headers, r#""a""#), has, "{value}");
        }
        assert!(!has_it(&HeaderMap::new(), r#""a""#));
        for (value, may) in [(r#""a""#, true), (r#"W/"a""#, false), ("Sat, 21 Nov 2026 17:00:00 GMT", false)] {
            let headers = HeaderMap::from_iter([(IF_RANGE, value.parse().unwrap())]);
            assert_eq!(may_be_part(&headers, r#""a""#), may, "{value}");
        }
        assert!(may_be_part(&HeaderMap::new(), r#""a""#));
    }
}
