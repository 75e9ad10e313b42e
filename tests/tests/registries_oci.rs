//! Pins packages in OCI registries: with a real one, and with one that is not what it should be.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use wharf_tests::cli::{Ran, wharf};
use wharf_tests::installing::{PROBER, Shelf};
use wharf_tests::packages::hash;
use wharf_tests::shop::Fault;
use wharf_tests::{Node, OciRegistry, Shop};

const PROBER_REF: &str = "test.os/prober";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

fn parsed(ran: Ran) -> Value {
    serde_json::from_str(&ran.ok()).unwrap()
}

fn publish(zip: &Path, to: &str) -> Ran {
    wharf(&["publish", zip.to_str().unwrap(), "--to", to, "--json"])
}

/// What a plain client of the registry gets.
fn get(registry: &OciRegistry, path: &str) -> (String, Vec<u8>) {
    let client = reqwest::blocking::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(format!("http://{}/v2/{path}", registry.host())).header("accept", MANIFEST).send().unwrap();
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
    let mime = answer.headers()["content-type"].to_str().unwrap().to_owned();
    (mime, answer.bytes().unwrap().to_vec())
}

#[test]
fn packages_go_through_a_real_registry() {
    let (node, shelf, registry) = (Node::start(), Shelf::default(), OciRegistry::start());
    let at = format!("oci://{}/some/where", registry.host());
    for version in ["1.0.0", "1.10.0", "1.9.0", "2.0.0-rc.1", "1.2.0+build.7"] {
        assert_eq!(parsed(publish(&shelf.prober(version, |_| {}, &[]), &at))["new"], true);
    }
    assert_eq!(parsed(publish(&shelf.prober("1.0.0", |_| {}, &[]), &at))["new"], false);
    let other = publish(&shelf.prober("1.0.0", |_| {}, &[("more", b"x".to_vec())]), &at).failed(4);
    assert!(other.contains("version 1.0.0 of test.os/prober is there already"), "{other}");

    assert_eq!(parsed(wharf(&["registry", "list", "--from", &at, "--json"])), json!([PROBER_REF]));
    let elsewhere = format!("oci://{}/some", registry.host());
    assert_eq!(parsed(wharf(&["registry", "list", "--from", &elsewhere, "--json"])), json!([]), "of the prefix alone");
    let shown = parsed(wharf(&["registry", "show", PROBER_REF, "--from", &at, "--json"]));
    assert_eq!(shown["versions"], json!(["2.0.0-rc.1", "1.10.0", "1.9.0", "1.2.0+build.7", "1.0.0"]));

    node.wharf(&["install", PROBER_REF, "--from", &at, "--yes"]).ok();
    assert_eq!(node.version(PROBER).as_deref(), Some("1.10.0"));
    node.wharf(&["install", "test.os/prober@1.2.0+build.7", "--yes"]).ok();
    assert_eq!(node.version(PROBER).as_deref(), Some("1.2.0+build.7"));
    assert!(node.wharf(&["update", "--check"]).ok().contains("can be updated"));
    node.wharf(&["update", PROBER]).ok();
    assert_eq!(node.version(PROBER).as_deref(), Some("1.10.0"));
    let missing = node.wharf(&["install", "test.os/prober@3.0.0"]).failed(4);
    assert!(missing.contains("no version 3.0.0"), "{missing}");
    let missing = node.wharf(&["install", "test.os/none", "--from", &at]).failed(4);
    assert!(missing.contains("no package test.os/none"), "{missing}");
}

#[test]
fn what_is_in_the_registry_is_what_other_tools_expect() {
    let (shelf, registry) = (Shelf::default(), OciRegistry::start());
    let zip = shelf.prober("1.0.0", |_| {}, &[]);
    publish(&zip, &format!("oci://{}", registry.host())).ok();
    let (mime, bytes) = get(&registry, "test.os/prober/manifests/1.0.0");
    let manifest: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!((mime.as_str(), &manifest["mediaType"]), (MANIFEST, &json!(MANIFEST)));
    assert_eq!(manifest["artifactType"], "application/vnd.wharf.package.v1");
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.oci.empty.v1+json");
    assert_eq!(manifest["layers"].as_array().unwrap().len(), 1);
    let layer = &manifest["layers"][0];
    let zip = std::fs::read(zip).unwrap();
    assert_eq!(layer["mediaType"], "application/vnd.wharf.package.v1+zip");
    assert_eq!((&layer["digest"], &layer["size"]), (&json!(format!("sha256:{}", hash(&zip))), &json!(zip.len())));
    assert_eq!(manifest["annotations"]["org.opencontainers.image.version"], "1.0.0");
    let (_, blob) = get(&registry, &format!("test.os/prober/blobs/sha256:{}", hash(&zip)));
    assert_eq!(blob, zip);
}

