//! Who is asking: the control token, and whether a request comes from this machine.

use std::net::{IpAddr, Ipv4Addr};

use hyper::header::{AUTHORIZATION, FORWARDED, HOST, HeaderMap, VIA};
use hyper::http::request::Parts;

use crate::auth::Tools;
use crate::auth::sha256;

/// Shortest token that is accepted.
const TOKEN_BYTES_MIN: usize = 16;

/// The token could be guessed.
#[derive(Debug, thiserror::Error)]
#[error("the control token is shorter than {TOKEN_BYTES_MIN} bytes")]
pub struct WeakToken;

/// The secret that shows that a request is from the node's owner. Only its digest is kept.
#[derive(Clone)]
pub struct ControlToken {
    digest: [u8; 32],
}

impl ControlToken {
    /// Takes the token that is in the node's home.
    pub fn new(token: &str) -> Result<Self, WeakToken> {
        let token = token.trim();
        if token.len() < TOKEN_BYTES_MIN {
            return Err(WeakToken);
        }
        Ok(Self { digest: sha256(token.as_bytes()) })
    }

    /// Whether this is the token. Takes as long for every wrong one: digests are compared, and all of them.
    fn is(&self, presented: &[u8]) -> bool {
        let pairs = self.digest.iter().zip(sha256(presented));
        pairs.fold(0, |difference, (ours, theirs)| difference | (ours ^ theirs)) == 0
    }

    /// Whether the headers carry `Authorization: Bearer <token>`.
    pub(crate) fn is_in(&self, headers: &HeaderMap) -> bool {
        headers.get_all(AUTHORIZATION).iter().any(|value| bearer(value.as_bytes()).is_some_and(|token| self.is(token)))
    }
}

/// Why a request is not taken for one of the owner's tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotOwner {
    /// It could come from somebody else.
    #[error(transparent)]
    NotLocal(#[from] NotLocal),
    /// It does not show the token.
    #[error("send the control token from the node's home, as `Authorization: Bearer <token>`")]
    NoToken,
}

/// Checks that a request comes from a tool of the owner on this machine. The order matters: until the token has been
/// seen, nothing is said about what would come next.
pub(crate) fn check_owner(peer: IpAddr, parts: &Parts, token: &ControlToken) -> Result<(), NotOwner> {
    check_local_tool(peer, parts)?;
    if token.is_in(&parts.headers) { Ok(()) } else { Err(NotOwner::NoToken) }
}

/// [`check_owner`], but that what [`Tools`] says is enough. Whatever shows a token has to show the right one.
pub(crate) fn check_tool(peer: IpAddr, parts: &Parts, token: &ControlToken, tools: Tools) -> Result<(), NotOwner> {
    match tools {
        Tools::KitCompat if !parts.headers.contains_key(AUTHORIZATION) => Ok(check_local_tool(peer, parts)?),
        Tools::KitCompat | Tools::Token => check_owner(peer, parts, token),
    }
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked("bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

/// Why a request does not count as one from this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotLocal {
    /// Another machine.
    #[error("the request comes from another machine")]
    Peer,
    /// A proxy on this machine passes it on for someone (S6).
    #[error("the request was passed on by a proxy")]
    Forwarded,
    /// A name that anyone may point at this machine (S5: DNS rebinding).
    #[error("the request names another host than this machine")]
    Host,
    /// A script in a page, or a form (S5).
    #[error("the request comes from a web page")]
    Page,
}

const FORWARDING: [&str; 5] = ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "x-forwarded"];

/// Checks that a request comes from this machine and was meant for it.
pub(crate) fn check_local(peer: IpAddr, parts: &Parts) -> Result<(), NotLocal> {
    if !peer.to_canonical().is_loopback() {
        return Err(NotLocal::Peer);
    }
    if [FORWARDED, VIA].iter().any(|name| parts.headers.contains_key(name))
        || FORWARDING.iter().any(|name| parts.headers.contains_key(*name))
    {
        return Err(NotLocal::Forwarded);
    }
    let mut hosts = parts.headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return Err(NotLocal::Host) };
    // A request line with a whole URL names a host too.
    let in_url = parts.uri.authority().is_none_or(|authority| is_loopback_host(authority.as_str()));
    if !in_url || !host.to_str().is_ok_and(is_loopback_host) {
        return Err(NotLocal::Host);
    }
    Ok(())
}

/// [`check_local`], and that no web page has anything to do with it.
pub(crate) fn check_local_tool(peer: IpAddr, parts: &Parts) -> Result<(), NotLocal> {
    check_local(peer, parts)?;
    let mut sites = parts.headers.get_all("sec-fetch-site").iter();
    if parts.headers.contains_key("origin") || !sites.all(|site| site.as_bytes() == b"none") {
        return Err(NotLocal::Page);
    }
    Ok(())
}

/// Splits `host:port`; the host of `[::1]:80` keeps its brackets.
pub(crate) fn split_port(host: &str) -> (&str, &str) {
    let name_ends = host.rfind(']').map_or(0, |bracket| bracket + 1);
    match host.get(name_ends..).and_then(|rest| rest.find(':')) {
        Some(colon) => host.split_at_checked(name_ends + colon).unwrap_or((host, "")),
        None => (host, ""),
    }
}

