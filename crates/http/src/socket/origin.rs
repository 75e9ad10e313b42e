//! Which web pages may open a WebSocket that only the owner may use.
//!
//! A browser sends its cookies with every WebSocket, whatever page opens it, and lets the page read what comes: without
//! this check, any page the owner visits could speak as the owner (cross-site WebSocket hijacking).

use hyper::header::{HOST, ORIGIN};
use hyper::http::request::Parts;

/// A page of another site asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a page of another site may not open this WebSocket")]
pub(crate) struct OtherSite;

/// Checks that the page that asks, if one does, comes from the host that it asks. Browsers always name the page in
/// `Origin`; programs that are none leave it out and prove otherwise who they are.
pub(crate) fn check_origin(parts: &Parts) -> Result<(), OtherSite> {
    let mut origins = parts.headers.get_all(ORIGIN).iter();
    let Some(origin) = origins.next() else { return Ok(()) };
    let mut hosts = parts.headers.get_all(HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok());
    let host = host.or_else(|| parts.uri.authority().map(|authority| authority.as_str()));
    let page = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")));
    match (page, host, origins.next(), hosts.next()) {
        (Some(page), Some(host), None, None) if page.eq_ignore_ascii_case(host) => Ok(()),
        _ => Err(OtherSite),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use hyper::Request;

    use super::*;

    fn checked(headers: &[(&str, &str)]) -> bool {
        let mut request = Request::builder().uri("/x");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        check_origin(&request.body(()).unwrap().into_parts().0).is_ok()
    }

    #[test]
    fn only_pages_of_the_same_host_and_programs_may() {
        let host = ("host", "node.example:8080");
        assert!(checked(&[host]));
        for origin in ["http://node.example:8080", "https://NODE.example:8080"] {
            assert!(checked(&[host, ("origin", origin)]), "{origin}");
        }
        for origin in [
            "null",
            "",
            "http://node.example",
            "http://evil.example",
            "http://node.example:8080.evil.example",
            "http://node.example:8080@evil.example",
            "file://node.example:8080",
            "node.example:8080",
        ] {
            assert!(!checked(&[host, ("origin", origin)]), "{origin}");
        }
        let same = ("origin", "http://node.example:8080");
        assert!(!checked(&[same]));
        assert!(!checked(&[host, same, ("origin", "http://evil.example")]));
        assert!(!checked(&[host, ("host", "evil.example"), same]));
    }
}
