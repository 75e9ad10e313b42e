//! Pins what a node does by itself about newer versions in its registries: it installs what the owner would not be asked
//! about, keeps the rest for the owner, and whatever a registry sends or does not send, a version runs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;
use wharf_tests::cli::wharf;
use wharf_tests::installing::{PROBER, Shelf};
use wharf_tests::packages::{Entry, SMALLEST, hash, manifest, package_of, trapping, wasm, zip};
use wharf_tests::prober::{A, capability};
use wharf_tests::shop::Fault;
use wharf_tests::{Node, Shop, eventually};

const CHAIN: &str = "chain:app-store:sys";
const PROBER_REF: &str = "test.os/prober";

/// A registry on a web server, and packages for it.
struct Market {
    shelf: Shelf,
    folder: TempDir,
    shop: Shop,
}

impl Market {
    /// With the probers as these versions.
    fn with(versions: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let shop = Shop::of(&folder.path().join("registry"));
        let market = Self { shelf: Shelf::default(), folder, shop };
        versions.iter().for_each(|version| market.publish(version));
        market
    }

    fn publish(&self, version: &str) {
        self.publish_zip(&self.shelf.prober(version, |_| {}, &[]));
    }

    fn publish_zip(&self, zip: &Path) {
        let root = self.folder.path().join("registry");
        wharf(&["publish", zip.to_str().unwrap(), "--to", root.to_str().unwrap()]).ok();
    }

    fn publish_more(&self, version: &str) -> PathBuf {
        let root = json!({ "process": "vfs:distro:sys", "params": { "root": true } });
        let more = |manifest: &mut Value| manifest[3]["request_capabilities"] = json!([root]);
        let zip = self.shelf.prober(version, more, &[]);
        self.publish_zip(&zip);
        zip
    }

    fn keys(&self, name: &str) -> String {
        let keys = self.folder.path().join(name).to_str().unwrap().to_owned();
        wharf(&["key", "--keys", &keys, "new", "test.os"]).ok();
        keys
    }

    fn publish_signed(&self, version: &str, keys: &str) {
        let zip = self.shelf.prober(version, |_| {}, &[]);
        wharf(&["sign", zip.to_str().unwrap(), "--keys", keys]).ok();
        self.publish_zip(&zip);
    }

    /// Changes the list of versions, as a registry that lies may.
    fn lie(&self, change: impl FnOnce(&mut Value)) {
        let path = self.folder.path().join("registry/packages/test.os/prober/index.json");
        let mut index: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        change(&mut index);
        std::fs::write(path, index.to_string()).unwrap();
    }

    fn url(&self) -> String {
        format!("{}/", self.shop.url())
    }

    /// A node that may reach the registry and looks there when it is told to, and at no other time.
    fn node(&self) -> Node {
        let settings =
            format!("[packages.\"app-store:sys\".http_client_limits]\nprivate_hosts = ['{}']\n", self.shop.host());
        let node = Node::builder().settings(&settings).start();
        node.wharf(&["auto-update", "every", "never"]).ok();
        node.wharf(&["auto-update", "add", &self.shop.url()]).ok();
        node
    }

    /// One on which the probers were installed from there.
    fn node_with_prober(&self) -> Node {
        let node = self.node();
        node.wharf(&["install", PROBER_REF, "--from", &self.shop.url(), "--yes"]).ok();
        assert_eq!(node.installed(PROBER).unwrap()["auto_update"], true, "{}", updates(&node));
        node
    }

    /// How often a file was asked for.
    fn asked_for(&self, part: &str) -> usize {
        let requests = self.shop.requests();
        requests.iter().filter(|head| head.lines().next().is_some_and(|line| line.contains(part))).count()
    }
}

fn id(package: &str) -> Value {
    let (name, publisher) = package.split_once(':').unwrap();
    json!({ "package_name": name, "publisher_node": publisher })
}

fn updates(node: &Node) -> Value {
    serde_json::from_str(&node.wharf(&["auto-update", "show", "--json"]).ok()).unwrap()
}

/// Looks now. Returns what went wrong, all in one.
fn look(node: &Node) -> String {
    let updates: Value = serde_json::from_str(&node.wharf(&["auto-update", "look", "--json"]).ok()).unwrap();
    updates["last_look"]["problems"].to_string()
}

fn version(node: &Node) -> String {
    node.version(PROBER).unwrap()
}

