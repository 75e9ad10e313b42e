//! Every public item of the library has an example, and examples compile: those of the documentation are tests.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::fs;
use std::path::{Path, PathBuf};

/// Files whose items are not part of the interface.
const HIDDEN: [&str; 4] = ["bindings.rs", "convert.rs", "host.rs", "docs_tests.rs"];

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        match path.is_dir() {
            true => sources(&path, into),
            false if HIDDEN.contains(&name.as_str()) => {}
            false => into.push(path),
        }
    }
}

/// The public items of a file, at its outermost level, that have no example. Other names of types need none.
fn without_example(text: &str) -> Vec<String> {
    let mut missing = Vec::new();
    let mut has_example = false;
    for line in text.lines() {
        let item = line.strip_prefix("pub ").map(|rest| rest.split_whitespace().next().unwrap_or_default());
        match item {
            Some("fn" | "struct" | "enum" | "trait") if !has_example => missing.push(line.to_owned()),
            _ => {}
        }
        // Attributes stand between the text and the item.
        has_example =
            line.starts_with("///") && (has_example || line.contains("```")) || line.starts_with("#[") && has_example;
    }
    missing
}

#[test]
fn what_has_no_example_is_found() {
    let text =
        "/// A.\n///\n/// ```\n/// a();\n/// ```\n#[must_use]\npub fn a() {}\n\n/// B.\npub struct B;\nfn c() {}\n";
    assert_eq!(without_example(text), ["pub struct B;"]);
}

#[test]
fn every_public_item_has_an_example() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    assert!(files.len() > 30);
    for file in files {
        // What stands for `main!` is nobody's to call.
        let text = fs::read_to_string(&file).unwrap();
        let missing = without_example(text.split("pub mod __private").next().unwrap_or_default());
        assert!(missing.is_empty(), "{}: {missing:#?}", file.display());
    }
}