/// The files of an OCI registry, for a server that can be told to misbehave.
struct Fake {
    folder: tempfile::TempDir,
    zip: Vec<u8>,
}

impl Fake {
    fn new() -> Self {
        let zip = std::fs::read(Shelf::default().prober("1.0.0", |_| {}, &[])).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let fake = Self { folder, zip };
        fake.put("tags/list", json!({ "name": PROBER_REF, "tags": ["latest", "1.0.0"] }).to_string().as_bytes());
        fake.put("manifests/1.0.0", fake.manifest(&hash(&fake.zip), fake.zip.len()).to_string().as_bytes());
        fake.put(&format!("blobs/sha256:{}", hash(&fake.zip)), &fake.zip);
        fake
    }

    fn put(&self, path: &str, bytes: &[u8]) {
        let path = self.folder.path().join("v2").join(PROBER_REF).join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn manifest(&self, digest: &str, size: usize) -> Value {
        let layer = json!({ "mediaType": "application/vnd.wharf.package.v1+zip", "digest": format!("sha256:{digest}"), "size": size });
        let config = json!({ "mediaType": "application/vnd.oci.empty.v1+json", "digest": "sha256:", "size": 2 });
        json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer] })
    }
}

#[test]
fn what_a_bad_registry_sends_is_an_error_and_nothing_else() {
    let (node, fake) = (Node::start(), Fake::new());
    let shop = Shop::of(fake.folder.path());
    let elsewhere = Shop::of(fake.folder.path());
    let at = format!("oci://{}", shop.host());
    let body = |value: &Value| Fault::Body(value.to_string().into_bytes());
    let mut two = fake.manifest(&hash(&fake.zip), fake.zip.len());
    let layer = two["layers"][0].clone();
    two["layers"] = json!([layer, layer]);
    let mut other = fake.zip.clone();
    other[40] ^= 1;
    let link = |to: &str| Fault::Status(200, format!("link: <{to}>; rel=\"next\"\r\n"));
    for (part, fault, says) in [
        ("/blobs/", Fault::Body(other), "where the registry lists"),
        ("/blobs/", Fault::Endless, "the most that is accepted"),
        ("/blobs/", Fault::Half, "cannot get"),
        (
            "/blobs/",
            Fault::Status(307, format!("location: {}/x\r\n", elsewhere.url())),
            "it is another host, without TLS",
        ),
        ("/manifests/", Fault::Endless, "larger than 4194304 bytes"),
        ("/manifests/", Fault::Status(500, String::new()), "with status 500"),
        ("/manifests/", Fault::Status(302, format!("location: {}/x\r\n", elsewhere.url())), "it is another host"),
        ("/manifests/", body(&two), "exactly one layer"),
        ("/manifests/", body(&json!({ "layers": [] })), "cannot use"),
        ("/manifests/", body(&fake.manifest("../../x", 1)), "not named by a SHA-256"),
        ("/manifests/", body(&fake.manifest(&hash(&fake.zip), 1)), "the most that is accepted"),
        ("/tags/list", Fault::Endless, "larger than 4194304 bytes"),
        ("/tags/list", body(&json!({ "tags": ["latest", "../1.0.0", "v1"] })), "no package test.os/prober"),
        ("/tags/list", body(&json!({ "tags": null })), "no package test.os/prober"),
        ("/tags/list", link("http://packages.example/v2/x"), "cannot use"),
        (
            "/tags/list",
            Fault::Status(401, "www-authenticate: Bearer realm=\"http://packages.example/t\"\r\n".to_owned()),
            "with TLS only",
        ),
        (
            "/tags/list",
            Fault::Status(401, "www-authenticate: Bearer realm=\"/nothing\"\r\n".to_owned()),
            "with status 404",
        ),
        ("/tags/list", Fault::Status(401, "www-authenticate: Basic\r\n".to_owned()), "does not allow"),
    ] {
        let shown = format!("{fault:?}");
        shop.fault(part, fault);
        let refused = node.wharf(&["install", PROBER_REF, "--from", &at, "--yes"]).failed(4);
        assert!(refused.contains(says), "{part} {}: {refused}", shown.chars().take(100).collect::<String>());
        shop.mend();
    }
    assert_eq!((node.installed(PROBER), node.home().packages_lock().exists()), (None, false));
    assert_eq!(elsewhere.requests(), Vec::<String>::new(), "nobody was sent on");
    node.wharf(&["install", PROBER_REF, "--from", &at, "--yes"]).ok();
}

