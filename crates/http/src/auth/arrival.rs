//! From where, and by which name, a request came.
//!
//! What proxies say is believed only of those that the owner trusts, and only about the client's address and the scheme.
//! It never makes a request one from this machine (S6).

use std::net::{IpAddr, SocketAddr};

use hyper::Request;
use hyper::header::{HOST, HeaderMap};

use super::host::{Authority, Hosts, Site};

/// Hops of a forwarded request that are looked at.
const HOPS_MAX: usize = 32;

/// How a request was carried to the node, or to the trusted proxy before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// Plain.
    Http,
    /// TLS.
    Https,
}

impl Scheme {
    /// Its name in URLs.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// From where, and by which name, a request came.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    /// Who asks. Behind a trusted proxy, whom that one names; the port is 0 then.
    pub(crate) client: SocketAddr,
    /// The other end of the connection.
    pub(crate) peer: SocketAddr,
    /// How it was carried.
    pub(crate) scheme: Scheme,
    /// Which of the node's names it is for.
    pub(crate) site: Site,
    /// Host and port that it names. `None`: none, several, or none that is valid.
    pub(crate) authority: Option<Authority>,
}

impl Arrival {
    /// Looks at a request that came over a connection.
    pub(crate) fn new<B>(
        peer: SocketAddr,
        scheme: Scheme,
        request: &Request<B>,
        hosts: &Hosts,
        proxies: &[IpAddr],
    ) -> Self {
        let (headers, authority) = (request.headers(), authority(request));
        let site = authority.as_ref().map_or(Site::Unknown, |authority| hosts.site(&authority.host));
        let (client, scheme) = if is_trusted(peer.ip(), proxies) {
            (forwarded_for(headers, peer, proxies), forwarded_scheme(headers).unwrap_or(scheme))
        } else {
            (peer, scheme)
        };
        Self { client, peer, scheme, site, authority }
    }

    /// The port in URLs of the node, with its colon. Empty: the usual one.
    pub(crate) fn port_in_url(&self) -> String {
        match self.authority.as_ref().and_then(|authority| authority.port) {
            Some(port) if port != self.scheme.port() => format!(":{port}"),
            _ => String::new(),
        }
    }

    /// Whether `origin`, of an `Origin` header, is the one that the request is for.
    pub(crate) fn is_origin(&self, origin: &str) -> bool {
        let Some((scheme, host)) = origin.split_once("://") else { return false };
        let usual = match scheme {
            "http" => Scheme::Http.port(),
            "https" => Scheme::Https.port(),
            _ => return false,
        };
        // A proxy that is not trusted may speak TLS before us; the other way round there is a stranger on the line.
        if self.scheme == Scheme::Https && scheme != "https" {
            return false;
        }
        let (Some(theirs), Some(ours)) = (Authority::parse(host), &self.authority) else { return false };
        theirs.host == ours.host && theirs.port.unwrap_or(usual) == ours.port.unwrap_or(usual)
    }
}

fn authority<B>(request: &Request<B>) -> Option<Authority> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let named = match (hosts.next(), hosts.next()) {
        (Some(host), None) => Some(Authority::parse(host.to_str().ok()?)?),
        (None, _) => None,
        (Some(_), Some(_)) => return None,
    };
    // A request line with a whole URL names a host too.
    let in_url = match request.uri().authority() {
        Some(authority) => Some(Authority::parse(authority.as_str())?),
        None => None,
    };
    match (named, in_url) {
        (Some(named), Some(in_url)) if named != in_url => None,
        (named, in_url) => named.or(in_url),
    }
}

fn is_trusted(address: IpAddr, proxies: &[IpAddr]) -> bool {
    proxies.contains(&address.to_canonical())
}

/// The last address that a trusted proxy wrote down and that is not a trusted proxy's.
fn forwarded_for(headers: &HeaderMap, peer: SocketAddr, proxies: &[IpAddr]) -> SocketAddr {
    let values: Vec<_> = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).collect();
    let mut client = peer;
    for hop in values.iter().rev().flat_map(|value| value.rsplit(',')).take(HOPS_MAX) {
        let Some(address) = hop_address(hop.trim()) else { break };
        client = SocketAddr::new(address, 0);
        if !is_trusted(address, proxies) {
            break;
        }
    }
    client
}

