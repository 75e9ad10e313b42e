//! From what a script was granted to what the kernel is told when it runs. Nothing here asks or changes anything.
//!
//! The start is a list of [`Ask`] and not `scripts.json`: that file lies in the package's own drive, where the package may
//! change it. What the owner has agreed to is in the list that the app store keeps.

use wharf_types::ask::{Ask, AskedFor};
use wharf_types::{Address, Capability, NodeName, ProcessId};

/// A script that is to run.
#[derive(Clone, Debug)]
pub struct PlannedScript {
    /// What it gets, besides what the terminal has.
    pub receives: Vec<Capability>,
    /// What others get from it.
    pub gives: Vec<(ProcessId, Capability)>,
    /// Whether every local process may send it messages.
    pub public: bool,
    /// How much of what the terminal has.
    pub terminal_rights: TerminalRights,
}

/// How much a script gets of what the terminal has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TerminalRights {
    /// Nothing.
    None,
    /// Everything.
    All,
}

/// Plans one run of a script as the process `id`, from everything that it was granted.
pub fn plan_script(node: &NodeName, id: &ProcessId, granted: &[Ask]) -> PlannedScript {
    let of = |process: &ProcessId| Address::new(node.clone(), process.clone());
    let mut planned =
        PlannedScript { receives: Vec::new(), gives: Vec::new(), public: false, terminal_rights: TerminalRights::None };
    for ask in granted {
        match &ask.what {
            AskedFor::Network => {
                let kernel = of(&ProcessId::system("kernel"));
                planned.receives.push(Capability::new(kernel, Capability::NETWORK));
            }
            AskedFor::Message { to } => planned.receives.push(Capability::messaging(of(to))),
            AskedFor::Right { issuer, params } => {
                planned.receives.push(Capability::new(of(issuer), params.to_string()));
            }
            AskedFor::TerminalRights => planned.terminal_rights = TerminalRights::All,
            AskedFor::BeMessaged { by } => planned.gives.push((by.clone(), Capability::messaging(of(id)))),
            AskedFor::BePublic => planned.public = true,
            AskedFor::Give { to, params } => {
                planned.gives.push((to.clone(), Capability::new(of(id), params.to_string())));
            }
            // Scripts have neither: each ends for good.
            AskedFor::Restart | AskedFor::LastMessage { .. } => {}
        }
    }
    planned
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use wharf_types::{CapabilityKey, PackageId};

    use super::*;
    use crate::scripts::Scripts;

    fn planned(script: &str) -> PlannedScript {
        let scripts = Scripts::parse(format!("{{\"send.wasm\":{script}}}").as_bytes()).unwrap();
        let asks = scripts.asks(&PackageId::new("chat", "alice.os").unwrap(), "send.wasm").unwrap();
        plan_script(&"bob.os".parse().unwrap(), &"17:chat:alice.os".parse().unwrap(), &asks)
    }

    fn key(issuer: &str, params: &str) -> Option<CapabilityKey> {
        Capability::new(issuer.parse().unwrap(), params).key()
    }

    #[test]
    fn a_script_that_asks_for_nothing_gets_nothing() {
        let planned = planned(r#"{"root":false,"public":false,"request_networking":false}"#);
        assert!(planned.receives.is_empty() && planned.gives.is_empty() && !planned.public);
        assert_eq!(planned.terminal_rights, TerminalRights::None);
    }

    #[test]
    fn a_script_gets_and_gives_what_its_file_says() {
        let planned = planned(
            r#"{"root":true,"public":true,"request_networking":true,
            "request_capabilities":["chat:chat:alice.os",{"process":"vfs:distro:sys","params":{"root":true}}],
            "grant_capabilities":["chat:chat:alice.os",{"process":"b:b:b.os","params":"Read"}]}"#,
        );
        let receives: Vec<_> = planned.receives.iter().map(Capability::key).collect();
        let wanted = [
            key("bob.os@vfs:distro:sys", r#"{"root":true}"#),
            key("bob.os@kernel:distro:sys", Capability::NETWORK),
            key("bob.os@chat:chat:alice.os", Capability::MESSAGING),
        ];
        assert!(wanted.iter().all(|wanted| receives.contains(wanted)) && receives.len() == 3, "{receives:?}");
        let own = "bob.os@17:chat:alice.os";
        let gives: Vec<_> = planned.gives.iter().map(|(to, given)| (to.to_string(), given.key())).collect();
        let wanted = [
            ("chat:chat:alice.os".to_owned(), key(own, Capability::MESSAGING)),
            ("b:b:b.os".to_owned(), key(own, "\"Read\"")),
        ];
        assert_eq!(gives, wanted);
        assert!(planned.public);
        assert_eq!(planned.terminal_rights, TerminalRights::All);
    }
}