#[test]
fn a_tag_that_was_moved_is_noticed() {
    let (node, shelf, registry) = (Node::start(), Shelf::default(), OciRegistry::start());
    let at = format!("oci://{}", registry.host());
    publish(&shelf.prober("1.0.0", |_| {}, &[]), &at).ok();
    node.wharf(&["install", PROBER_REF, "--from", &at, "--yes"]).ok();
    // Somebody who may write there moves it: what is published under another prefix is the same repository's.
    let second = OciRegistry::start();
    publish(&shelf.prober("1.0.0", |_| {}, &[("evil", b"x".to_vec())]), &format!("oci://{}", second.host())).ok();
    let refused =
        node.wharf(&["install", PROBER_REF, "--from", &format!("oci://{}", second.host()), "--yes"]).failed(4);
    assert!(refused.contains("a version that was published does not change"), "{refused}");
}

#[test]
fn a_registry_that_asks_who_one_is_is_told_and_nobody_else() {
    let fake = Fake::new();
    let shop = Shop::of(fake.folder.path());
    let at = format!("oci://{}", shop.host());
    let settings = fake.folder.path().join("registries.toml");
    let password = fake.folder.path().join("password");
    std::fs::write(&password, "secret\n").unwrap();
    let credentials =
        format!("[credentials.'{}']\nuser = 'alice'\npassword_file = '{}'\n", shop.host(), password.display());
    std::fs::write(&settings, credentials).unwrap();
    let token = format!("{}/token", shop.url());
    std::fs::write(fake.folder.path().join("token"), "{\"token\":\"t0ken\"}").unwrap();
    shop.fault("/v2/", Fault::Status(401, format!("www-authenticate: Bearer realm=\"{token}\",scope=\"s\"\r\n")));
    let args = ["registry", "show", PROBER_REF, "--from", &at, "--registries", settings.to_str().unwrap()];
    let refused = wharf(&args).failed(4);
    assert!(refused.contains("does not allow") && refused.contains("[credentials"), "{refused}");
    let heads = shop.requests();
    let basic = format!("authorization: Basic {}", BASE64.encode("alice:secret"));
    assert_eq!(heads.len(), 3, "{heads:?}");
    assert!(!heads[0].to_lowercase().contains("authorization"), "{}", heads[0]);
    assert!(heads[1].starts_with("GET /token?scope=s ") && heads[1].contains(&basic), "{}", heads[1]);
    assert!(heads[2].starts_with("GET /v2/") && heads[2].contains("authorization: Bearer t0ken"), "{}", heads[2]);

    shop.mend();
    shop.fault("/v2/", Fault::Status(401, "www-authenticate: Basic realm=\"x\"\r\n".to_owned()));
    wharf(&args).failed(4);
    assert!(shop.requests().last().unwrap().contains(&basic));
    // The token's own server gets nothing when it is not the registry and has no TLS.
    let thief = Shop::of(fake.folder.path());
    shop.mend();
    shop.fault("/v2/", Fault::Status(401, format!("www-authenticate: Bearer realm=\"{}/token\"\r\n", thief.url())));
    wharf(&args).failed(4);
    assert_eq!(thief.requests(), Vec::<String>::new());
}
