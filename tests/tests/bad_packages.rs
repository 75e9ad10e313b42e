//! Pins what happens to packages that are wrong, by accident or on purpose: `wharf install` and the node itself, each on
//! its own, refuse them with an error that names the cause; nothing has changed afterwards; and the node serves on.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use serde_json::{Value, json};
use wharf_tests::folders::contents;
use wharf_tests::packages::{Entry, SMALLEST, hash, manifest, metadata, package_of, read_entry, wasm, zip};
use wharf_tests::prober::A;
use wharf_tests::{Node, paths};

const APP_STORE: &str = "main:app-store:sys";
const BAD: &str = "bad:test.os";

/// A package that is refused with these words.
struct Case {
    what: &'static str,
    zip: Vec<u8>,
    says: &'static str,
}

fn case(what: &'static str, zip: Vec<u8>, says: &'static str) -> Case {
    Case { what, zip, says }
}

/// A good package with these entries beside its own.
fn with(entries: &[Entry]) -> Vec<u8> {
    let mut all = vec![
        Entry::file("manifest.json", manifest().to_string()),
        Entry::file("metadata.json", metadata(BAD).to_string()),
        Entry::file("main.wasm", wasm(SMALLEST)),
    ];
    all.extend_from_slice(entries);
    zip(&all)
}

/// A good package but for its manifest.
fn with_manifest(manifest: impl AsRef<[u8]>) -> Vec<u8> {
    zip(&[
        Entry::file("manifest.json", manifest),
        Entry::file("metadata.json", metadata(BAD).to_string()),
        Entry::file("main.wasm", wasm(SMALLEST)),
    ])
}

/// The manifest with one field changed.
fn field(name: &str, value: Value) -> String {
    let mut manifest = manifest();
    manifest[0][name] = value;
    manifest.to_string()
}

/// Everything that a refused package must not change: processes, packages, files.
fn world(node: &Node) -> (Vec<String>, String, Vec<String>) {
    // What the app store was given to keep is not part of a package.
    let is_of_packages = |name: &String| !name.starts_with("app-store:sys/downloads");
    let files = contents(&node.home().vfs()).into_iter().filter(is_of_packages).collect();
    (node.process_ids(), node.wharf(&["list", "--json"]).ok(), files)
}

/// Gives a package to the node without `wharf`, and returns the reason for the refusal.
fn refused_by_node(node: &Node, package: &str, zip: &[u8]) -> String {
    let (name, publisher) = package.split_once(':').unwrap();
    let id = json!({ "package_name": name, "publisher_node": publisher });
    let new = json!({ "NewPackage": { "package_id": id, "mirror": true } }).to_string();
    let kept = node.send(APP_STORE, &new, Some(zip), 60).unwrap();
    if kept.json() == json!({ "NewPackageResponse": "InstallFailed" }) {
        return kept.failure().expect("a reason");
    }
    assert_eq!(kept.json(), json!({ "NewPackageResponse": "Success" }));
    let install = json!({ "Install": { "package_id": id, "version_hash": hash(zip), "metadata": null } });
    let installed = node.ask(APP_STORE, &install);
    assert_eq!(installed.json(), json!({ "InstallResponse": "Failure" }), "it should be refused");
    installed.failure().expect("a reason")
}

fn refused_by_wharf(node: &Node, zip: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(format!("{BAD}.zip"));
    std::fs::write(&path, zip).unwrap();
    let ran = node.wharf(&["install", "--yes", path.to_str().unwrap()]);
    assert!(ran.code == 1 || ran.code == 4, "exit code {}: {}{}", ran.code, ran.stdout, ran.stderr);
    ran.stderr
}

fn all_refused(cases: &[Case]) {
    let node = Node::start();
    let before = world(&node);
    for Case { what, zip, says } in cases {
        let by_wharf = refused_by_wharf(&node, zip);
        assert!(by_wharf.contains(says), "{what}: `wharf` does not say {says:?}, but: {by_wharf}");
        let by_node = refused_by_node(&node, BAD, zip);
        assert!(by_node.contains(says), "{what}: the node does not say {says:?}, but: {by_node}");
        assert_eq!(world(&node), before, "{what}: something has changed");
    }
    // A good package still installs.
    let good = tempfile::tempdir().unwrap();
    let path = good.path().join(format!("{BAD}.zip"));
    std::fs::write(&path, with(&[])).unwrap();
    node.install(&path);
}

#[test]
fn what_is_not_a_zip() {
    let good = with(&[]);
    all_refused(&[
        case("nothing", Vec::new(), "not a zip"),
        case("text", b"hello, this is no zip".to_vec(), "not a zip"),
        case("a component", wasm(SMALLEST), "not a zip"),
        case("a zip cut short", good[..good.len() - 30].to_vec(), "zip"),
        case("an empty zip", zip(&[]), "manifest.json"),
    ]);
}

