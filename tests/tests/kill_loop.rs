//! Pins what an acknowledgement is worth: a node that changes in every way at once is killed without warning, again and
//! again, and after each start it is what it said that it is.
//!
//! `WHARF_KILLS` sets how often it is killed, `WHARF_SEED` begins the same sequence of moments again.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use wharf_tests::packages::hash;
use wharf_tests::prober::{A, B, C, WASM, capability, program};
use wharf_tests::{Node, eventually, paths};
use wharf_types::Capability;

const APP_STORE: &str = "main:app-store:sys";
const KERNEL: &str = "kernel:distro:sys";
const ECHO: &str = "echo:echo:wharf.os";
const ECHO_PACKAGE: &str = "echo:wharf.os";
/// Children and capabilities that come and go.
const OF_EACH: u64 = 3;

/// Something that has a value, changed by one thread only.
#[derive(Clone, Copy, Debug)]
struct Slot {
    /// What was acknowledged last.
    acknowledged: u64,
    /// What was asked for since.
    asked: Option<u64>,
}

/// What the node has to be: 1 for there and 0 for not there, and a number for saved state.
type Model = Mutex<BTreeMap<String, Slot>>;

/// Small and repeatable (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// A node under load, and what it has to be.
struct Load<'a> {
    node: &'a Node,
    model: &'a Model,
    acknowledged: AtomicU64,
}

impl Load<'_> {
    /// Asks; `None` when the node is gone.
    fn ask(&self, process: &str, body: &Value, blob: Option<&[u8]>) -> Option<Value> {
        let data = blob.map(|bytes| BASE64_STANDARD.encode(bytes));
        let message = json!({ "process": process, "expects_response": 30, "body": body.to_string(), "data": data });
        let response = self.node.rpc(&message).send().ok()?;
        let (status, bytes) = (response.status(), response.bytes().ok()?);
        assert!(status.is_success(), "{process} was asked {body}: {status} {}", String::from_utf8_lossy(&bytes));
        let reply: Value = serde_json::from_slice(&bytes).ok()?;
        let body: Vec<u8> = serde_json::from_value(reply["body"].clone()).unwrap();
        Some(serde_json::from_slice(&body).unwrap())
    }

    /// Changes a slot. `None` when the node is gone before it has answered.
    fn change(&self, name: &str, value: u64, process: &str, body: &Value, good: impl Fn(&Value) -> bool) -> Option<()> {
        self.model.lock().unwrap().get_mut(name).unwrap().asked = Some(value);
        let answer = self.ask(process, body, None)?;
        assert!(good(&answer), "{name} should become {value}: {process} was asked {body} and answered {answer}");
        *self.model.lock().unwrap().get_mut(name).unwrap() = Slot { acknowledged: value, asked: None };
        self.acknowledged.fetch_add(1, Ordering::SeqCst);
        Some(())
    }

    fn value(&self, name: &str) -> u64 {
        self.model.lock().unwrap()[name].acknowledged
    }

    fn save_states(&self) -> Option<()> {
        loop {
            let next = self.value("state") + 1;
            let body = program(json!([{ "SetState": next.to_string() }]));
            self.change("state", next, A, &body, Value::is_array)?;
        }
    }

    fn grant_and_revoke(&self) -> Option<()> {
        for n in (0..OF_EACH).cycle() {
            let name = format!("capability {n}");
            let next = 1 - self.value(&name);
            let command = match (next, n % 2) {
                (1, _) => "GrantCapabilities",
                (_, 0) => "RevokeCapabilities",
                _ => "DropCapabilities",
            };
            let body = json!({ command: { "target": B, "capabilities": [counted(n)] } });
            self.change(&name, next, KERNEL, &body, |answer| *answer == "Ok")?;
        }
        None
    }

    fn spawn_and_kill(&self) -> Option<()> {
        for n in (0..OF_EACH).cycle() {
            let name = format!("child {n}");
            if self.value(&name) == 0 {
                let child = json!({ "name": format!("child-{n}"), "path": WASM, "on_exit": "Restart" });
                let body = program(json!([{ "Spawn": child }]));
                self.change(&name, 1, B, &body, |answer| answer[0].get("child").is_some())?;
            } else {
                let body = json!({ "KillProcess": child_id(n) });
                self.change(&name, 0, KERNEL, &body, |answer| answer.get("KilledProcess").is_some())?;
            }
        }
        None
    }

    fn install_and_uninstall(&self, hash: &str) -> Option<()> {
        let package = json!({ "package_name": "echo", "publisher_node": "wharf.os" });
        loop {
            if self.value("package") == 0 {
                let body = json!({ "Install": { "package_id": package, "version_hash": hash, "metadata": null } });
                self.change("package", 1, APP_STORE, &body, |answer| answer["InstallResponse"] == "Success")?;
            } else {
                let body = json!({ "Uninstall": package });
                self.change("package", 0, APP_STORE, &body, |answer| answer["UninstallResponse"] == "Success")?;
            }
        }
    }
}

