//! Pins that a node lives through packages that nobody would make by accident: each of a few dozen made-up ones is refused
//! with a reason or installed, in bounded time, and nothing is left of it once it is purged. A thousand more of them go
//! through the same checks without a node, in `crates/package`.
//!
//! `WHARF_SEED` makes other ones, `WHARF_HOSTILE` more.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use serde_json::{Value, json};
use wharf_tests::Node;
use wharf_tests::folders::contents;
use wharf_tests::packages::{Entry, SMALLEST, hash, manifest, metadata, package_of, trapping, wasm, zip};

const APP_STORE: &str = "main:app-store:sys";
const HOSTILE: &str = "hostile:test.os";

/// Small and repeatable (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % bound as u64).unwrap()
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    fn in_ten(&mut self, times: usize) -> bool {
        self.below(10) < times
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// A field of a manifest, as it should not be.
fn field(random: &mut Random) -> (&'static str, Value) {
    let ids = [
        "kernel:distro:sys",
        "main:app-store:sys",
        "main:hostile:test.os",
        "no:such:one",
        "a:b",
        "",
        "../x",
        "\u{1b}[2J",
    ];
    let id = random.one(&ids);
    let params =
        random.one(&[json!({ "root": true }), json!("messaging"), json!("network"), json!([[[1e308]]]), json!(null)]);
    let capability =
        random.one(&[json!(id), json!({ "process": id, "params": params }), json!({ "process": id }), json!(7)]);
    let list = json!(vec![capability; random.one(&[0, 1, 2, 900, 2_000])]);
    let on_exit = json!({ "Requests": [[format!("local.os@{id}"), { "inherit": true, "expects_response": 1, "body": [1],
        "metadata": null, "capabilities": [] }, null]] });
    match random.below(7) {
        0 => ("request_capabilities", list),
        1 => ("grant_capabilities", list),
        2 => ("on_exit", random.one(&[json!("Restart"), on_exit, json!("Explode"), json!([])])),
        3 => (
            "process_name",
            random.one(&[json!("main"), json!("kernel"), json!("a:b"), json!("x".repeat(300)), json!({})]),
        ),
        4 => (
            "process_wasm_path",
            random.one(&[json!("main.wasm"), json!("/../main.wasm"), json!("/no.wasm"), json!("")]),
        ),
        5 => ("public", random.one(&[json!(true), json!("yes")])),
        _ => ("request_networking", random.one(&[json!(true), json!(null)])),
    }
}

fn component(random: &mut Random) -> Vec<u8> {
    let spins = SMALLEST.replace("(param i32 i32)))", "(param i32 i32) (loop br 0)))");
    let mut bytes =
        wasm(&random.one(&[SMALLEST.to_owned(), SMALLEST.to_owned(), trapping(), spins, "(component)".to_owned()]));
    if random.in_ten(2) {
        for _ in 0..=random.below(8) {
            let at = random.below(bytes.len());
            bytes[at] = u8::try_from(random.below(256)).unwrap();
        }
    }
    bytes
}

fn package(random: &mut Random) -> Vec<u8> {
    let mut manifest = manifest();
    let first = manifest[0].clone();
    for n in 1..random.one(&[1, 1, 2, 3]) {
        let mut more = first.clone();
        more["process_name"] = json!(format!("p{n}"));
        manifest.as_array_mut().unwrap().push(more);
    }
    for _ in 0..random.below(3) {
        let (name, value) = field(random);
        let entry = random.below(manifest.as_array().unwrap().len());
        manifest[entry][name] = value;
    }
    let mut entries = vec![
        Entry::file("manifest.json", manifest.to_string()),
        Entry::file("metadata.json", metadata(HOSTILE).to_string()),
        Entry::file("main.wasm", component(random)),
    ];
    if random.in_ten(3) {
        let names = [
            "ui/a/b",
            "api.zip",
            "scripts.json",
            "../out",
            "main.wasm",
            "manifest.json/x",
            "a\\b",
            "hostile:test.os.zip",
        ];
        let mode = random.one(&[0o100_644, 0o120_777, 0o104_755]);
        let data = random.one(&[&b"{}"[..], b"x", b"PK\x05\x06", &[0; 5_000]]);
        let entry = Entry { mode, ..Entry::file(random.one(&names), data) };
        entries.push(entry);
    }
    let mut bytes = zip(&entries);
    if random.in_ten(2) {
        let at = random.below(bytes.len());
        bytes[at] ^= 1 << random.below(8);
    }
    if random.in_ten(1) {
        bytes.truncate(random.below(bytes.len()));
    }
    if random.in_ten(1) {
        bytes.extend(b"wharf-signature-1 x");
    }
    bytes
}

fn world(node: &Node) -> (Vec<String>, String, Vec<String>) {
    (node.process_ids(), node.wharf(&["list", "--json"]).ok(), contents(&node.home().vfs()))
}

/// Whether it was installed. Each answer comes, and each refusal has a reason.
fn try_out(node: &Node, bytes: &[u8]) -> bool {
    let id = json!({ "package_name": "hostile", "publisher_node": "test.os" });
    let new = json!({ "NewPackage": { "package_id": id, "mirror": true } }).to_string();
    let kept = node.send(APP_STORE, &new, Some(bytes), 120).unwrap();
    if kept.json() != json!({ "NewPackageResponse": "Success" }) {
        assert!(kept.failure().is_some_and(|reason| !reason.is_empty()), "{}", kept.text());
        return false;
    }
    let install = json!({ "Install": { "package_id": id, "version_hash": hash(bytes), "metadata": null } });
    let installed = node.send(APP_STORE, &install.to_string(), None, 120).unwrap();
    if installed.json() == json!({ "InstallResponse": "Success" }) {
        return true;
    }
    assert!(installed.failure().is_some_and(|reason| !reason.is_empty()), "{}", installed.text());
    false
}

#[test]
fn a_node_lives_through_hostile_packages_and_keeps_nothing_of_them() {
    let (seed, count) = (setting("WHARF_SEED", 1), setting("WHARF_HOSTILE", 60));
    println!("WHARF_SEED={seed} WHARF_HOSTILE={count}");
    let mut random = Random(seed);
    let node = Node::start();
    // The folder for kept zips comes with the first of them.
    assert!(try_out(&node, &package_of(HOSTILE, &wasm(SMALLEST))));
    let purge = json!({ "Purge": { "package_name": "hostile", "publisher_node": "test.os" } });
    assert_eq!(node.ask(APP_STORE, &purge).json(), json!({ "PurgeResponse": "Success" }));
    let before = world(&node);
    let mut installed = 0;
    for n in 0..count {
        installed += u64::from(try_out(&node, &package(&mut random)));
        let purged = node.ask(APP_STORE, &purge);
        assert_eq!(purged.json(), json!({ "PurgeResponse": "Success" }), "{n}: {:?}", purged.failure());
        assert_eq!(world(&node), before, "package {n} left something");
    }
    assert!(installed > 0 && installed < count, "{installed} of {count}: some are good, and some are not");
    node.assert_serves();
    let log = node.log();
    assert!(!log.contains("panicked at crates") && !log.contains("node fault"), "{log}");
}
