//! Pins what `downloads:app-store:sys` answers about the zips that a node keeps, with the bodies that other tools know.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use serde_json::{Value, json};
use wharf_tests::Node;
use wharf_tests::installing::{PROBER, Shelf};
use wharf_tests::packages::{SMALLEST, hash, manifest, package_of, wasm};

const DOWNLOADS: &str = "downloads:app-store:sys";

/// The answer to a request without a blob.
fn ask(node: &Node, request: &Value) -> Value {
    node.ask(DOWNLOADS, request).json()
}

fn id(package: &str) -> Value {
    let (name, publisher) = package.split_once(':').unwrap();
    json!({ "package_name": name, "publisher_node": publisher })
}

/// Gives the node a zip, as one of this hash.
fn add(node: &Node, package: &str, version_hash: &str, zip: Option<&[u8]>) -> Value {
    let request = json!({ "AddDownload": { "package_id": id(package), "version_hash": version_hash, "mirror": true } });
    node.send(DOWNLOADS, &request.to_string(), zip, 60).unwrap().json()
}

fn remove(node: &Node, package: &str, version_hash: &str) -> Value {
    ask(node, &json!({ "RemoveFile": { "package_id": id(package), "version_hash": version_hash } }))
}

#[test]
fn a_zip_is_added_listed_installed_and_removed() {
    let mut node = Node::start();
    let zip = package_of("chat:alice.os", &wasm(SMALLEST));
    assert_eq!(ask(&node, &json!({ "GetFiles": null })), json!({ "GetFiles": [] }));
    assert_eq!(ask(&node, &json!({ "GetFiles": id("chat:alice.os") })), json!({ "Err": "NoPackage" }));
    assert_eq!(add(&node, "chat:alice.os", &hash(&zip), Some(&zip)), json!("Success"));
    let dir = |mirroring: bool| json!({ "GetFiles": [{ "Dir": { "name": "chat:alice.os", "mirroring": mirroring } }] });
    assert_eq!(ask(&node, &json!({ "GetFiles": null })), dir(true));
    let name = format!("{}.zip", hash(&zip));
    let file = json!({ "File": { "name": name, "size": zip.len(), "manifest": manifest().to_string() } });
    assert_eq!(ask(&node, &json!({ "GetFiles": id("chat:alice.os") })), json!({ "GetFiles": [file] }));

    assert_eq!(ask(&node, &json!({ "StopMirroring": id("chat:alice.os") })), json!("Success"));
    node.restart();
    assert_eq!(ask(&node, &json!({ "GetFiles": null })), dir(false));
    assert_eq!(ask(&node, &json!({ "StartMirroring": id("chat:alice.os") })), json!("Success"));
    assert_eq!(ask(&node, &json!({ "StartMirroring": id("other:alice.os") })), json!({ "Err": "NoPackage" }));
    assert_eq!(ask(&node, &json!({ "GetFiles": null })), dir(true));

    let install =
        json!({ "Install": { "package_id": id("chat:alice.os"), "version_hash": hash(&zip), "metadata": null } });
    assert_eq!(node.ask("main:app-store:sys", &install).json(), json!({ "InstallResponse": "Success" }));
    // What is installed is not taken away from under it.
    let request = json!({ "RemoveFile": { "package_id": id("chat:alice.os"), "version_hash": hash(&zip) } });
    let refused = node.ask(DOWNLOADS, &request);
    assert_eq!(refused.json(), json!({ "Err": "VfsError" }));
    assert!(refused.failure().unwrap().contains("is installed"), "{:?}", refused.failure());
    node.wharf(&["uninstall", "chat:alice.os", "--yes"]).ok();
    assert_eq!(remove(&node, "chat:alice.os", &hash(&zip)), json!("Success"));
    assert_eq!(remove(&node, "chat:alice.os", &hash(&zip)), json!({ "Err": "FileNotFound" }));
    assert_eq!(ask(&node, &json!({ "GetFiles": id("chat:alice.os") })), json!({ "GetFiles": [] }));
    node.wharf(&["uninstall", "chat:alice.os", "--purge", "--yes"]).ok();
    assert_eq!(ask(&node, &json!({ "GetFiles": null })), json!({ "GetFiles": [] }));
}

