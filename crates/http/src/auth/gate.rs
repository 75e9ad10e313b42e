//! Everything that decides who is let in.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use hyper::Request;
use hyper::header::{HeaderMap, USER_AGENT};
use ring::hmac;
use wharf_types::{NodeName, ProcessId};

use super::arrival::{Arrival, Scheme};
use super::attempts::Attempts;
use super::host::{HostName, Hosts, Site};
use super::links::Links;
use super::password::Hasher;
use super::record::{Keep, RecordError, Records, now_s};
use super::secret::{Digest, Secret};
use super::session::{AGENT_CHARS_MAX, Session};
use super::settings::{LoginSettings, Origins};
use super::{cookie, origins};
use crate::access::ControlToken;

/// What tools on this machine have to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tools {
    /// The control token.
    Token,
    /// Nothing, at the RPC endpoint: tools written for Kinode know no token. Everyone on the machine is the owner then,
    /// and so is a process that may reach loopback over HTTP.
    KitCompat,
}

/// What a [`Gate`] is made of.
pub struct GateParts {
    /// Name of the node.
    pub node: NodeName,
    /// What the owner's tools show.
    pub token: ControlToken,
    /// What tools have to show.
    pub tools: Tools,
    /// Names the node goes by, besides `localhost` and addresses.
    pub hosts: Vec<HostName>,
    /// Proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// Bounds.
    pub login: LoginSettings,
    /// Where password and sessions are kept.
    pub keep: Arc<dyn Keep>,
}

/// What is kept about logging in cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct GateError(#[from] RecordError);

/// Decides who is let in.
pub struct Gate {
    pub(crate) node: NodeName,
    pub(crate) token: ControlToken,
    pub(crate) tools: Tools,
    pub(crate) hosts: Hosts,
    pub(crate) settings: LoginSettings,
    pub(crate) records: Arc<Records>,
    pub(crate) links: Links,
    pub(crate) attempts: Attempts,
    pub(crate) hasher: Hasher,
    proxies: Vec<IpAddr>,
    origins_key: hmac::Key,
}

impl Gate {
    /// Reads what was kept. Blocks for as long as that takes.
    pub fn open(parts: GateParts) -> Result<Self, GateError> {
        let GateParts { node, token, tools, hosts, trusted_proxies, login, keep } = parts;
        let records = Arc::new(Records::open(keep)?);
        Ok(Self {
            origins_key: hmac::Key::new(hmac::HMAC_SHA256, &records.now().origins_key),
            links: Links::new(login.links_max),
            attempts: Attempts::new(login.address_attempts_per_minute, login.attempts_per_minute, login.addresses_max),
            hasher: Hasher::new(login.hashes_max, login.hashes_waiting_max),
            hosts: Hosts::new(hosts),
            proxies: trusted_proxies.iter().map(IpAddr::to_canonical).collect(),
            settings: login,
            node,
            token,
            tools,
            records,
        })
    }

    /// Whether the owner has chosen a password.
    pub fn has_password(&self) -> bool {
        self.records.now().password.is_some()
    }

    /// Looks at a request that came over a connection.
    pub(crate) fn arrival<B>(&self, peer: SocketAddr, scheme: Scheme, request: &Request<B>) -> Arrival {
        Arrival::new(peer, scheme, request, &self.hosts, &self.proxies)
    }

    /// Whether the owner trusts a proxy there.
    pub(crate) fn is_proxy(&self, address: IpAddr) -> bool {
        self.proxies.contains(&address.to_canonical())
    }

    /// The session that a request shows, if it is good where the request is for.
    pub(crate) fn session(&self, arrival: &Arrival, headers: &HeaderMap) -> Option<Arc<Session>> {
        let label = match &arrival.site {
            Site::Own => None,
            Site::Label(label) => Some(&**label),
            Site::Unknown => return None,
        };
        let (record, now_s) = (self.records.now(), now_s());
        let presented = cookie::sessions(headers, &self.node, arrival.scheme);
        let mut known = presented.filter_map(|secret| record.session(&Digest::of(secret.as_bytes())));
        known.find(|session| session.is_good(now_s, label, arrival.scheme)).cloned()
    }

    /// What is kept of a new session.
    pub(crate) fn new_session(
        &self,
        secret: &Secret,
        arrival: &Arrival,
        headers: &HeaderMap,
        of: Option<(Digest, Box<str>)>,
    ) -> Session {
        let agent = headers.get(USER_AGENT).map(|agent| String::from_utf8_lossy(agent.as_bytes()));
        let created_s = now_s();
        let (parent, label) = of.unzip();
        Session {
            digest: secret.digest(),
            label,
            parent,
            created_s,
            expires_s: created_s.saturating_add(self.settings.session_s_max),
            from: arrival.client.ip().to_canonical().to_string(),
            agent: agent.unwrap_or_default().chars().take(AGENT_CHARS_MAX).collect(),
            secure: arrival.scheme == Scheme::Https,
        }
    }

    /// Whether paths of a process are served at a subdomain.
    pub(crate) fn is_label_of(&self, label: &str, process: &ProcessId) -> bool {
        origins::is_of(label, &self.origins_key, process)
    }

    /// The subdomain of a process alone.
    pub(crate) fn process_label(&self, process: &ProcessId) -> String {
        origins::of_process(&self.origins_key, process)
    }

    /// Whether the paths of a process are kept off the node's own origin.
    pub(crate) fn is_apart(&self, process: &ProcessId) -> bool {
        self.settings.origins == Origins::Own && !process.has_parts("homepage", "homepage", "sys")
    }

    /// The origin of a subdomain, or of the node itself, as the asking browser can reach it. `None` when there is no name
    /// that it could be below.
    pub(crate) fn origin(&self, arrival: &Arrival, label: Option<&str>) -> Option<String> {
        let base = self.hosts.base(&arrival.authority.as_ref()?.host)?;
        let (scheme, port) = (arrival.scheme.as_str(), arrival.port_in_url());
        Some(match label {
            Some(label) => format!("{scheme}://{label}.{base}{port}"),
            None => format!("{scheme}://{base}{port}"),
        })
    }
}