/// The version whose files are in place.
fn unpacked(node: &Node) -> String {
    std::fs::read_to_string(node.home().vfs().join(PROBER).join("pkg/version")).unwrap_or_default()
}

fn assert_runs(node: &Node, wanted: &str) {
    assert_eq!((version(node).as_str(), unpacked(node).as_str()), (wanted, wanted));
    assert_eq!(node.last(A, json!(["Our"])), format!("local.os@{A}"));
}

#[test]
fn an_update_arrives_by_itself_and_the_data_stays() {
    let market = Market::with(&["1.0.0"]);
    let mut node = market.node_with_prober();
    node.run(A, json!([{ "SetState": "kept" }]));
    market.publish("1.1.0");
    assert_runs(&node, "1.0.0");
    node.wharf(&["auto-update", "every", "1s"]).ok();
    eventually("the update is there", || (version(&node) == "1.1.0").then_some(()));
    assert_runs(&node, "1.1.0");
    assert_eq!(node.last(A, json!(["GetState"])), "kept");

    // The interval is kept, and so is what is updated.
    node.restart();
    market.publish("1.2.0");
    eventually("the next update is there", || (version(&node) == "1.2.0").then_some(()));
    assert_runs(&node, "1.2.0");
    node.wharf(&["auto-update", "every", "never"]).ok();
    node.wharf(&["rollback", PROBER, "--yes"]).ok();
    assert_eq!(look(&node), "[]");
    assert_runs(&node, "1.1.0");
    market.publish("1.3.0");
    node.wharf(&["auto-update", "off", PROBER]).ok();
    assert_eq!(look(&node), "[]");
    assert_runs(&node, "1.1.0");
    node.wharf(&["auto-update", "on", PROBER]).ok();
    assert_eq!(look(&node), "[]");
    assert_runs(&node, "1.3.0");
}