#[test]
fn what_is_not_what_it_says_is_refused() {
    let node = Node::start();
    let zip = package_of("chat:alice.os", &wasm(SMALLEST));
    let (right, wrong) = (hash(&zip), "0".repeat(64));
    let mismatch = json!({ "Err": { "HashMismatch": { "desired": wrong, "actual": right } } });
    assert_eq!(add(&node, "chat:alice.os", &wrong, Some(&zip)), mismatch);
    assert_eq!(add(&node, "chat:alice.os", &right, None), json!({ "Err": "BlobNotFound" }));
    assert_eq!(add(&node, "chat:alice.os", &hash(b"x"), Some(b"x")), json!({ "Err": "InvalidManifest" }));
    assert_eq!(add(&node, "other:alice.os", &right, Some(&zip)), json!({ "Err": "InvalidManifest" }));
    assert_eq!(add(&node, "../etc:alice.os", &right, Some(&zip)), json!({ "Err": "NoPackage" }));
    assert_eq!(add(&node, "distro:sys", &right, Some(&zip)), json!({ "Err": "NoPackage" }));
    assert_eq!(add(&node, "chat:alice.os", "../../x", Some(&zip)), json!({ "Err": "FileNotFound" }));
    assert_eq!(remove(&node, "chat:alice.os", "../../../pkg/app-store"), json!({ "Err": "FileNotFound" }));
    let nonsense = node.ask(DOWNLOADS, &json!({ "Nonsense": 1 }));
    assert_eq!(nonsense.json(), json!({ "Err": "NoPackage" }));
    assert!(nonsense.failure().unwrap().contains("not a request to the downloads"), "{:?}", nonsense.failure());
    assert_eq!(ask(&node, &json!({ "GetFiles": null })), json!({ "GetFiles": [] }));
}

#[test]
fn a_zip_of_this_node_is_there_at_once_and_those_of_others_are_out_of_reach() {
    let (node, shelf) = (Node::start(), Shelf::default());
    let path = shelf.prober("1.0.0", |_| {}, &[]);
    node.install(&path);
    let version_hash = hash(&std::fs::read(path).unwrap());
    let local = |from: &str, version_hash: &str| {
        let wanted = json!({ "package_id": id(PROBER), "download_from": from, "desired_version_hash": version_hash });
        ask(&node, &json!({ "LocalDownload": wanted }))
    };
    assert_eq!(local("local.os", &version_hash), json!("Success"));
    assert_eq!(local("our", &version_hash), json!("Success"));
    assert_eq!(local("local.os", &"0".repeat(64)), json!({ "Err": "FileNotFound" }));
    assert_eq!(local("bob.os", &version_hash), json!({ "Err": "Offline" }));
    let remote = json!({ "package_id": id(PROBER), "worker_address": "x", "desired_version_hash": version_hash });
    assert_eq!(ask(&node, &json!({ "RemoteDownload": remote })), json!({ "Err": "Offline" }));
    assert_eq!(ask(&node, &json!({ "MirrorCheck": id(PROBER) })), json!({ "Err": "Offline" }));
}

#[test]
fn zips_of_packages_that_are_not_installed_are_kept_up_to_a_bound_whoever_brings_them() {
    const NOT_INSTALLED_MAX: usize = 256;
    let node = Node::start();
    let bring = |n: usize| {
        let package = format!("p{n}:alice.os");
        let new = json!({ "NewPackage": { "package_id": id(&package), "mirror": false } }).to_string();
        node.send("main:app-store:sys", &new, Some(&package_of(&package, &wasm(SMALLEST))), 600).unwrap()
    };
    let kept = json!({ "NewPackageResponse": "Success" });
    for n in 0..NOT_INSTALLED_MAX {
        assert_eq!(bring(n).json(), kept, "{n}");
    }
    let refused = bring(NOT_INSTALLED_MAX);
    assert_eq!(refused.json(), json!({ "NewPackageResponse": "InstallFailed" }));
    assert!(refused.failure().unwrap().contains("256 packages that are not installed"), "{:?}", refused.failure());
    let zip = package_of("more:alice.os", &wasm(SMALLEST));
    assert_eq!(
        add(&node, "more:alice.os", &hash(&zip), Some(&zip)),
        json!({ "Err": "VfsError" }),
        "nor by the other door"
    );
    // One that has some may have more, and what goes makes room.
    assert_eq!(bring(0).json(), kept);
    node.wharf(&["uninstall", "p1:alice.os", "--purge", "--yes"]).ok();
    assert_eq!(bring(NOT_INSTALLED_MAX).json(), kept);
}
