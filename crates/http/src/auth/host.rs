//! Names the node goes by. A name that anybody may point at this machine is none of them (S5: DNS rebinding).

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

const LOCALHOST: &str = "localhost";

/// A text is no host name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no host name: write it like `node.example`, without scheme, port and path")]
pub struct BadHost {
    text: String,
}

/// A name in the DNS, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName(String);

impl HostName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HostName {
    type Err = BadHost;

    fn from_str(text: &str) -> Result<Self, BadHost> {
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        if is_name(&name) && name.parse::<Ipv4Addr>().is_err() {
            Ok(Self(name))
        } else {
            Err(BadHost { text: text.chars().take(80).collect() })
        }
    }
}

impl<'de> Deserialize<'de> for HostName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_name(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_label)
}

/// Host and port of a `Host` header. Everything in it is valid in a URL and in a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Authority {
    /// A name in lower case, an IPv4 address, or an IPv6 address in brackets.
    pub(crate) host: String,
    /// The port, if it is named.
    pub(crate) port: Option<u16>,
}

impl Authority {
    /// Reads `host` or `host:port`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (host, port) = crate::access::split_port(text);
        let port = match port.strip_prefix(':').unwrap_or_default() {
            "" => None,
            digits if digits.bytes().all(|b| b.is_ascii_digit()) => Some(digits.parse().ok()?),
            _ => return None,
        };
        let host = host.to_ascii_lowercase();
        let host = host.strip_suffix('.').map(str::to_owned).unwrap_or(host);
        let is_v6 = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).map(str::parse::<Ipv6Addr>);
        match is_v6 {
            Some(address) => Some(Self { host: format!("[{}]", address.ok()?), port }),
            None => is_name(&host).then_some(Self { host, port }),
        }
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => f.write_str(&self.host),
        }
    }
}

/// Which of the node's names a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Site {
    /// The node itself.
    Own,
    /// A subdomain of one of its names.
    Label(Box<str>),
    /// None.
    Unknown,
}

/// Names the node goes by, besides `localhost` and its addresses.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hosts(Vec<HostName>);

impl Hosts {
    /// These.
    pub(crate) fn new(names: Vec<HostName>) -> Self {
        Self(names)
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(LOCALHOST).chain(self.0.iter().map(HostName::as_str))
    }

    /// Whom `host` means.
    pub(crate) fn site(&self, host: &str) -> Site {
        if host.starts_with('[') || host.parse::<Ipv4Addr>().is_ok() || self.names().any(|name| name == host) {
            return Site::Own;
        }
        match host.split_once('.') {
            Some((label, base)) if self.names().any(|name| name == base) => Site::Label(label.into()),
            _ => Site::Unknown,
        }
    }

    /// The name that subdomains of `host`, one of ours, are below. An address has none, but this machine's does.
    pub(crate) fn base<'a>(&'a self, host: &'a str) -> Option<&'a str> {
        let is_loopback = host == "[::1]" || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback());
        if is_loopback {
            return Some(LOCALHOST);
        }
        match self.site(host) {
            Site::Own if host.starts_with('[') || host.parse::<Ipv4Addr>().is_ok() => {
                self.0.first().map(HostName::as_str)
            }
            Site::Own => Some(host),
            Site::Label(_) => host.split_once('.').map(|(_, base)| base),
            Site::Unknown => None,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use hyper::header::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn hosts() -> Hosts {
        Hosts::new(vec!["Node.Example".parse().unwrap()])
    }

    #[test]
    fn s5_only_names_of_the_node_are_known() {
        for own in ["localhost", "127.0.0.1", "10.1.2.3", "[::1]", "[2001:db8::1]", "node.example"] {
            assert_eq!(hosts().site(own), Site::Own, "{own}");
        }
        for (host, label) in [("a-b.localhost", "a-b"), ("x.node.example", "x")] {
            assert_eq!(hosts().site(host), Site::Label(label.into()));
        }
        for unknown in
            ["evil.example", "x.y.node.example", "node.example.evil.example", "example", "localhost.evil.example", ""]
        {
            assert_eq!(hosts().site(unknown), Site::Unknown, "{unknown}");
        }
    }

    #[test]
    fn subdomains_are_below_a_name() {
        for (host, base) in [
            ("localhost", Some("localhost")),
            ("127.0.0.1", Some("localhost")),
            ("[::1]", Some("localhost")),
            ("10.0.0.1", Some("node.example")),
            ("node.example", Some("node.example")),
            ("x.node.example", Some("node.example")),
            ("evil.example", None),
        ] {
            assert_eq!(hosts().base(host), base, "{host}");
        }
        assert_eq!(Hosts::default().base("10.0.0.1"), None);
    }

    #[test]
    fn hosts_and_ports_are_read() {
        for (text, host, port) in [
            ("localhost", "localhost", None),
            ("LocalHost:80", "localhost", Some(80)),
            ("a.example.:1", "a.example", Some(1)),
            ("[::1]:8080", "[::1]", Some(8080)),
            ("[0:0::1]", "[::1]", None),
            ("localhost:", "localhost", None),
        ] {
            assert_eq!(Authority::parse(text), Some(Authority { host: host.to_owned(), port }), "{text}");
        }
        for bad in
            ["", ":80", "a b", "a/b", "a@b", "a:b", "a:99999", "a..b", "[::1", "::1", "[x]", "\u{e9}", "a_b", "a\"b"]
        {
            assert_eq!(Authority::parse(bad), None, "{bad}");
        }
        assert!("https://node.example".parse::<HostName>().is_err());
        assert!("node.example:80".parse::<HostName>().is_err());
        assert!("10.0.0.1".parse::<HostName>().is_err());
    }

    proptest! {
        #[test]
        fn c9_what_is_read_is_valid_in_headers_and_urls(text in "\\PC{0,20}|[a-z\\[\\]:.0-9@/]{0,20}") {
            if let Some(authority) = Authority::parse(&text) {
                let url = format!("http://{authority}/");
                prop_assert!(HeaderValue::from_str(&url).is_ok());
                let uri: hyper::Uri = url.parse().unwrap();
                prop_assert_eq!(uri.host(), Some(authority.host.as_str()));
                prop_assert_eq!(Authority::parse(&authority.to_string()), Some(authority));
            }
        }
    }
}
