//! Whom a process may ask.
//!
//! A host has to pass twice: by its name, before anything is done ([`Permission::check`]), and by the address that is
//! connected to ([`Rules::allow`]), whatever the name is said to mean then.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use url::{Host, Url};
use wharf_kernel::module::Caller;

use crate::fault::Fault;
use crate::host::HostPattern;
use crate::settings::HttpClientLimits;

/// What holds for the processes of one package, or of all that have nothing of their own.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) limits: Arc<HttpClientLimits>,
    /// Where the node itself serves.
    node: Option<SocketAddr>,
}

impl Rules {
    pub(crate) fn new(limits: Arc<HttpClientLimits>, node: Option<SocketAddr>) -> Self {
        Self { limits, node }
    }

    /// Whether a connection may be opened there.
    pub(crate) fn allow(&self, address: IpAddr, port: u16) -> bool {
        let address = address.to_canonical();
        if self.is_the_node(address, port) {
            // S4: a network that happens to have the node in it is not enough.
            return self.limits.private_hosts.iter().any(|host| host.is_exactly(address, port));
        }
        crate::address::is_public(address) || self.limits.private_hosts.iter().any(|host| host.matches(address, port))
    }

    fn is_the_node(&self, address: IpAddr, port: u16) -> bool {
        self.node.is_some_and(|node| {
            // A node that serves on every address of its machine does so on those that are not public, as far as can be told.
            let same = node.ip() == address || (node.ip().is_unspecified() && !crate::address::is_public(address));
            node.port() == port && (same || address.is_loopback() || address.is_unspecified())
        })
    }
}

/// What one process may ask, as it was when it asked.
#[derive(Clone, Debug)]
pub(crate) struct Permission {
    rules: Arc<Rules>,
    /// The hosts it holds capabilities for; `None` when it holds none of that kind.
    granted: Option<Vec<HostPattern>>,
}

impl Permission {
    pub(crate) fn of(caller: &Caller, rules: Arc<Rules>) -> Self {
        let granted: Vec<_> =
            caller.held_params().iter().filter_map(|params| HostPattern::granted_by(params)).collect();
        Self { rules, granted: Some(granted).filter(|granted| !granted.is_empty()) }
    }

    #[cfg(test)]
    pub(crate) fn granted(rules: Arc<Rules>, granted: Option<Vec<HostPattern>>) -> Self {
        Self { rules, granted }
    }

    pub(crate) fn rules(&self) -> &Arc<Rules> {
        &self.rules
    }

    /// Whether the host may be asked by its name. A process with capabilities for hosts is held to them; the settings
    /// stand over them.
    pub(crate) fn check(&self, url: &Url) -> Result<Host<String>, Fault> {
        let host = url.host().ok_or_else(|| Fault::Url(url.to_string(), "there is no host in it"))?.to_owned();
        let limits = &self.rules.limits;
        let own = self.granted.as_ref().unwrap_or(&limits.ungranted_hosts);
        let named_by = |patterns: &[HostPattern]| patterns.iter().any(|pattern| pattern.matches(&host));
        if named_by(&limits.hosts) && named_by(own) { Ok(host) } else { Err(Fault::HostRefused(host.to_string())) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    fn rules(limits: HttpClientLimits, node: Option<&str>) -> Arc<Rules> {
        Arc::new(Rules::new(Arc::new(limits), node.map(|node| node.parse().unwrap())))
    }

    fn patterns(texts: &[&str]) -> Vec<HostPattern> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn what_was_granted_holds_and_the_settings_stand_over_it() {
        for (hosts, ungranted, granted, host, may) in [
            (&["*"][..], &["*"][..], None, "a.example", true),
            (&["*"], &["*"], Some(&["b.example"][..]), "a.example", false),
            (&["*"], &["*"], Some(&["b.example", "*.example"]), "a.example", true),
            (&["*"], &[], None, "a.example", false),
            (&["*"], &[], Some(&["a.example"]), "a.example", true),
            (&["*"], &["a.example"], None, "a.example", true),
            (&["b.example"], &["*"], Some(&["*"]), "a.example", false),
            (&["a.example"], &["*"], None, "a.example", true),
            (&[], &["*"], Some(&["*"]), "a.example", false),
        ] {
            let limits = HttpClientLimits {
                hosts: patterns(hosts),
                ungranted_hosts: patterns(ungranted),
                ..HttpClientLimits::default()
            };
            let permission = Permission::granted(rules(limits, None), granted.map(patterns));
            let url: Url = format!("http://user@{host}:81/x").parse().unwrap();
            assert_eq!(permission.check(&url).is_ok(), may, "{hosts:?} {ungranted:?} {granted:?}");
        }
    }

    #[test]
    fn s4_the_node_itself_is_asked_only_when_it_is_named() {
        let with = |private: &[&str], node| {
            let private_hosts = private.iter().map(|text| text.parse().unwrap()).collect();
            rules(HttpClientLimits { private_hosts, ..HttpClientLimits::default() }, Some(node))
        };
        let may = |rules: Arc<Rules>, at: &str| {
            let at: SocketAddr = at.parse().unwrap();
            rules.allow(at.ip(), at.port())
        };
        let near = "127.0.0.1:8080";
        assert!(!may(with(&[], near), near));
        assert!(!may(with(&["127.0.0.0/8"], near), near));
        assert!(!may(with(&["127.0.0.0/8"], near), "127.0.0.2:8080"));
        assert!(!may(with(&["127.0.0.0/8", "::/0"], near), "[::ffff:127.0.0.1]:8080"));
        assert!(!may(with(&["127.0.0.0/8", "::/0"], near), "[::1]:8080"));
        assert!(!may(with(&["0.0.0.0/0"], near), "0.0.0.0:8080"));
        assert!(may(with(&["127.0.0.0/8"], near), "127.0.0.1:8081"));
        assert!(may(with(&["127.0.0.1:8080"], near), near));
        assert!(!may(with(&["10.0.0.0/8"], "0.0.0.0:8080"), "10.0.0.1:8080"));
        assert!(may(with(&[], "0.0.0.0:443"), "8.8.8.8:443"));
        assert!(!may(with(&[], "8.8.8.8:443"), "8.8.8.8:443"));
        assert!(may(with(&[], "8.8.8.8:443"), "8.8.4.4:443"));
    }
}
