//! Whether a page of another site has a hand in a request that a session comes with (CSRF).
//!
//! Browsers say who made them send it: `Origin`, and `Sec-Fetch-*`. A subdomain is another site here, though browsers
//! count it as the same and send it `SameSite` cookies.

use hyper::Method;
use hyper::header::{HeaderMap, ORIGIN};
use hyper::http::request::Parts;

use super::arrival::Arrival;

/// A page of another site has a hand in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request comes from a page of another site")]
pub(crate) struct CrossSite;

fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Some(value.as_bytes()),
        (None, _) => None,
        (Some(_), Some(_)) => Some(b"several"),
    }
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Checks a request, also one that asks for a WebSocket, before a session in it counts. From elsewhere a page may be
/// linked to, and nothing else. Programs that say nothing about a page are not made to do things by one.
pub(crate) fn check_same_origin(arrival: &Arrival, parts: &Parts) -> Result<(), CrossSite> {
    let headers = &parts.headers;
    if let Some(origin) = only(headers, ORIGIN.as_str()) {
        let is_ours = std::str::from_utf8(origin).is_ok_and(|origin| arrival.is_origin(origin));
        return if is_ours { Ok(()) } else { Err(CrossSite) };
    }
    match only(headers, "sec-fetch-site") {
        None | Some(b"same-origin" | b"none") => Ok(()),
        Some(_) => {
            let follows_link = only(headers, "sec-fetch-mode") == Some(b"navigate")
                && only(headers, "sec-fetch-dest") == Some(b"document");
            if follows_link && is_safe(&parts.method) { Ok(()) } else { Err(CrossSite) }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use hyper::Request;

    use super::*;
    use crate::auth::arrival::Scheme;
    use crate::auth::host::Hosts;

    fn check(method: &str, headers: &[(&str, &str)]) -> bool {
        let mut request = Request::builder().method(method).uri("/x").header("host", "localhost:8080");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(()).unwrap();
        let peer = "127.0.0.1:1".parse().unwrap();
        let arrival = Arrival::new(peer, Scheme::Http, &request, &Hosts::default(), &[]);
        check_same_origin(&arrival, &request.into_parts().0).is_ok()
    }

    const LINK: [(&str, &str); 3] =
        [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];

    #[test]
    fn own_pages_and_programs_may() {
        for headers in [
            &[][..],
            &[("origin", "http://localhost:8080")],
            &[("sec-fetch-site", "same-origin")],
            &[("sec-fetch-site", "none")],
        ] {
            assert!(check("GET", headers) && check("POST", headers), "{headers:?}");
        }
        assert!(check("GET", &LINK));
    }

    #[test]
    fn other_pages_may_not() {
        assert!(!check("POST", &LINK));
        for headers in [
            &[("origin", "http://evil.example")][..],
            &[("origin", "null")],
            &[("origin", "http://app.localhost:8080")],
            &[("origin", "http://localhost:9090")],
            &[("origin", "http://localhost:8080"), ("origin", "http://evil.example")],
            &[("origin", "http://evil.example"), ("sec-fetch-site", "same-origin")],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")],
            &[("sec-fetch-site", "same-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")],
            &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
        ] {
            assert!(!check("GET", headers) && !check("POST", headers), "{headers:?}");
        }
    }
}