#[test]
fn s11_names_that_lead_elsewhere() {
    let named = |name: &str| with(&[Entry::file(name, "x")]);
    all_refused(&[
        case("a way up", named("../outside"), "../outside"),
        case("a way up inside", named("ui/../../outside"), "outside"),
        case("an absolute name", named("/etc/outside"), "/etc/outside"),
        case("a name for another system", named("..\\outside"), "outside"),
        case("a drive letter", named("C:/outside"), "outside"),
        case("the folder itself", named("./outside"), "outside"),
        case("an empty part", named("ui//outside"), "outside"),
        case("a zero byte", named("out\0side"), "out"),
    ]);
}

#[test]
fn s12_links_and_other_special_files() {
    let special = |mode: u32| Entry { mode, ..Entry::file("special", "x") };
    all_refused(&[
        case("a link up", with(&[Entry::symlink("link", "../../..")]), "\"link\""),
        case("a link within", with(&[Entry::symlink("link", "main.wasm")]), "\"link\""),
        case("a device", with(&[special(0o020_666)]), "special"),
        case("a named pipe", with(&[special(0o010_666)]), "special"),
    ]);
}

#[test]
fn names_that_collide() {
    let two = |a: &str, b: &str| with(&[Entry::file(a, "x"), Entry::file(b, "y")]);
    all_refused(&[
        case("a file twice", two("ui/a", "ui/a"), "same name"),
        case("a manifest twice", two("manifest.json", "x"), "same name"),
        case("a file that is a folder too", two("ui", "ui/a"), "ui"),
    ]);
}

#[test]
fn zips_that_are_too_much() {
    let many: Vec<_> = (0..10_001).map(|n| Entry::file(&format!("f{n}"), "")).collect();
    let huge = Entry { claimed: 1 << 30, ..Entry::file("huge", "x") };
    let liar = Entry { claimed: 10, ..Entry::file("liar", [0; 1000]) };
    let parts: Vec<_> = (0..3).map(|n| Entry { claimed: 100 << 20, ..Entry::file(&format!("part{n}"), "x") }).collect();
    all_refused(&[
        case("too many entries", with(&many), "entries"),
        case("a file that claims to be huge", with(&[huge]), "huge"),
        case("a file larger than it claims", with(&[liar]), "liar"),
        case("too much in all", with(&parts), "bytes"),
    ]);
}

#[test]
fn manifests_that_are_wrong() {
    let long = format!("[{}]", "x".repeat(8 << 20));
    let entries = |count: usize| {
        let entry = |n: usize| {
            let mut entry = manifest()[0].clone();
            entry["process_name"] = json!(format!("p{n}"));
            entry
        };
        (0..count).map(entry).collect::<Value>().to_string()
    };
    let mut lacking = manifest();
    lacking[0].as_object_mut().unwrap().remove("public");
    let mut twice = manifest();
    let first = twice[0].clone();
    twice.as_array_mut().unwrap().push(first);
    all_refused(&[
        case("none", zip(&[Entry::file("main.wasm", wasm(SMALLEST))]), "manifest.json"),
        case("not JSON", with_manifest("[{"), "manifest.json is not JSON"),
        case("not text", with_manifest([0xff, 0xfe]), "manifest.json is not JSON"),
        case("nested without end", with_manifest("[".repeat(100_000)), "manifest.json is not JSON"),
        case("an object", with_manifest("{}"), "manifest.json"),
        case("a list of texts", with_manifest("[\"main\"]"), "manifest.json"),
        case("far too long", with_manifest(long), "manifest.json"),
        case("too many processes", with_manifest(entries(1_000)), "1000 entries"),
        case("a field too few", with_manifest(lacking.to_string()), "public"),
        case("a field of another type", with_manifest(field("public", json!("yes"))), "public"),
        case("two of one name", with_manifest(twice.to_string()), "process_name"),
        case("a name that can be none", with_manifest(field("process_name", json!("A b"))), "process_name"),
        case("a name with colons", with_manifest(field("process_name", json!("a:b"))), "process_name"),
        case("an unknown end", with_manifest(field("on_exit", json!("Explode"))), "on_exit"),
        case("a path elsewhere", with_manifest(field("process_wasm_path", json!("/../x"))), "process_wasm_path"),
        case("a missing file", with_manifest(field("process_wasm_path", json!("/no.wasm"))), "no.wasm"),
        case("a bad id", with_manifest(field("request_capabilities", json!(["vfs"]))), "request_capabilities"),
        case("a bad grant", with_manifest(field("grant_capabilities", json!([7]))), "grant_capabilities"),
    ]);
}

#[test]
fn metadata_that_is_wrong() {
    let with_metadata = |metadata: String| {
        zip(&[
            Entry::file("manifest.json", manifest().to_string()),
            Entry::file("metadata.json", metadata),
            Entry::file("main.wasm", wasm(SMALLEST)),
        ])
    };
    let named = |name: &str, publisher: &str| {
        let mut metadata = metadata(BAD);
        metadata["properties"]["package_name"] = json!(name);
        metadata["properties"]["publisher"] = json!(publisher);
        with_metadata(metadata.to_string())
    };
    all_refused(&[
        case("not JSON", with_metadata("{".to_owned()), "metadata.json"),
        case("without properties", with_metadata("{}".to_owned()), "metadata.json"),
        case("a name that can be none", named("A b", "test.os"), "metadata.json"),
        case("a name that is a path", named("../x", "test.os"), "metadata.json"),
        case("a publisher that can be none", named("bad", "a/b"), "metadata.json"),
    ]);
}