#[test]
fn what_the_owner_would_be_asked_about_waits_for_the_owner() {
    let market = Market::with(&["1.0.0"]);
    let node = market.node_with_prober();
    let zip = market.publish_more("1.1.0");
    assert_eq!(look(&node), "[]");
    assert_runs(&node, "1.0.0");
    let offer = node.installed(PROBER).unwrap()["offer"].clone();
    assert_eq!(offer["version"], "1.1.0");
    assert_eq!(offer["sha256"], hash(&std::fs::read(zip).unwrap()));
    let reason = offer["reason"].as_str().unwrap();
    assert!(reason.contains("hermit may read and change the files of every package"), "{reason}");
    let shown = node.wharf(&["auto-update", "show"]).ok();
    assert!(
        shown.contains("1.1.0 waits for you: it asks for more") && shown.contains("wharf update prober"),
        "{shown}"
    );
    node.wharf(&["update", PROBER, "--yes"]).ok();
    assert_runs(&node, "1.1.0");
    assert_eq!(node.installed(PROBER).unwrap()["offer"], Value::Null);

    // What was taken away does not come back by itself, either.
    market.publish_more("1.2.0");
    node.wharf(&["caps", "revoke", "hermit", "vfs", r#"{"root":true}"#, "--yes"]).ok();
    assert_eq!(look(&node), "[]");
    assert_runs(&node, "1.1.0");
    assert_eq!(node.installed(PROBER).unwrap()["offer"]["version"], "1.2.0");

    // Nor is a key taken for the publisher's. Less is asked for again, so it is the key alone.
    let keys = market.keys("keys");
    market.publish_signed("1.3.0", &keys);
    assert_eq!(look(&node), "[]");
    let reason = node.installed(PROBER).unwrap()["offer"]["reason"].to_string();
    assert!(reason.contains("which is not known here"), "{reason}");
    assert_runs(&node, "1.1.0");
    let key = wharf(&["key", "--keys", &keys, "show", "test.os"]).ok();
    node.wharf(&["trust", "add", "test.os", key.trim()]).ok();
    assert_eq!(look(&node), "[]");
    assert_runs(&node, "1.3.0");
}

#[test]
fn a_package_that_is_not_its_publishers_is_never_installed() {
    let market = Market::with(&[]);
    let (keys, others) = (market.keys("keys"), market.keys("others"));
    market.publish_signed("1.0.0", &keys);
    let node = market.node_with_prober();
    market.publish("1.1.0");
    let problems = look(&node);
    assert!(problems.contains("it is not signed"), "{problems}");
    market.publish_signed("1.2.0", &others);
    let problems = look(&node);
    assert!(problems.contains("it is signed with the key"), "{problems}");
    assert_runs(&node, "1.0.0");
    let shown = node.wharf(&["auto-update", "show"]).ok();
    assert!(shown.contains("1.2.0 failed: the package is refused: it is signed with the key"), "{shown}");
    market.publish_signed("1.3.0", &keys);
    assert_eq!(look(&node), "[]");
    assert_runs(&node, "1.3.0");
    assert_eq!(updates(&node)["packages"][PROBER_REF]["failed"], Value::Null);
}

#[test]
fn what_a_bad_registry_sends_changes_nothing() {
    let market = Market::with(&["1.0.0"]);
    let elsewhere = Shop::of(market.folder.path());
    let node = market.node_with_prober();
    market.publish("1.1.0");
    let other = std::fs::read(market.shelf.prober("1.1.0", |_| {}, &[("x", b"y".to_vec())])).unwrap();
    let listed = market.shelf.prober("1.1.0", |_| {}, &[]);
    let other = other[..usize::try_from(std::fs::metadata(listed).unwrap().len()).unwrap()].to_vec();
    let body = |text: &str| Fault::Body(text.as_bytes().to_vec());
    let to = |url: String| Fault::Status(302, format!("location: {url}\r\n"));
    let bads = vec![
        (".zip", Fault::Body(other), "is listed"),
        (".zip", Fault::Body(vec![b' '; 8 << 20]), "the most that is accepted"),
        (".zip", Fault::Half, "the request failed"),
        (".zip", Fault::Status(404, String::new()), "is not there"),
        (".zip", to(format!("{}/x.zip", elsewhere.url())), "private_hosts"),
        ("index.json", body("<html>"), "it is malformed"),
        ("index.json", body("{\"format\":2,\"package\":\"test.os/prober\",\"versions\":{}}"), "it has format 2"),
        ("index.json", body("{\"format\":1,\"package\":\"a.os/b\",\"versions\":{}}"), "it is about a.os/b"),
        ("index.json", Fault::Body(vec![b' '; 5 << 20]), "the most that is accepted"),
        ("index.json", Fault::Status(500, String::new()), "it answered with status 500"),
        ("registry.json", Fault::Status(404, String::new()), "there is no registry.json in it"),
    ];
    for (part, fault, says) in bads {
        // Those that are about the catalogue alone do not keep the package from being looked at.
        let stays = part != "registry.json";
        market.shop.fault(part, fault);
        let problems = look(&node);
        assert!(problems.contains(says), "{part}: {says}: {problems}");
        if stays {
            assert_runs(&node, "1.0.0");
        }
        market.shop.mend();
    }
    assert_eq!(elsewhere.requests(), Vec::<String>::new(), "nobody was sent on");
    assert_eq!(look(&node), "[]");
    assert_runs(&node, "1.1.0");
}

#[test]
fn a_registry_that_lies_cannot_lead_back_nor_change_a_version() {
    let market = Market::with(&["0.9.0", "1.0.0"]);
    let node = market.node_with_prober();
    market.lie(|index| index["versions"]["2.0.0"] = index["versions"]["0.9.0"].clone());
    let problems = look(&node);
    assert!(problems.contains("it says that it is version 0.9.0"), "{problems}");
    // It hides what is installed.
    market.lie(|index| {
        let versions = index["versions"].as_object_mut().unwrap();
        versions.remove("2.0.0");
        versions.remove("1.0.0");
    });
    assert_eq!(look(&node), "[]");
    assert_runs(&node, "1.0.0");

    // A version that was here before comes back with other content.
    market.publish("1.1.0");
    assert_eq!(look(&node), "[]");
    assert_runs(&node, "1.1.0");
    node.install(&market.shelf.prober("1.0.0", |_| {}, &[]));
    node.install(&market.shelf.prober("1.0.0", |_| {}, &[("again", b"x".to_vec())]));
    node.install(&market.shelf.prober("0.9.0", |_| {}, &[]));
    let changed = std::fs::read(market.shelf.prober("1.1.0", |_| {}, &[("evil", b"x".to_vec())])).unwrap();
    let folder = market.folder.path().join("registry/packages/test.os/prober");
    std::fs::write(folder.join(format!("{}.zip", hash(&changed))), &changed).unwrap();
    market.lie(|index| {
        index["versions"]["1.1.0"]["sha256"] = json!(hash(&changed));
        index["versions"]["1.1.0"]["bytes"] = json!(changed.len());
    });
    let problems = look(&node);
    assert!(problems.contains("a version that was published does not change"), "{problems}");
    assert_runs(&node, "0.9.0");
    // The node installed it and no person did, and `wharf` knows of it all the same.
    let refused = node.wharf(&["install", "test.os/prober@1.1.0", "--yes"]).failed(4);
    assert!(refused.contains("a version that was published does not change"), "{refused}");
}

#[test]
fn a_registry_that_is_down_does_not_hold_up_another() {
    let market = Market::with(&["1.0.0"]);
    let node = market.node_with_prober();
    let down = "http://127.0.0.1:1/";
    assert_eq!(node.ask(CHAIN, &json!({ "AddRegistry": { "registry": down } })).json(), "Done");
    market.publish("1.1.0");
    let problems = look(&node);
    assert!(problems.contains(down), "{problems}");
    assert_runs(&node, "1.1.0");
    // What was listed stays listed while its registry is down.
    market.shop.fault("GET", Fault::Status(503, String::new()));
    let problems = look(&node);
    assert!(problems.contains("it answered with status 503"), "{problems}");
    let app = node.ask(CHAIN, &json!({ "GetApp": id(PROBER) })).json();
    assert_eq!(app["GetApp"]["metadata"]["properties"]["current_version"], "1.1.0");
    assert_runs(&node, "1.1.0");
}

#[test]
fn an_update_that_does_not_start_leaves_the_old_version_and_is_not_tried_over_and_over() {
    let market = Market::with(&["1.0.0"]);
    let node = market.node_with_prober();
    market.publish_zip(&market.shelf.prober("1.1.0", |_| {}, &[("prober.wasm", wasm(&trapping()))]));
    node.wharf(&["auto-update", "every", "1s"]).ok();
    let failed = || updates(&node)["packages"][PROBER_REF]["failed"].clone();
    let failed = eventually("it failed", || Some(failed()).filter(|failed| !failed.is_null()));
    assert_eq!(failed["version"], "1.1.0");
    let reason = failed["reason"].as_str().unwrap();
    assert!(reason.contains("does not start") && reason.contains("before is back"), "{reason}");
    assert_runs(&node, "1.0.0");
    // Later looks leave it alone.
    let (lists, zips) = (market.asked_for("index.json"), market.asked_for(".zip"));
    eventually("the node has looked again", || (market.asked_for("index.json") >= lists + 3).then_some(()));
    assert_eq!(market.asked_for(".zip"), zips);
    assert_runs(&node, "1.0.0");
    // One that works comes.
    market.publish("1.2.0");
    eventually("the next one is there", || (version(&node) == "1.2.0").then_some(()));
    assert_runs(&node, "1.2.0");
}

/// Something that a step of an update leaves behind, by which to know that it is that far.
type Sign<'a> = (&'a str, Box<dyn Fn() -> bool + 'a>);

fn signs<'a>(market: &'a Market, home: &Path, zip: &Path, new: &'a str) -> Vec<Sign<'a>> {
    let hash = hash(&std::fs::read(zip).unwrap());
    let drive = home.join("vfs").join(PROBER).join("pkg");
    let kept = home.join(format!("vfs/app-store:sys/downloads/{PROBER}/{hash}.zip"));
    let (gone, there) = (drive.clone(), drive);
    vec![
        ("the zip was asked for", Box::new(move || market.asked_for(&format!("{hash}.zip")) > 0)),
        ("the zip is kept", Box::new(move || kept.exists())),
        ("the old files are gone", Box::new(move || !gone.join("version").exists())),
        (
            "the new files are there",
            Box::new(move || std::fs::read_to_string(there.join("version")).is_ok_and(|text| text == new)),
        ),
    ]
}

#[test]
fn an_update_cut_off_by_kill_9_at_any_step_is_one_of_the_two_versions_and_comes_later() {
    let market = Market::with(&["1.0.0"]);
    let mut node = market.node_with_prober();
    node.run(A, json!([{ "SetState": "kept" }]));
    let home = node.home().root().to_owned();
    for step in 0..4 {
        let (old, new) = (format!("{}.0.0", step + 1), format!("{}.0.0", step + 2));
        let zip = market.shelf.prober(&new, |_| {}, &[]);
        market.publish_zip(&zip);
        let (moment, is_there) = signs(&market, &home, &zip, &new).swap_remove(step);
        std::thread::scope(|scope| {
            let looking = scope.spawn(|| node.wharf(&["auto-update", "look"]).code);
            eventually(moment, || (is_there() || looking.is_finished()).then_some(()));
            node.signal_kill();
        });
        node.kill_9();
        node.start_again();
        let version = version(&node);
        assert!(version == old || version == new, "{version}, killed when {moment}");
        assert_runs(&node, &version);
        assert_eq!(look(&node), "[]", "killed when {moment}");
        assert_runs(&node, &new);
        assert_eq!(node.last(A, json!(["GetState"])), "kept");
    }
}

#[test]
fn what_is_uninstalled_is_not_updated_when_it_comes_back_from_elsewhere() {
    let market = Market::with(&["1.0.0"]);
    let node = market.node_with_prober();
    node.wharf(&["uninstall", PROBER, "--yes"]).ok();
    assert_eq!(updates(&node)["packages"][PROBER_REF]["auto_update"], false);
    // Somebody's own build, which the registry does not list.
    node.install(&market.shelf.prober("0.1.0", |_| {}, &[("own", b"x".to_vec())]));
    assert_eq!(node.installed(PROBER).unwrap()["auto_update"], false);
    assert_eq!(look(&node), "[]");
    assert_runs(&node, "0.1.0");
    let refused = node.wharf(&["auto-update", "on", "other:test.os"]).failed(1);
    assert!(refused.contains("is not installed"), "{refused}");
    node.wharf(&["auto-update", "remove", &market.shop.url()]).ok();
    let refused = node.wharf(&["auto-update", "on", PROBER]).failed(1);
    assert!(refused.contains("no registry of this node"), "{refused}");
    for bad in ["/srv/packages", "oci://127.0.0.1:1/x"] {
        let refused = node.wharf(&["auto-update", "add", bad]).failed(4);
        assert!(refused.contains("the node cannot look at"), "{refused}");
    }
}

#[test]
fn the_listings_are_those_of_the_registry_in_the_shape_that_other_tools_know() {
    let market = Market::with(&["1.0.0", "1.1.0-rc.1"]);
    let node = market.node();
    let index = std::fs::read(market.folder.path().join("registry/packages/test.os/prober/index.json")).unwrap();
    let listed: Value = serde_json::from_slice(&index).unwrap();
    let hash_of = |version: &str| listed["versions"][version]["sha256"].clone();
    let app = json!({
        "package_id": id(PROBER),
        "tba": "",
        "metadata_uri": format!("{}packages/test.os/prober/index.json", market.url()),
        "metadata_hash": hash(&index),
        "metadata": {
            "name": "prober", "description": null, "image": null, "external_url": null, "animation_url": null,
            "properties": {
                "package_name": "prober", "publisher": "test.os", "current_version": "1.0.0", "mirrors": [],
                "code_hashes": [["1.0.0", hash_of("1.0.0")], ["1.1.0-rc.1", hash_of("1.1.0-rc.1")]],
                "license": null, "screenshots": null, "wit_version": null, "dependencies": null,
            },
        },
        "auto_update": false,
    });
    let ask = |body: Value| node.ask(CHAIN, &body).json();
    assert_eq!(ask(json!({ "GetApp": id(PROBER) })), json!({ "GetApp": app }));
    assert_eq!(ask(json!({ "GetApp": id("other:test.os") })), json!({ "GetApp": null }));
    assert_eq!(ask(json!("GetApps")), json!({ "GetApps": [app] }));
    assert_eq!(ask(json!("GetOurApps")), json!({ "GetOurApps": [] }), "this node is local.os");
    assert_eq!(ask(json!({ "StartAutoUpdate": id("other:test.os") })), json!({ "Err": "NoPackage" }));
    assert_eq!(ask(json!({ "StartAutoUpdate": id(PROBER) })), json!("AutoUpdateStarted"));
    assert_eq!(ask(json!({ "GetApp": id(PROBER) }))["GetApp"]["auto_update"], true);
    assert_eq!(ask(json!({ "StopAutoUpdate": id(PROBER) })), json!("AutoUpdateStopped"));
    assert_eq!(ask(json!("Reset")), json!("ResetOk"));
    eventually("it has looked anew", || (ask(json!("GetApps")) == json!({ "GetApps": [app] })).then_some(()));
    let nonsense = node.ask(CHAIN, &json!({ "Nonsense": 1 }));
    assert_eq!(nonsense.json(), json!({ "Err": "Malformed" }));
    for seconds in [json!(0), json!(u64::MAX)] {
        assert_eq!(ask(json!({ "LookEvery": { "seconds": seconds } })), json!({ "Err": "Malformed" }));
    }
}

#[test]
fn who_may_send_messages_there_may_read_and_who_holds_the_right_may_change() {
    let market = Market::with(&["1.0.0"]);
    let node = market.node();
    let root = json!({ "process": CHAIN, "params": { "root": true } });
    let asks = |manifest: &mut Value| {
        manifest[0]["request_capabilities"] = json!([CHAIN]);
        manifest[1]["request_capabilities"] = json!([CHAIN, root]);
    };
    node.install(&market.shelf.prober("1.0.0", asks, &[]));
    let ask = |prober: &str, body: Value, shown: &[&str]| -> Value {
        let shown: Vec<_> = shown.iter().map(|params| capability(CHAIN, params)).collect();
        let request = json!({ "to": CHAIN, "body": body.to_string(), "expects": 60, "capabilities": shown });
        node.last(prober, json!([{ "Await": request }]))
    };
    let says = |outcome: &Value, part: &str| assert!(outcome.to_string().contains(part), "{part}: {outcome}");
    let b = "prober-b:prober:test.os";
    let stop = json!({ "StopAutoUpdate": id(PROBER) });
    says(&ask(A, json!("GetApps"), &[]), "current_version");
    says(&ask(A, stop.clone(), &[]), "NotAllowed");
    // To name it is not to hold it.
    says(&ask(A, stop.clone(), &[r#"{"root":true}"#]), "NotAllowed");
    says(&ask(b, stop.clone(), &[]), "NotAllowed");
    says(&ask(b, stop, &[r#"{"root":true}"#]), "AutoUpdateStopped");
    for owners in [
        json!("Look"),
        json!({ "LookEvery": { "seconds": 1 } }),
        json!({ "AddRegistry": { "registry": "https://evil.example/" } }),
        json!({ "RemoveRegistry": { "registry": market.url() } }),
        json!({ "Remember": { "registry": market.url(), "package": PROBER_REF, "version": "1.0.0", "sha256": "a".repeat(64) } }),
    ] {
        says(&ask(b, owners, &[r#"{"root":true}"#]), "NotAllowed");
    }
    // And who may not send messages there reaches nobody.
    let outcome = ask(OUTSIDER, json!("GetApps"), &[]);
    assert!(!outcome.to_string().contains("current_version"), "{outcome}");
    assert_eq!(updates(&node)["registries"], json!([market.url()]));
}

/// A prober that was not given the right to send messages there.
const OUTSIDER: &str = "prober-c:prober:test.os";

#[test]
fn metadata_that_nobody_gave_is_that_of_the_registry() {
    let market = Market::with(&["1.0.0"]);
    let node = market.node();
    let bare = zip(&[Entry::file("manifest.json", manifest().to_string()), Entry::file("main.wasm", wasm(SMALLEST))]);
    market.lie(|index| {
        index["versions"]["0.7.0"] = json!({ "sha256": hash(&bare), "bytes": bare.len(), "title": "Probers" });
    });
    assert_eq!(look(&node), "[]");
    let new = json!({ "NewPackage": { "package_id": id(PROBER), "mirror": false } }).to_string();
    let kept = node.send("main:app-store:sys", &new, Some(&bare), 60).unwrap();
    assert_eq!(kept.json(), json!({ "NewPackageResponse": "Success" }));
    let install = json!({ "Install": { "package_id": id(PROBER), "version_hash": hash(&bare), "metadata": null } });
    assert_eq!(node.ask("main:app-store:sys", &install).json(), json!({ "InstallResponse": "Success" }));
    assert_eq!(version(&node), "0.7.0", "and not the newest");
    // One that no registry lists has no version.
    let other = package_of("other:test.os", &wasm(SMALLEST));
    node.install(&market.shelf.put("other:test.os", "other", &other));
    assert_eq!(node.version("other:test.os").as_deref(), Some("0.1.0"), "its own");
}
