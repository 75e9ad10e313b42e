//! What a package asks for, compared with what the version before it got: whether its owner has to be asked.

use serde::Serialize;
use wharf_types::ask::{Ask, AskedFor};
use wharf_types::kernel::ProcessCapabilities;
use wharf_types::{Capability, CapabilityKey, PackageId, ProcessId};

/// What changes for the owner when a package is installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What was not asked for before; everything, of a package that was not there.
    pub new: Vec<Ask>,
    /// What it was given, lost since, and would be given again.
    pub given_again: Vec<Ask>,
    /// What is not asked for any more.
    pub no_longer: Vec<Ask>,
    /// How much stays as it is.
    pub unchanged: usize,
}

impl Difference {
    /// From what was `granted` to what is asked for. `is_lost` says whether the owner took something back.
    pub fn new(granted: &[Ask], asked: &[Ask], is_lost: impl Fn(&Ask) -> bool) -> Self {
        let has = |list: &[Ask], ask: &Ask| list.iter().any(|other| other.is_same_as(ask));
        let (kept, new): (Vec<_>, Vec<_>) = asked.iter().cloned().partition(|ask| has(granted, ask));
        let (given_again, unchanged): (Vec<_>, Vec<_>) = kept.into_iter().partition(is_lost);
        let no_longer = granted.iter().filter(|ask| !has(asked, ask)).cloned().collect();
        Self { new, given_again, no_longer, unchanged: unchanged.len() }
    }

    /// Whether the package would be able to do what it cannot now.
    pub fn adds(&self) -> bool {
        !self.new.is_empty() || !self.given_again.is_empty()
    }
}

/// What the processes of the installed version hold at present. Of a process that is gone nothing is known.
#[derive(Clone, Debug, Default)]
pub struct Held {
    by_process: Vec<(ProcessId, Vec<CapabilityKey>)>,
}

impl Held {
    /// Notes what a process holds.
    pub fn add(&mut self, process: ProcessId, capabilities: &ProcessCapabilities) {
        let keys = capabilities.held.iter().filter_map(|held| held.capability.key()).collect();
        self.by_process.push((process, keys));
    }

    /// Whether the process does not hold any more what it asked for and was given.
    pub fn lost(&self, package: &PackageId, ask: &Ask) -> bool {
        let Some((issuer, params)) = capability(ask) else { return false };
        let Ok(process) = ProcessId::new(&ask.process, &package.package_name, &package.publisher_node) else {
            return false;
        };
        let Some((_, held)) = self.by_process.iter().find(|(id, _)| *id == process) else { return false };
        !held.iter().any(|key| {
            let wanted = Capability::new(key.issuer().clone(), params.clone()).key();
            *key.issuer().process() == issuer && wanted.as_ref() == Some(key)
        })
    }
}

/// What a process holds because of an ask.
fn capability(ask: &Ask) -> Option<(ProcessId, String)> {
    match &ask.what {
        AskedFor::Network => Some((ProcessId::system("kernel"), Capability::NETWORK.to_owned())),
        AskedFor::Message { to } => Some((to.clone(), Capability::MESSAGING.to_owned())),
        AskedFor::Right { issuer, params } => Some((issuer.clone(), params.to_string())),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use serde_json::json;
    use wharf_types::ask::Weight;

    use super::*;

    fn ask(to: &'static str, text: &str) -> Ask {
        let what = AskedFor::Message { to: ProcessId::system(to) };
        Ask { process: "a".to_owned(), what, weight: Weight::Usual, text: text.to_owned() }
    }

    #[test]
    fn other_words_are_no_difference_and_what_was_lost_is() {
        let granted = [ask("vfs", "may"), ask("kv", "may"), ask("net", "may")];
        let asked = [ask("vfs", "in other words"), ask("kernel", "may"), ask("kv", "may")];
        let difference = Difference::new(&granted, &asked, |ask| ask.is_same_as(&granted[1]));
        assert_eq!(difference.new, asked[1..2]);
        assert_eq!(difference.given_again, granted[1..2]);
        assert_eq!(difference.no_longer, granted[2..]);
        assert_eq!((difference.unchanged, difference.adds()), (1, true));
        assert!(!Difference::new(&granted, &granted[1..], |_| false).adds(), "less is not more");
    }

    #[test]
    fn what_a_process_does_not_hold_any_more_is_lost() {
        let package = PackageId::new("chat", "alice.os").unwrap();
        let listed = json!({ "held": [{ "capability": { "issuer": "a.os@vfs:distro:sys", "params": "\"messaging\"" },
            "origin": "Granted", "path": [] }], "issued": [], "issued_total": 0 });
        let mut held = Held::default();
        assert!(!held.lost(&package, &ask("kv", "")), "nothing is known of it");
        held.add("a:chat:alice.os".parse().unwrap(), &serde_json::from_value(listed).unwrap());
        assert!(!held.lost(&package, &ask("vfs", "")));
        assert!(held.lost(&package, &ask("kv", "")));
    }
}