#[test]
fn components_that_cannot_run() {
    let of = |bytes: &[u8]| package_of(BAD, bytes);
    let text = |text: &str| package_of(BAD, &wasm(text));
    let prober = read_entry(&paths::test_package("prober:test.os"), "prober.wasm");
    let mut flipped = prober.clone();
    let middle = flipped.len() / 2;
    flipped[middle..middle + 64].fill(0xff);
    let smallest_with = |import: &str| SMALLEST.replacen("(component", &format!("(component {import}"), 1);
    all_refused(&[
        case("a core module", text("(module)"), "core"),
        case("text", of(b"hello"), "not WebAssembly"),
        case("no bytes", of(b""), "not WebAssembly"),
        case("a header and no more", of(b"\0asm\x0d\0\x01\0\xff\xff\xff"), "main.wasm"),
        case("a component cut short", of(&prober[..prober.len() / 2]), "main.wasm"),
        case("a component with damage", of(&flipped), "main.wasm"),
        case(
            "another version of the interface",
            text(r#"(component (import "kinode:process/standard@0.8.0" (instance)))"#),
            "kinode:process@0.8.0",
        ),
        case(
            "the interface of another system",
            text(r#"(component (import "hyperware:process/standard@1.0.0" (instance)))"#),
            "hyperware:process@1.0.0",
        ),
        case(
            "an import that there is not",
            text(&smallest_with(r#"(import "wasi:nonexistent/thing@0.1.0" (instance (export "f" (func))))"#)),
            "wasi:nonexistent/thing@0.1.0",
        ),
        case(
            "a function that the interface has not",
            text(&smallest_with(r#"(import "kinode:process/standard@1.0.0" (instance (export "no-such" (func))))"#)),
            "no-such",
        ),
        case("no init", text("(component)"), "init"),
    ]);
}

#[test]
fn an_init_of_another_type() {
    let without_params = SMALLEST.replace("(param \"our\" string)", "").replace("(param i32 i32))", ")");
    let no_function = r#"(component (instance $i) (export "init" (instance $i)))"#;
    all_refused(&[
        case("an init that is no function", package_of(BAD, &wasm(no_function)), "init"),
        case("an init without parameters", package_of(BAD, &wasm(&without_params)), "init"),
    ]);
}

#[test]
fn a_bad_upgrade_leaves_the_installed_version_as_it_is() {
    let node = Node::with_prober();
    node.run(A, json!([{ "SetState": "kept" }]));
    let (before, restarts) = (world(&node), node.process(A).unwrap().restarts);
    let package = "prober:test.os";
    let no_init = package_of(package, &wasm("(component)"));
    assert!(refused_by_node(&node, package, &no_init).contains("init"));
    let refused = refused_by_node(&node, package, &package_of(package, b"text"));
    assert!(refused.contains("not WebAssembly"), "{refused}");
    assert_eq!(world(&node), before);
    assert_eq!(node.process(A).unwrap().restarts, restarts);
    assert_eq!(node.last(A, json!(["GetState"])), "kept");
}

#[test]
fn ids_and_hashes_that_are_not_the_packages_own() {
    let node = Node::start();
    let before = world(&node);
    let good = with(&[]);
    for package in ["other:test.os", "bad:other.os", "app-store:sys", "distro:sys"] {
        let refused = refused_by_node(&node, package, &good);
        assert!(refused.contains(package) || refused.contains(BAD), "{package}: {refused}");
    }
    for (name, publisher) in [("..", "test.os"), ("../..", "x"), ("a/b", "x"), ("", ""), ("a:b", "x"), ("a", "x\0")] {
        let id = json!({ "package_name": name, "publisher_node": publisher });
        let body = json!({ "NewPackage": { "package_id": id, "mirror": true } }).to_string();
        let answer = node.send(APP_STORE, &body, Some(&good), 60).unwrap();
        let refused = answer.json().get("Err").is_some() || answer.failure().is_some();
        assert!(refused, "{name}:{publisher} was taken: {}", answer.text());
    }
    let id = json!({ "package_name": "bad", "publisher_node": "test.os" });
    for hash in ["0".repeat(64), String::new(), "../../../x".to_owned(), "A".repeat(64)] {
        let install = json!({ "Install": { "package_id": id, "version_hash": hash, "metadata": null } });
        let answer = node.ask(APP_STORE, &install);
        assert_eq!(answer.json(), json!({ "InstallResponse": "Failure" }), "{hash}");
        assert!(answer.failure().is_some(), "{hash}");
    }
    assert_eq!(world(&node), before);
}
