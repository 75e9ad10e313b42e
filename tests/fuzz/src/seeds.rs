//! Bytes to begin with: the texts of `corpus/<target>`, and zips of them.

use std::path::Path;

use wharf_package::PackageSignature;
use wharf_package::pack::Tree;

/// Bytes to begin with, for a target.
pub fn of(target: &str) -> Vec<Vec<u8>> {
    let mut seeds = match target {
        "zip" => vec![package()],
        "signature" => vec![package(), signed()],
        "backup" => vec![backup()],
        "on_exit" => vec![vec![1, 0, 0, 0, 0], vec![1, 1, 0, 0, 0], requests()],
        _ => Vec::new(),
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let mut files: Vec<_> =
        std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    seeds.extend(files.into_iter().map(|file| std::fs::read(file).unwrap()));
    seeds
}

fn text(target: &str, name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target).join(name)).unwrap()
}

fn package() -> Vec<u8> {
    let mut pack = Tree::default();
    let empty_component = b"\0asm\x0d\0\x01\0".to_vec();
    for (name, contents) in [
        ("manifest.json", text("manifest", "counter")),
        ("metadata.json", text("metadata", "counter")),
        ("scripts.json", text("scripts", "one")),
        ("counter.wasm", empty_component),
        ("ui/index.html", b"<!doctype html><p>counter".repeat(40)),
    ] {
        pack.add_file(name, contents).unwrap();
    }
    pack.to_zip().unwrap()
}

fn signed() -> Vec<u8> {
    let signature = PackageSignature::new(&"a1".repeat(32), &"b2".repeat(64)).unwrap();
    wharf_package::signature::attach(&package(), &signature).unwrap()
}

fn backup() -> Vec<u8> {
    let mut pack = Tree::default();
    pack.add_file("manifest.json", text("backup_manifest", "small")).unwrap();
    pack.add_file("version", b"1\n".to_vec()).unwrap();
    pack.to_zip().unwrap()
}

/// One request without anything in it: the form, and its parts as the module that reads it has them.
fn requests() -> Vec<u8> {
    let target = b"a.os@a:b:c.os";
    let mut bytes = vec![1, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
    bytes.extend(u64::try_from(target.len()).unwrap().to_le_bytes());
    bytes.extend_from_slice(target);
    bytes.extend([0, 0]); // not inherited, no response expected
    bytes.extend([0; 8]); // no body
    bytes.push(0); // no metadata
    bytes.extend([0; 8]); // no capabilities
    bytes.push(0); // no blob
    bytes
}
