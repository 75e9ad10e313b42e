//! Packages: built ones taken apart, and bad ones written byte by byte, because no library writes most of what has to
//! be refused.

use std::io::Read;
use std::path::Path;

use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

/// One entry of a zip, stored without compression. What the headers say can be changed away from the truth.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Name, as it is written.
    pub name: String,
    /// Contents.
    pub data: Vec<u8>,
    /// Unix mode, with the kind of file.
    pub mode: u32,
    /// Size that the headers claim.
    pub claimed: u32,
}

impl Entry {
    /// A plain file.
    pub fn file(name: &str, data: impl AsRef<[u8]>) -> Self {
        let data = data.as_ref().to_vec();
        Self { name: name.to_owned(), claimed: u32::try_from(data.len()).unwrap(), data, mode: 0o100_644 }
    }

    /// A symbolic link.
    pub fn symlink(name: &str, to: &str) -> Self {
        Self { mode: 0o120_777, ..Self::file(name, to) }
    }

    /// The fields that both headers share, from the flags to the length of the extra field.
    fn header_middle(&self) -> Vec<u8> {
        let size = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap().to_le_bytes();
        let mut out = vec![0, 0, 0, 0, 0, 0, 0x21, 0]; // no flags, stored, 1980-01-01
        out.extend(crc32(&self.data).to_le_bytes());
        out.extend(size(&self.data));
        out.extend(self.claimed.to_le_bytes());
        out.extend(u16::try_from(self.name.len()).unwrap().to_le_bytes());
        out.extend([0, 0]);
        out
    }
}

/// Writes a zip of these entries, as they are.
pub fn zip(entries: &[Entry]) -> Vec<u8> {
    let offset = |out: &Vec<u8>| u32::try_from(out.len()).unwrap().to_le_bytes();
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for entry in entries {
        let start = offset(&out);
        out.extend(*b"PK\x03\x04\x14\0");
        out.extend(entry.header_middle());
        out.extend(entry.name.as_bytes());
        out.extend(&entry.data);
        directory.extend(*b"PK\x01\x02\x14\x03\x14\0");
        directory.extend(entry.header_middle());
        directory.extend([0; 6]); // comment, disk, internal attributes
        directory.extend((entry.mode << 16).to_le_bytes());
        directory.extend(start);
        directory.extend(entry.name.as_bytes());
    }
    let (start, count) = (offset(&out), u16::try_from(entries.len()).unwrap().to_le_bytes());
    out.extend(&directory);
    out.extend(*b"PK\x05\x06\0\0\0\0");
    out.extend(count);
    out.extend(count);
    out.extend(offset(&directory));
    out.extend(start);
    out.extend([0, 0]);
    out
}

fn crc32(data: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in data {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

/// SHA-256 in hex, as a version of a package is named.
pub fn hash(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One file out of a zip.
pub fn read_entry(zip: &Path, name: &str) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(std::fs::File::open(zip).unwrap()).unwrap();
    let mut bytes = Vec::new();
    archive.by_name(name).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

/// A built package with some of its files replaced, or added.
pub fn changed(zip: &Path, files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(std::fs::File::open(zip).unwrap()).unwrap();
    let mut entries: Vec<Entry> = files.iter().map(|(name, data)| Entry::file(name, data)).collect();
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).unwrap();
        let own = file.name().unwrap().into_owned();
        if file.is_file() && !files.iter().any(|(name, _)| *name == own) {
            let mut data = Vec::new();
            file.read_to_end(&mut data).unwrap();
            entries.push(Entry::file(&own, data));
        }
    }
    self::zip(&entries)
}

/// A good `manifest.json` with one process `main` that runs `/main.wasm`.
pub fn manifest() -> Value {
    json!([{
        "process_name": "main",
        "process_wasm_path": "/main.wasm",
        "on_exit": "None",
        "request_networking": false,
        "request_capabilities": [],
        "grant_capabilities": [],
        "public": true,
    }])
}

/// A good `metadata.json`.
pub fn metadata(package: &str) -> Value {
    let (name, publisher) = package.split_once(':').unwrap();
    json!({
        "name": name,
        "properties": {
            "package_name": name,
            "publisher": publisher,
            "current_version": "0.1.0",
            "mirrors": [],
            "code_hashes": {},
        },
    })
}

/// A package whose one process is this component.
pub fn package_of(package: &str, wasm: &[u8]) -> Vec<u8> {
    zip(&[
        Entry::file("manifest.json", manifest().to_string()),
        Entry::file("metadata.json", metadata(package).to_string()),
        Entry::file("main.wasm", wasm),
    ])
}

/// The smallest component that is a process: `init` returns at once.
pub const SMALLEST: &str = r#"
(component
  (core module $m
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 16)
    (func (export "init") (param i32 i32)))
  (core instance $i (instantiate $m))
  (func (export "init") (param "our" string)
    (canon lift (core func $i "init") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))
"#;

/// A component whose `init` traps at once.
pub fn trapping() -> String {
    SMALLEST.replace("(func (export \"init\") (param i32 i32))", "(func (export \"init\") (param i32 i32) unreachable)")
}

/// The binary form of a component in text.
pub fn wasm(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}
