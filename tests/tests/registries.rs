//! Pins how packages get into registries and out of them, with folders and web servers, and that what a bad registry sends
//! ends in an error and nowhere else.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use wharf_tests::cli::{Ran, wharf};
use wharf_tests::installing::{PROBER, Shelf};
use wharf_tests::packages::{Entry, SMALLEST, hash, manifest, metadata, package_of, wasm, zip};
use wharf_tests::shop::Fault;
use wharf_tests::{Node, Shop, paths};

const PROBER_REF: &str = "test.os/prober";

/// A folder for a registry, and packages for it.
struct Keeper {
    shelf: Shelf,
    folder: TempDir,
}

impl Keeper {
    fn new() -> Self {
        Self { shelf: Shelf::default(), folder: tempfile::tempdir().unwrap() }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("packages.example")
    }

    fn at(&self) -> String {
        self.root().to_str().unwrap().to_owned()
    }

    fn publish(&self, zip: &Path) -> Ran {
        wharf(&["publish", zip.to_str().unwrap(), "--to", &self.at(), "--json"])
    }

    /// Publishes the probers as these versions.
    fn with(versions: &[&str]) -> Self {
        let keeper = Self::new();
        for version in versions {
            keeper.publish(&keeper.shelf.prober(version, |_| {}, &[])).ok();
        }
        keeper
    }

    fn index(&self) -> PathBuf {
        self.root().join("packages/test.os/prober/index.json")
    }

    /// Changes the list of versions, as a registry that lies may.
    fn lie(&self, change: impl FnOnce(&mut Value)) {
        let mut index: Value = serde_json::from_slice(&std::fs::read(self.index()).unwrap()).unwrap();
        change(&mut index);
        std::fs::write(self.index(), index.to_string()).unwrap();
    }
}

fn parsed(ran: Ran) -> Value {
    serde_json::from_str(&ran.ok()).unwrap()
}

fn lock(node: &Node) -> Option<String> {
    std::fs::read_to_string(node.home().packages_lock()).ok()
}

#[test]
fn a_published_package_is_found_installed_and_remembered() {
    let (node, keeper) = (Node::start(), Keeper::with(&["1.0.0", "1.10.0", "1.9.0", "2.0.0-rc.1"]));
    let at = keeper.at();
    assert_eq!(parsed(wharf(&["registry", "list", "--from", &at, "--json"])), json!([PROBER_REF]));
    assert_eq!(parsed(wharf(&["registry", "list", "nothing", "--from", &at, "--json"])), json!([]));
    let shown = parsed(wharf(&["registry", "show", PROBER_REF, "--from", &at, "--json"]));
    assert_eq!(shown["versions"], json!(["2.0.0-rc.1", "1.10.0", "1.9.0", "1.0.0"]));
    assert_eq!(shown["shown"]["version"], "1.10.0", "the newest, and no pre-release");

    let refused = node.wharf(&["install", PROBER_REF, "--from", &at]).failed(5);
    assert!(refused.contains("may send messages to http-client:distro:sys"), "{refused}");
    node.wharf(&["install", PROBER_REF, "--from", &at, "--dry-run"]).ok();
    assert_eq!((node.version(PROBER), lock(&node)), (None, None), "neither installs nor remembers");

    node.wharf(&["install", PROBER_REF, "--from", &at, "--yes"]).ok();
    assert_eq!(node.version(PROBER).as_deref(), Some("1.10.0"));
    let remembered = lock(&node).unwrap();
    let digest = shown["shown"]["release"]["sha256"].as_str().unwrap();
    assert!(remembered.contains(&format!("\"1.10.0\" = \"{digest}\"")) && remembered.contains(&at), "{remembered}");

    // Where it came from is known now, and a version can be chosen.
    node.wharf(&["install", "test.os/prober@2.0.0-rc.1", "--yes"]).ok();
    assert_eq!(node.version(PROBER).as_deref(), Some("2.0.0-rc.1"));
    let unknown = node.wharf(&["install", "test.os/prober@3.0.0", "--yes"]).failed(4);
    assert!(
        unknown.contains("no version 3.0.0 of test.os/prober") && unknown.contains("wharf registry show"),
        "{unknown}"
    );
    let unknown = node.wharf(&["install", "test.os/other", "--from", &at]).failed(4);
    assert!(unknown.contains("no package test.os/other"), "{unknown}");
    let nowhere = wharf(&["registry", "list", "--from", "/nowhere/at/all"]).failed(4);
    assert!(nowhere.contains("/nowhere/at/all is not a registry"), "{nowhere}");
}