/// An address, with or without a port and brackets.
fn hop_address(hop: &str) -> Option<IpAddr> {
    let address = hop.parse::<IpAddr>().or_else(|_| hop.parse::<SocketAddr>().map(|address| address.ip()));
    let address = address.or_else(|_| hop.trim_matches(['[', ']']).parse());
    address.ok().map(|address| address.to_canonical())
}

fn forwarded_scheme(headers: &HeaderMap) -> Option<Scheme> {
    let last = headers.get_all("x-forwarded-proto").iter().next_back()?.to_str().ok()?;
    match last.rsplit(',').next()?.trim() {
        scheme if scheme.eq_ignore_ascii_case("https") => Some(Scheme::Https),
        scheme if scheme.eq_ignore_ascii_case("http") => Some(Scheme::Http),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn arrival(peer: &str, headers: &[(&str, &str)]) -> Arrival {
        let mut request = Request::builder().uri("/x");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(()).unwrap();
        let hosts = Hosts::new(vec!["node.example".parse().unwrap()]);
        let proxies = ["127.0.0.1".parse().unwrap(), "10.0.0.1".parse().unwrap()];
        Arrival::new(peer.parse().unwrap(), Scheme::Http, &request, &hosts, &proxies)
    }

    #[test]
    fn s6_only_trusted_proxies_are_believed() {
        let said = [("x-forwarded-for", "1.1.1.1, 2.2.2.2, 10.0.0.1"), ("x-forwarded-proto", "http, https")];
        let stranger = arrival("9.9.9.9:5", &said);
        assert_eq!((stranger.client, stranger.scheme), ("9.9.9.9:5".parse().unwrap(), Scheme::Http));
        let trusted = arrival("[::ffff:127.0.0.1]:5", &said);
        assert_eq!((trusted.client, trusted.scheme), ("2.2.2.2:0".parse().unwrap(), Scheme::Https));
    }

    #[test]
    fn s6_what_a_client_wrote_before_the_proxy_did_is_not_believed() {
        for (said, client) in [
            ("127.0.0.1, 3.3.3.3", "3.3.3.3:0"),
            ("nonsense, 3.3.3.3:1234", "3.3.3.3:0"),
            ("[2001:db8::1]:7", "[2001:db8::1]:0"),
            ("[2001:db8::1]", "[2001:db8::1]:0"),
            ("3.3.3.3, unknown", "127.0.0.1:5"),
            ("", "127.0.0.1:5"),
        ] {
            let client: SocketAddr = client.parse().unwrap();
            assert_eq!(arrival("127.0.0.1:5", &[("x-forwarded-for", said)]).client, client, "{said}");
        }
    }

    #[test]
    fn origins_are_compared_with_the_host() {
        let on = |host: &str, origin: &str| arrival("1.1.1.1:1", &[("host", host)]).is_origin(origin);
        assert!(on("localhost:8080", "http://localhost:8080"));
        assert!(on("node.example", "https://node.example"));
        assert!(on("node.example", "http://NODE.example:80"));
        for (host, origin) in [
            ("localhost:8080", "http://localhost"),
            ("localhost:8080", "http://x.localhost:8080"),
            ("localhost", "null"),
            ("localhost", "http://evil.example"),
            ("localhost", "localhost"),
            ("localhost", "file://localhost"),
        ] {
            assert!(!on(host, origin), "{host} {origin}");
        }
    }

    proptest! {
        #[test]
        fn s6_whatever_is_forwarded_is_read(said in "([0-9a-f.:\\[\\], ]|\\PC){0,60}") {
            if let Ok(value) = hyper::header::HeaderValue::from_bytes(said.as_bytes()) {
                let mut headers = HeaderMap::new();
                headers.insert("x-forwarded-for", value.clone());
                headers.insert("x-forwarded-proto", value);
                let peer = "127.0.0.1:5".parse().unwrap();
                let client = forwarded_for(&headers, peer, &[peer.ip()]);
                prop_assert!(client == peer || client.port() == 0);
                let _ = forwarded_scheme(&headers);
            }
        }
    }
}
