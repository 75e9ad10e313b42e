//! Names of hosts that may be asked, as settings and capabilities write them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};
use url::Host;
use wharf_types::http_client::HostParams;

/// Hosts by name: `*`, `*.example.com` (every name below it, but not `example.com` itself), or one host.
///
/// In a capability of the HTTP client the params are `{"host":"<this>"}`. Names are compared in lower case and in the form
/// that goes over the wire (`xn--…`), addresses as numbers; ports do not matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostPattern {
    /// `*`
    Any,
    /// `*.example.com`, kept as `.example.com`.
    Below(String),
    /// One host.
    One(Host<String>),
}

/// Why a text names no hosts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no host: expected `*`, `*.example.com`, `example.com` or an address")]
pub struct BadHost(String);

impl FromStr for HostPattern {
    type Err = BadHost;

    fn from_str(text: &str) -> Result<Self, BadHost> {
        let bad = || BadHost(text.to_owned());
        if text == "*" {
            return Ok(Self::Any);
        }
        let (is_below, name) = text.strip_prefix("*.").map_or((false, text), |rest| (true, rest));
        // A URL may have a name with one in it; here it would be a pattern that is not meant.
        if name.contains('*') {
            return Err(bad());
        }
        match (is_below, Host::parse(name).map_err(|_| bad())?) {
            (false, host) => Ok(Self::One(normal(host))),
            (true, Host::Domain(name)) => Ok(Self::Below(format!(".{}", without_dot(&name)))),
            (true, _) => Err(bad()),
        }
    }
}

impl<'de> Deserialize<'de> for HostPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl HostPattern {
    /// Reads the params of a capability; `None` for those that are not about hosts.
    pub(crate) fn granted_by(params: &str) -> Option<Self> {
        serde_json::from_str::<HostParams>(params).ok()?.host.parse().ok()
    }

    /// Whether it names this host.
    pub(crate) fn matches(&self, host: &Host<String>) -> bool {
        match (self, host) {
            (Self::Any, _) => true,
            (Self::Below(suffix), Host::Domain(name)) => {
                without_dot(name).strip_suffix(suffix.as_str()).is_some_and(|rest| !rest.is_empty())
            }
            (Self::Below(_), _) => false,
            (Self::One(one), host) => *one == normal(host.clone()),
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => write!(f, "*"),
            Self::Below(suffix) => write!(f, "*{suffix}"),
            Self::One(host) => write!(f, "{host}"),
        }
    }
}

/// `example.com.` is the same host as `example.com`.
fn normal(host: Host<String>) -> Host<String> {
    match host {
        Host::Domain(name) => Host::Domain(without_dot(&name).to_owned()),
        address => address,
    }
}

fn without_dot(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, host: &str) -> bool {
        pattern.parse::<HostPattern>().unwrap().matches(&Host::parse(host).unwrap())
    }

    #[test]
    fn a_pattern_names_a_host_or_all_below_it() {
        for (pattern, host) in [
            ("*", "example.com"),
            ("*", "127.0.0.1"),
            ("example.com", "EXAMPLE.com"),
            ("example.com", "example.com."),
            ("Example.com.", "example.com"),
            ("*.example.com", "a.b.example.com"),
            ("*.example.com", "a.example.com."),
            ("bücher.example", "xn--bcher-kva.example"),
            ("127.0.0.1", "0x7f.1"),
            ("[::1]", "[0:0:0:0:0:0:0:1]"),
        ] {
            assert!(matches(pattern, host), "{pattern} {host}");
        }
        for (pattern, host) in [
            ("example.com", "a.example.com"),
            ("*.example.com", "example.com"),
            ("*.example.com", "badexample.com"),
            ("*.example.com", "example.com.evil.org"),
            ("*.0.0.1.example", "127.0.0.1"),
        ] {
            assert!(!matches(pattern, host), "{pattern} {host}");
        }
        for bad in [
            "",
            "*.",
            "*.*",
            "a b",
            "http://example.com",
            "example.com/x",
            "a@example.com",
            "*.127.0.0.1",
            "exa*mple.com",
        ] {
            assert!(bad.parse::<HostPattern>().is_err(), "{bad}");
        }
    }

    #[test]
    fn only_params_about_hosts_grant_any() {
        assert_eq!(HostPattern::granted_by(r#"{"host":"*"}"#), Some(HostPattern::Any));
        for other in ["\"messaging\"", r#"{"host":5}"#, r#"{"host":"*","port":1}"#, r#"{"root":true}"#, "x", "null"] {
            assert_eq!(HostPattern::granted_by(other), None, "{other}");
        }
    }

    /// Whether it is shown as a limit before a package is installed, and whether it is one.
    fn shown_and_held(host: &str) -> (bool, bool) {
        let params = HostParams { host: host.to_owned() };
        let granted = HostPattern::granted_by(&serde_json::to_string(&params).unwrap());
        (params.is_plain(), granted.is_some())
    }

    #[test]
    fn usual_hosts_are_shown_as_limits() {
        for host in ["*", "example.com", "*.a-b.example.com", "localhost", "_x.Example", "127.0.0.1", "[::1]"] {
            assert_eq!(shown_and_held(host), (true, true), "{host}");
        }
        for host in ["", "*.", "*.*", "*.127.0.0.1", "a b", "exa*mple.com", "http://a.example", "[::1", "a:80"] {
            assert_eq!(shown_and_held(host), (false, false), "{host}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_as_a_limit_is_one(
            host in prop_oneof![
                any::<String>(),
                r"(\*\.)?[a-zA-Z0-9_-]{0,5}(\.[a-zA-Z0-9_-]{0,5}){0,4}",
                r"(\*\.)?[0-9x.]{1,16}",
                any::<std::net::Ipv4Addr>().prop_map(|address| address.to_string()),
                any::<std::net::Ipv6Addr>().prop_map(|address| format!("[{address}]")),
                r"\[[0-9a-f:.]{2,12}\]",
            ],
        ) {
            let (shown, held) = shown_and_held(&host);
            prop_assert!(held || !shown, "{}", host);
        }
    }
}