#[test]
fn a_published_version_never_changes() {
    let keeper = Keeper::with(&["1.0.0"]);
    let again = keeper.publish(&keeper.shelf.prober("1.0.0", |_| {}, &[]));
    assert_eq!(parsed(again)["new"], false);
    let before = std::fs::read(keeper.index()).unwrap();
    let other = keeper.publish(&keeper.shelf.prober("1.0.0", |_| {}, &[("more", b"x".to_vec())])).failed(4);
    assert!(other.contains("version 1.0.0 of test.os/prober is there already"), "{other}");
    assert_eq!(std::fs::read(keeper.index()).unwrap(), before);

    for (version, says) in [("1", "`1` is not a version"), ("", "`` is not a version")] {
        let refused = keeper.publish(&keeper.shelf.prober(version, |_| {}, &[])).failed(4);
        assert!(refused.contains(says), "{refused}");
    }
    let shop = Shop::of(&keeper.root());
    let zip = keeper.shelf.prober("2.0.0", |_| {}, &[]);
    let refused = wharf(&["publish", zip.to_str().unwrap(), "--to", &shop.url()]).failed(4);
    assert!(refused.contains("a web server is only read") && refused.contains("--to FOLDER"), "{refused}");
}

#[test]
fn a_dry_run_says_what_would_be_published_and_changes_nothing() {
    let keeper = Keeper::new();
    let (zip, at) = (keeper.shelf.prober("1.0.0", |_| {}, &[]), keeper.at());
    let dry = |zip: &Path, to: &str| wharf(&["publish", zip.to_str().unwrap(), "--to", to, "--dry-run", "--json"]);
    let bytes = std::fs::read(&zip).unwrap();
    let mut expected = json!({
        "package_id": { "package_name": "prober", "publisher_node": "test.os" }, "version": "1.0.0",
        "version_hash": hash(&bytes), "bytes": bytes.len(), "signed_by": null, "registry": at, "new": true,
        "title": "prober", "description": null, "dry_run": true,
    });
    assert_eq!(parsed(dry(&zip, &at)), expected);
    assert!(!keeper.root().exists(), "nothing was made");
    let text = wharf(&["publish", zip.to_str().unwrap(), "--to", &at, "--dry-run"]).ok();
    assert!(text.contains("would be published") && text.contains(&hash(&bytes)) && text.contains(&at), "{text}");
    assert!(text.contains("signed with   no key"), "{text}");

    keeper.publish(&zip).ok();
    let before = std::fs::read(keeper.index()).unwrap();
    expected["new"] = json!(false);
    assert_eq!(parsed(dry(&zip, &at)), expected);
    assert_eq!(parsed(dry(&keeper.shelf.prober("1.1.0", |_| {}, &[]), &at))["new"], true);
    let other = dry(&keeper.shelf.prober("1.0.0", |_| {}, &[("more", b"x".to_vec())]), &at).failed(4);
    assert!(other.contains("version 1.0.0 of test.os/prober is there already"), "{other}");
    let refused = dry(&zip, &Shop::of(&keeper.root()).url()).failed(4);
    assert!(refused.contains("a web server is only read"), "{refused}");
    assert_eq!(std::fs::read(keeper.index()).unwrap(), before);
}