fn counted(n: u64) -> Capability {
    capability(C, &json!({ "n": n }).to_string())
}

fn child_id(n: u64) -> String {
    format!("child-{n}:prober:test.os")
}

/// What the node is now.
fn look(node: &Node) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    let state = node.last(A, json!(["GetState"]));
    found.insert("state".to_owned(), state.as_str().unwrap().parse().unwrap());
    // The app store cleans up behind an installation that was cut off before it answers anyone.
    let packages = node.ask(APP_STORE, &json!("Packages")).json();
    let listed = packages["PackagesResponse"].as_array().unwrap().iter();
    let is_listed = listed.into_iter().any(|package| package["package_id"]["package_name"] == "echo");
    let ids = node.process_ids();
    found.insert("package".to_owned(), u64::from(is_listed));
    found.insert(ECHO.to_owned(), u64::from(ids.iter().any(|id| id == ECHO)));
    for n in 0..OF_EACH {
        found.insert(format!("child {n}"), u64::from(ids.contains(&child_id(n))));
        found.insert(format!("capability {n}"), u64::from(node.holds(B, &counted(n))));
    }
    found
}

/// Compares what is there with what was acknowledged, and goes on from what is there.
fn check(model: &Model, found: &BTreeMap<String, u64>, round: u64) {
    let mut model = model.lock().unwrap();
    // To uninstall is to end the processes and then to remove the files; between the two a package is listed and does
    // not run. To install is all or nothing.
    let (package, runs) = (model["package"], found[ECHO] == found["package"]);
    assert!(runs || package.asked == Some(0), "after kill {round}, a package is there in part: {package:?} {found:?}");
    for (name, slot) in model.iter_mut() {
        let now = found[name];
        let is_right = now == slot.acknowledged || slot.asked == Some(now);
        assert!(is_right, "after kill {round}, {name} is {now}, and what was acknowledged is {slot:?}");
        *slot = Slot { acknowledged: now, asked: None };
    }
}

#[test]
fn whatever_was_acknowledged_survives_200_kills() {
    let (kills, seed) = (setting("WHARF_KILLS", 200), setting("WHARF_SEED", 1));
    println!("WHARF_KILLS={kills} WHARF_SEED={seed}");
    let mut random = Random(seed);
    let mut node = Node::with_prober();
    node.run(A, json!([{ "SetState": "0" }]));
    let zip = std::fs::read(paths::package(ECHO_PACKAGE)).unwrap();
    let model = Model::default();
    let kept = json!({ "NewPackage": { "package_id": { "package_name": "echo", "publisher_node": "wharf.os" }, "mirror": false } });
    node.send(APP_STORE, &kept.to_string(), Some(&zip), 30).unwrap();
    let found = look(&node);
    model.lock().unwrap().extend(
        found
            .iter()
            .filter(|(name, _)| *name != ECHO)
            .map(|(name, now)| (name.clone(), Slot { acknowledged: *now, asked: None })),
    );
    let hash = hash(&zip);
    for round in 1..=kills {
        let load = Load { node: &node, model: &model, acknowledged: AtomicU64::new(0) };
        let enough = random.below(12);
        let later = Duration::from_micros(random.below(3_000));
        std::thread::scope(|scope| {
            scope.spawn(|| load.save_states());
            scope.spawn(|| load.grant_and_revoke());
            scope.spawn(|| load.spawn_and_kill());
            scope.spawn(|| load.install_and_uninstall(&hash));
            eventually("enough was acknowledged", || {
                (load.acknowledged.load(Ordering::SeqCst) >= enough).then_some(())
            });
            // Not to wait for anything: so that it is killed at any moment, and not always after an answer.
            std::thread::sleep(later);
            node.signal_kill();
        });
        node.kill_9();
        node.start_again();
        check(&model, &look(&node), round);
    }
}
