//! Pins that the same source gives the same zip, wherever it lies, in the languages whose tools allow it: who has the source can
//! tell that a package was made of it. JavaScript's and Python's do not: see docs/write-a-process.md.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "fails the test")]

use std::fs;
use std::path::Path;

use serde_json::Value;
use wharf_tests::authoring::author;
use wharf_tests::paths;

/// The zip of an echo that was begun and built in this folder.
fn zip_of(folder: &Path, language: &str) -> Vec<u8> {
    let package = folder.join("my-echo");
    let name = package.to_str().unwrap();
    author(&["new", name, "--lang", language, "--template", "echo", "--publisher", "ann.os"]).ok();
    if language == "rust" {
        fs::copy(paths::guest_lock(), package.join("Cargo.lock")).unwrap();
    }
    let said: Value = serde_json::from_str(&author(&["build", name, "--json"]).ok()).unwrap();
    fs::read(said["zip"].as_str().unwrap()).unwrap()
}

fn assert_same(language: &str) {
    let folder = tempfile::tempdir().unwrap();
    let deeper = folder.path().join("some").join("where else");
    fs::create_dir_all(&deeper).unwrap();
    let (one, other) = (zip_of(folder.path(), language), zip_of(&deeper, language));
    assert!(one == other, "{} and {} bytes", one.len(), other.len());
}

#[test]
fn rust_comes_out_the_same() {
    assert_same("rust");
}

#[test]
fn c_comes_out_the_same() {
    assert_same("c");
}