#[test]
fn all_that_is_published_at_the_same_time_is_listed() {
    let keeper = Keeper::new();
    let versions: Vec<String> = (0..6).map(|n| format!("1.{n}.0")).collect();
    let zips: Vec<PathBuf> = versions.iter().map(|version| keeper.shelf.prober(version, |_| {}, &[])).collect();
    std::thread::scope(|scope| {
        let (keeper, other) = (&keeper, package_of("other:b.os", &wasm(SMALLEST)));
        let other = keeper.shelf.put("other:b.os", "other", &other);
        scope.spawn(move || keeper.publish(&other).ok());
        for zip in &zips {
            scope.spawn(move || keeper.publish(zip).ok());
        }
    });
    let mut shown =
        parsed(wharf(&["registry", "show", PROBER_REF, "--from", &keeper.at(), "--json"]))["versions"].clone();
    shown.as_array_mut().unwrap().reverse();
    assert_eq!(shown, json!(versions));
    let listed = parsed(wharf(&["registry", "list", "--from", &keeper.at(), "--json"]));
    assert_eq!(listed, json!(["b.os/other", PROBER_REF]));
}

#[test]
fn a_web_server_with_the_files_is_a_registry_and_a_changed_version_is_refused() {
    let (node, keeper) = (Node::start(), Keeper::with(&["1.0.0"]));
    let shop = Shop::of(&keeper.root());
    node.wharf(&["install", PROBER_REF, "--from", &shop.url(), "--yes"]).ok();
    assert_eq!(node.version(PROBER).as_deref(), Some("1.0.0"));
    let installed = node.installed(PROBER).unwrap();

    // Somebody puts another package in its place, and does so well.
    let zip = std::fs::read(keeper.shelf.prober("1.0.0", |_| {}, &[("evil", b"x".to_vec())])).unwrap();
    std::fs::write(keeper.index().with_file_name(format!("{}.zip", hash(&zip))), &zip).unwrap();
    keeper.lie(|index| {
        index["versions"]["1.0.0"]["sha256"] = json!(hash(&zip));
        index["versions"]["1.0.0"]["bytes"] = json!(zip.len());
    });
    let refused = node.wharf(&["install", PROBER_REF, "--yes"]).failed(4);
    assert!(refused.contains("a version that was published does not change"), "{refused}");
    assert!(refused.contains("--accept-changed") && refused.contains(&hash(&zip)), "{refused}");
    // Also if it comes from elsewhere.
    let refused = node.wharf(&["install", PROBER_REF, "--from", &keeper.at(), "--yes"]).failed(4);
    assert!(refused.contains("does not change"), "{refused}");
    assert_eq!(node.installed(PROBER).unwrap(), installed);

    node.wharf(&["install", PROBER_REF, "--yes", "--accept-changed"]).ok();
    assert_eq!(node.installed(PROBER).unwrap()["version_hash"], hash(&zip));
    // It is what is remembered now.
    node.wharf(&["install", PROBER_REF, "--yes"]).ok();
}

#[test]
fn what_was_signed_stays_signed() {
    let (node, keeper) = (Node::start(), Keeper::new());
    let keys = keeper.folder.path().join("keys");
    let keys = keys.to_str().unwrap();
    wharf(&["key", "--keys", keys, "new", "test.os"]).ok();
    let zip = keeper.shelf.prober("1.0.0", |_| {}, &[]);
    let unsigned = wharf(&["publish", zip.to_str().unwrap(), "--to", &keeper.at()]);
    assert!(unsigned.stderr.contains("is not signed"), "{}", unsigned.stderr);
    let next = keeper.shelf.prober("1.1.0", |_| {}, &[]);
    wharf(&["sign", next.to_str().unwrap(), "--keys", keys]).ok();
    let signed = parsed(keeper.publish(&next));
    let key = wharf(&["key", "--keys", keys, "show", "test.os"]).ok();
    assert_eq!(signed["signed_by"], key.trim());
    node.wharf(&["install", PROBER_REF, "--from", &keeper.at(), "--yes"]).ok();
    assert_eq!(node.installed(PROBER).unwrap()["signed_by"], key.trim());
    // From now on the node wants that key, wherever a package comes from.
    let refused = node.wharf(&["install", "test.os/prober@1.0.0", "--yes"]).failed(1);
    assert!(refused.contains("it is not signed"), "{refused}");
}

