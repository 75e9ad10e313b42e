#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a failed unwrap fails the test")]

use super::*;
use crate::pack::Tree;

const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
const CORE_MODULE: &[u8] = b"\0asm\x01\0\0\0";
const MANIFEST: &str = r#"[{"process_name":"chat","process_wasm_path":"/chat.wasm","on_exit":"None",
    "request_networking":false,"request_capabilities":[],"grant_capabilities":[],"public":false}]"#;
const METADATA: &str = r#"{"properties":{"package_name":"chat","publisher":"alice.os","current_version":"0.1.0"}}"#;

fn check(files: &[(&str, &[u8])]) -> Result<Package, PackageError> {
    let mut tree = Tree::default();
    for (name, contents) in files {
        tree.add_file(name, contents.to_vec()).unwrap();
    }
    Package::check(&tree.to_zip().unwrap())
}

#[test]
fn a_whole_package_passes() {
    let package = check(&[
        ("manifest.json", MANIFEST.as_bytes()),
        ("metadata.json", METADATA.as_bytes()),
        ("chat.wasm", COMPONENT),
        ("api.zip", b"PK"),
        ("ui/index.html", b"<p>"),
    ])
    .unwrap();
    assert!(package.has_api());
    assert_eq!(package.metadata().unwrap().package_id().unwrap().to_string(), "chat:alice.os");
    assert_eq!(package.wasm(&package.manifest().entries()[0]), Some(COMPONENT));
    let small = check(&[("manifest.json", MANIFEST.as_bytes()), ("chat.wasm", COMPONENT)]).unwrap();
    assert!(!small.has_api() && small.metadata().is_none());
}

#[test]
fn a_zip_without_a_manifest_at_its_root_is_not_a_package() {
    let error = check(&[("pkg/manifest.json", MANIFEST.as_bytes()), ("pkg/chat.wasm", COMPONENT)]).unwrap_err();
    assert!(matches!(error, PackageError::NoManifest), "{error}");
}

#[test]
fn a_process_whose_component_is_missing_is_named() {
    let error = check(&[("manifest.json", MANIFEST.as_bytes()), ("Chat.wasm", COMPONENT)]).unwrap_err();
    assert_eq!(error.to_string(), "process chat needs `chat.wasm`, and the package has no such file");
}

#[test]
fn what_was_found_instead_of_a_component_is_named() {
    for (bytes, found) in [
        (
            CORE_MODULE,
            "a core WebAssembly module, and a WebAssembly component is needed: build the package with `wharf",
        ),
        (b"\0asm\x02\0\0\0".as_slice(), "WebAssembly of an unknown version, and"),
        (b"\0asm".as_slice(), "WebAssembly of an unknown version, and"),
        (b"<html>".as_slice(), "not WebAssembly, and"),
        (b"".as_slice(), "not WebAssembly, and"),
    ] {
        let error = check(&[("manifest.json", MANIFEST.as_bytes()), ("chat.wasm", bytes)]).unwrap_err();
        assert!(error.to_string().starts_with(&format!("process chat: `chat.wasm` is {found}")), "{error}");
    }
}

#[test]
fn scripts_need_their_components_too() {
    let scripts = br#"{"send.wasm":{"root":false,"public":false,"request_networking":false}}"#;
    let files = [("manifest.json", b"[]".as_slice()), ("scripts.json", scripts)];
    assert_eq!(
        check(&files).unwrap_err().to_string(),
        "script send.wasm needs `send.wasm`, and the package has no such file"
    );
    let package = check(&[files[0], files[1], ("send.wasm", COMPONENT)]).unwrap();
    assert_eq!(package.component("send.wasm"), Some(COMPONENT));
}

/// Damage in a file that no check looks into is still found here, and not half-way through an installation.
#[test]
fn a_damaged_web_page_is_found_before_installation() {
    let mut tree = Tree::default();
    tree.add_file("manifest.json", b"[]".to_vec()).unwrap();
    tree.add_file("ui/index.html", b"not compressible: q9z".to_vec()).unwrap();
    let mut zip = tree.to_zip().unwrap();
    let at = zip.windows(13).position(|w| w == b"ui/index.html").unwrap() + 13;
    zip[at + 4] ^= 0x55;
    assert!(matches!(Package::check(&zip), Err(PackageError::Archive(_))));
}

#[test]
fn broken_json_is_reported_with_its_file() {
    let error = check(&[("manifest.json", b"{".as_slice())]).unwrap_err();
    assert!(error.to_string().starts_with("manifest.json is not JSON"), "{error}");
    let error = check(&[("manifest.json", b"[]".as_slice()), ("metadata.json", b"{}")]).unwrap_err();
    assert!(error.to_string().starts_with("metadata.json cannot be read"), "{error}");
}