/// Whether a `Host` header can only mean this machine: `localhost` and names below it, `127.0.0.0/8` or `[::1]`, with any
/// port.
fn is_loopback_host(host: &str) -> bool {
    let (name, port) = split_port(host);
    let port_is_a_number = port.bytes().skip(1).all(|b| b.is_ascii_digit());
    port_is_a_number
        && (is_localhost(name)
            || name == "[::1]"
            || name.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback()))
}

/// `localhost`, or a subdomain of it: RFC 6761 gives the whole of it to this machine.
fn is_localhost(name: &str) -> bool {
    const LOCALHOST: &str = "localhost";
    let begins = name.len().saturating_sub(LOCALHOST.len());
    match name.split_at_checked(begins) {
        Some((above, last)) => last.eq_ignore_ascii_case(LOCALHOST) && (above.is_empty() || above.ends_with('.')),
        None => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use hyper::Request;

    use super::*;

    const TOKEN: &str = "0123456789abcdef0123456789abcdef";
    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn parts(headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().uri("/x");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn only_the_token_is_the_token() {
        let token = ControlToken::new(&format!("{TOKEN}\n")).unwrap();
        for (value, accepted) in [
            (format!("Bearer {TOKEN}"), true),
            (format!("bearer  {TOKEN} "), true),
            (format!("Bearer {TOKEN}0"), false),
            (format!("Basic {TOKEN}"), false),
            (TOKEN.to_owned(), false),
            ("Bearer ".to_owned(), false),
            ("Bearer".to_owned(), false),
            (String::new(), false),
        ] {
            assert_eq!(token.is_in(&parts(&[("authorization", &value)]).headers), accepted, "{value}");
        }
        assert!(!token.is_in(&HeaderMap::new()));
    }

    #[test]
    fn an_empty_token_file_is_no_token() {
        assert!(ControlToken::new("").is_err());
        assert!(ControlToken::new(" \n                    ").is_err());
        assert!(ControlToken::new("short").is_err());
    }

    /// S5: a page whose name was pointed at this machine says so in `Host`.
    #[test]
    fn s5_only_loopback_names_are_this_machine() {
        for host in [
            "localhost",
            "LOCALHOST:8080",
            "127.0.0.1",
            "127.1.2.3:80",
            "[::1]",
            "[::1]:8080",
            "localhost:",
            "a.localhost:80",
        ] {
            assert_eq!(check_local(HERE, &parts(&[("host", host)])), Ok(()), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "evillocalhost",
            "evil@localhost",
            "127.0.0.1.evil.example:80",
            "localhost@evil.example",
            "evil.example:80@localhost",
            "127.0.0.1:80@evil.example",
            "10.0.0.1",
            "0.0.0.0",
            "[::2]",
            "[::1].evil.example",
            "::1",
            "2130706433",
        ] {
            assert_eq!(check_local(HERE, &parts(&[("host", host)])), Err(NotLocal::Host), "{host}");
        }
        assert_eq!(check_local(HERE, &parts(&[])), Err(NotLocal::Host));
        assert_eq!(check_local(HERE, &parts(&[("host", "localhost"), ("host", "evil.example")])), Err(NotLocal::Host));
    }

    #[test]
    fn s5_a_url_in_the_request_line_counts_as_a_host() {
        let mut parts = parts(&[("host", "localhost")]);
        parts.uri = "http://evil.example/x".parse().unwrap();
        assert_eq!(check_local(HERE, &parts), Err(NotLocal::Host));
    }

    #[test]
    fn s5_web_pages_are_no_tools() {
        for page in [("origin", "http://localhost"), ("origin", "null"), ("sec-fetch-site", "same-origin")] {
            assert_eq!(check_local_tool(HERE, &parts(&[("host", "localhost"), page])), Err(NotLocal::Page), "{page:?}");
        }
        assert_eq!(check_local_tool(HERE, &parts(&[("host", "localhost"), ("sec-fetch-site", "none")])), Ok(()));
    }

    /// S6: behind a proxy on this machine, every peer is loopback.
    #[test]
    fn s6_what_a_proxy_passes_on_is_not_local() {
        for header in ["forwarded", "via", "x-forwarded-for", "x-real-ip"] {
            let parts = parts(&[("host", "localhost"), (header, "1.2.3.4")]);
            assert_eq!(check_local(HERE, &parts), Err(NotLocal::Forwarded), "{header}");
        }
    }

    #[test]
    fn other_machines_are_not_local() {
        let parts = parts(&[("host", "localhost")]);
        for (ip, local) in
            [("127.0.0.2", true), ("::1", true), ("::ffff:127.0.0.1", true), ("10.0.0.1", false), ("::", false)]
        {
            assert_eq!(check_local(ip.parse().unwrap(), &parts).is_ok(), local, "{ip}");
        }
    }

    #[test]
    fn ports_are_split_off() {
        for (host, name) in [("a:80", "a"), ("a", "a"), ("[::1]:80", "[::1]"), ("[::1]", "[::1]"), ("", ""), ("]", "]")]
        {
            assert_eq!(split_port(host).0, name);
        }
    }
}