/// What a bad registry sends, and what is said about it.
type Bad<'a> = (&'a str, Fault, &'a str);

#[test]
fn what_a_bad_web_server_sends_is_an_error_and_nothing_else() {
    let (node, keeper) = (Node::start(), Keeper::with(&["1.0.0"]));
    let shop = Shop::of(&keeper.root());
    let elsewhere = Shop::of(&keeper.root());
    let to = |url: String| Fault::Status(302, format!("location: {url}\r\n"));
    let other_zip = std::fs::read(keeper.shelf.prober("1.0.0", |_| {}, &[("x", b"y".to_vec())])).unwrap();
    let size = std::fs::metadata(keeper.shelf.prober("1.0.0", |_| {}, &[])).unwrap().len();
    let other_zip = other_zip[..usize::try_from(size).unwrap()].to_vec();
    let body = |text: &str| Fault::Body(text.as_bytes().to_vec());
    let many: String =
        (0..60_000).map(|n| format!("\"1.0.{n}\":{{\"sha256\":\"{}\",\"bytes\":1}},", "a".repeat(64))).collect();
    let many = format!("{{\"format\":1,\"package\":\"{PROBER_REF}\",\"versions\":{{{}}}}}", many.trim_end_matches(','));
    let bads: Vec<Bad<'_>> = vec![
        (".zip", Fault::Body(other_zip), "where the registry lists"),
        (".zip", Fault::Endless, "the most that is accepted"),
        (".zip", Fault::Half, "cannot get"),
        (".zip", Fault::Status(404, String::new()), "there is no packages/"),
        (".zip", Fault::Status(500, String::new()), "with status 500: no"),
        (".zip", to(format!("{}/packages/x.zip", elsewhere.url())), "it is another host"),
        ("index.json", Fault::Endless, "larger than 4194304 bytes"),
        ("index.json", Fault::Body(many.into_bytes()), "larger than 4194304 bytes"),
        ("index.json", Fault::Half, "cannot get"),
        ("index.json", Fault::Status(401, String::new()), "does not allow"),
        ("index.json", to(format!("{}/registry.json", elsewhere.url())), "it is another host"),
        ("index.json", to("file:///etc/passwd".to_owned()), "it is another host"),
        ("index.json", to("/packages/test.os/prober/index.json".to_owned()), "it was sent on too often"),
        ("index.json", body("<html>"), "it is malformed"),
        ("index.json", body(&"[".repeat(100_000)), "it is malformed"),
        ("index.json", body("{\"format\":2,\"package\":\"test.os/prober\",\"versions\":{}}"), "it has format 2"),
        ("index.json", body("{\"format\":1,\"package\":\"../../etc\",\"versions\":{}}"), "cannot be a package"),
        ("index.json", body("{\"format\":1,\"package\":\"a.os/b\",\"versions\":{}}"), "it is about a.os/b"),
        (
            "index.json",
            body("{\"format\":1,\"package\":\"test.os/prober\",\"versions\":{}}"),
            "no package test.os/prober",
        ),
    ];
    for (part, fault, says) in bads {
        let shown = format!("{fault:?}");
        shop.fault(part, fault);
        let refused = node.wharf(&["install", PROBER_REF, "--from", &shop.url(), "--yes"]).failed(4);
        assert!(refused.contains(says), "{part} {}: {refused}", shown.chars().take(100).collect::<String>());
        shop.mend();
    }
    assert_eq!((node.installed(PROBER), lock(&node)), (None, None));
    assert!(!node.home().vfs().join(format!("app-store:sys/downloads/{PROBER}")).exists(), "nothing was sent");
    assert_eq!(elsewhere.requests(), Vec::<String>::new(), "nobody was sent on");
    node.wharf(&["install", PROBER_REF, "--from", &shop.url(), "--yes"]).ok();
}

/// Changes what a registry lists.
type Lie = Box<dyn FnOnce(&mut Value)>;

#[test]
fn a_registry_that_lies_about_what_it_has_is_found_out() {
    let (node, keeper) = (Node::start(), Keeper::with(&["1.0.0"]));
    let entry = |index: &Value| index["versions"]["1.0.0"].clone();
    let good = std::fs::read(keeper.index()).unwrap();
    let stranger = package_of("other:test.os", &wasm(SMALLEST));
    std::fs::write(keeper.index().with_file_name(format!("{}.zip", hash(&stranger))), &stranger).unwrap();
    let lies: Vec<(Lie, &str)> = vec![
        (Box::new(move |index| index["versions"]["9.0.0"] = entry(index)), "it says that it is version 1.0.0"),
        (
            Box::new(move |index| {
                index["versions"]["1.0.0"] = json!({ "sha256": hash(&stranger), "bytes": stranger.len() });
            }),
            "it is other:test.os",
        ),
        (Box::new(|index| index["versions"]["1.0.0"]["bytes"] = json!(1)), "the most that is accepted"),
        (Box::new(|index| index["versions"]["1.0.0"]["bytes"] = json!(u64::MAX)), "the most that is accepted"),
        (Box::new(|index| index["versions"]["1.0.0"]["sha256"] = json!("../../../../etc/passwd")), "64 lower-case hex"),
        (Box::new(|index| index["versions"]["../1.0.0"] = json!({})), "it is malformed"),
    ];
    for (lie, says) in lies {
        keeper.lie(lie);
        let refused = node.wharf(&["install", PROBER_REF, "--from", &keeper.at(), "--yes"]).failed(4);
        assert!(refused.contains(says), "{says}: {refused}");
        std::fs::write(keeper.index(), &good).unwrap();
    }
    // What is no file is not waited for.
    std::fs::remove_file(keeper.index()).unwrap();
    assert!(Command::new("mkfifo").arg(keeper.index()).status().unwrap().success());
    let refused = node.wharf(&["install", PROBER_REF, "--from", &keeper.at(), "--yes"]).failed(4);
    assert!(refused.contains("it is not a file"), "{refused}");
    assert_eq!((node.installed(PROBER), lock(&node)), (None, None));
}

#[test]
fn a_registry_that_does_not_answer_is_waited_for_as_long_as_the_settings_say() {
    let keeper = Keeper::with(&["1.0.0"]);
    let shop = Shop::of(&keeper.root());
    let settings = keeper.folder.path().join("registries.toml");
    let ask = |limits: &str| {
        std::fs::write(&settings, format!("default = '{}'\n[limits]\n{limits}\n", shop.url())).unwrap();
        wharf(&["registry", "show", PROBER_REF, "--registries", settings.to_str().unwrap()])
    };
    ask("").ok();
    shop.fault("index.json", Fault::Silent);
    // The other of the two is far longer than any test may take.
    for limits in ["quiet_ms = 100\ntotal_ms = 86400000", "quiet_ms = 86400000\ntotal_ms = 100"] {
        let refused = ask(limits).failed(4);
        assert!(refused.contains("the registry was too slow") && refused.contains("[limits]"), "{refused}");
    }
    let refused = ask("quiet = 1").failed(4);
    assert!(refused.contains("unknown field"), "{refused}");
}

#[test]
fn names_and_places_that_make_no_sense_are_refused_before_anything_is_asked() {
    let (node, keeper) = (Node::start(), Keeper::with(&["1.0.0"]));
    let at = keeper.at();
    for (args, code, says) in [
        (vec!["registry", "show", "../prober", "--from", &at], 2, "cannot be a package"),
        (vec!["registry", "show", "test.os/../../x", "--from", &at], 2, "cannot be a package"),
        (vec!["install", "test.os/prober@latest", "--from", &at], 2, "`latest` is not a version like 1.2.3"),
        (vec!["install", "test.os/none", "--from", "ftp://x"], 4, "is not a registry"),
        (vec!["install", "test.os/none", "--from", "http://packages.example"], 4, "is not asked without TLS"),
        (vec!["install", "test.os/none", "--from", "http://127.0.0.1:1"], 4, "cannot get http://127.0.0.1:1/"),
        (vec!["install", "test.os/none", "--from", "https://a:b@x"], 4, "names and passwords are not part of it"),
        (vec!["install", "no/such/file.zip"], 4, "cannot read the package"),
    ] {
        let refused = node.wharf(&args).failed(code);
        assert!(refused.contains(says), "{args:?}: {refused}");
    }
}

#[test]
fn updates_are_found_taken_and_never_wider_without_a_word() {
    let (node, keeper) = (Node::start(), Keeper::with(&["1.0.0"]));
    let other = |version: &str| {
        let zip = zip(&other_entries(version));
        keeper.publish(&keeper.shelf.put("other:b.os", version, &zip)).ok();
    };
    other("0.1.0");
    let at = keeper.at();
    assert_eq!(parsed(node.wharf(&["update", "--check", "--json"])), json!([]));
    for package in [PROBER_REF, "b.os/other"] {
        node.wharf(&["install", package, "--from", &at, "--yes"]).ok();
    }
    let states = |ran: Ran| -> Vec<(String, String)> {
        let list: Value = serde_json::from_str(&ran.stdout).unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        list.as_array().unwrap().iter().map(|one| (text(&one["newest"]), text(&one["state"]))).collect()
    };
    let is = |newest: &str, state: &str| (newest.to_owned(), state.to_owned());
    let sorted = |mut states: Vec<(String, String)>| {
        states.sort();
        states
    };
    assert_eq!(
        sorted(states(node.wharf(&["update", "--all", "--json"]))),
        [is("0.1.0", "current"), is("1.0.0", "current")]
    );

    // One asks for more, one does not.
    let root = json!({ "process": "vfs:distro:sys", "params": { "root": true } });
    let more = |manifest: &mut Value| manifest[3]["request_capabilities"] = json!([root]);
    keeper.publish(&keeper.shelf.prober("1.1.0", more, &[])).ok();
    keeper.publish(&keeper.shelf.prober("2.0.0-rc.1", |_| {}, &[])).ok();
    other("0.2.0");
    assert_eq!(
        sorted(states(node.wharf(&["update", "--check", "--json"]))),
        [is("0.2.0", "available"), is("1.1.0", "available")]
    );
    assert_eq!(node.version(PROBER).as_deref(), Some("1.0.0"), "to look changes nothing");
    let ran = node.wharf(&["update", "--all", "--json"]);
    assert_eq!(ran.code, 5, "{}", ran.stderr);
    assert!(ran.stderr.contains("! may read and change the files of every package"), "{}", ran.stderr);
    assert_eq!(sorted(states(ran)), [is("0.2.0", "updated"), is("1.1.0", "failed")]);
    assert_eq!(node.version(PROBER).as_deref(), Some("1.0.0"));
    assert_eq!(node.version("other:b.os").as_deref(), Some("0.2.0"));
    node.wharf(&["update", PROBER, "--yes"]).ok();
    assert_eq!(node.version(PROBER).as_deref(), Some("1.1.0"));

    let unknown = node.wharf(&["update", "prober:other.os"]).failed(1);
    assert!(unknown.contains("is not installed"), "{unknown}");
    node.install(&paths::package("echo:wharf.os"));
    let local = node.wharf(&["update", "echo:wharf.os"]).failed(4);
    assert!(local.contains("was not installed from a registry"), "{local}");
}

/// A package with its version in its metadata.
fn other_entries(version: &str) -> Vec<Entry> {
    let mut about = metadata("other:b.os");
    about["properties"]["current_version"] = json!(version);
    vec![
        Entry::file("manifest.json", manifest().to_string()),
        Entry::file("metadata.json", about.to_string()),
        Entry::file("main.wasm", wasm(SMALLEST)),
    ]
}
