//! 1,000 packages that nobody would make by accident: whatever is in them, each is refused with a reason or wholly good.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed unwrap fails the test")]

use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};
use wharf_types::{NodeName, PackageId};

use crate::test_zip::{RawEntry, raw_zip};
use crate::{Package, PackageSignature, plan, signature};

const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// A text where an id, a path or a word is expected.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => select(vec![
            "main", "kernel", "vfs:distro:sys", "kernel:distro:sys", "main:app-store:sys", "a:b:c", "../x", "/etc/passwd",
            "main.wasm", "/main.wasm", "", "None", "Restart", "sys", "distro", "\u{1b}[2J", "\u{202e}x", "a\0b", "::", "@",
        ]).prop_map(str::to_owned),
        1 => ".{0,30}",
        1 => "[a-z.:-]{0,300}",
    ]
}

/// JSON of any shape, with what manifests are made of.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        text().prop_map(Value::from),
        text().prop_map(|process| json!({ "process": process, "params": { "root": true } })),
        text().prop_map(|host| json!({ "process": "http-client:distro:sys", "params": { "host": host } })),
        (text(), text()).prop_map(|(kind, drive)| {
            json!({ "process": "vfs:distro:sys", "params": { "kind": kind, "drive": drive } })
        }),
        text().prop_map(|package| {
            json!({ "process": "kv:distro:sys", "params": { "kind": "write", "db_key": [{ "package_name": package,
                "publisher_node": "x" }, package] } })
        }),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map(text(), inner, 0..6).prop_map(|map| json!(map)),
        ]
    })
}

/// A manifest that is good but for a few fields.
fn manifest() -> impl Strategy<Value = Vec<u8>> {
    let fields = vec![
        "process_name",
        "process_wasm_path",
        "on_exit",
        "request_networking",
        "request_capabilities",
        "grant_capabilities",
        "public",
    ];
    let change = (select(fields), prop_oneof![value(), prop::collection::vec(value(), 0..5).prop_map(Value::from)]);
    let entry = prop::collection::vec(change, 0..3).prop_map(|changes| {
        let mut entry = json!({ "process_name": "main", "process_wasm_path": "/main.wasm", "on_exit": "None",
            "request_networking": true, "request_capabilities": ["vfs:distro:sys"], "grant_capabilities": [],
            "public": true });
        for (field, value) in changes {
            entry[field] = value;
        }
        entry
    });
    prop_oneof![
        6 => prop::collection::vec(entry, 0..4).prop_map(|entries| json!(entries).to_string().into_bytes()),
        1 => value().prop_map(|value| value.to_string().into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..200),
        1 => (1_usize..50_000).prop_map(|depth| "[".repeat(depth).into_bytes()),
    ]
}

fn entry() -> impl Strategy<Value = RawEntry> {
    let name = prop_oneof![text().prop_map(String::into_bytes), prop::collection::vec(any::<u8>(), 0..20)];
    let data = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        Just(COMPONENT.to_vec()),
        value().prop_map(|value| value.to_string().into_bytes()),
    ];
    let mode = select(vec![0, 0o100_644, 0o040_755, 0o120_777, 0o020_644, 0o104_755]);
    let claimed = prop_oneof![3 => Just(None), 1 => any::<u32>().prop_map(Some)];
    let method = prop_oneof![5 => Just(0_u16), 1 => any::<u16>()];
    (name, data, mode, claimed, method).prop_map(|(name, data, mode, claimed, method)| {
        let plain = RawEntry::file(name, data);
        RawEntry { mode, method, claimed_size: claimed.unwrap_or(plain.claimed_size), ..plain }
    })
}

/// A package: mostly one that would be good, with other entries, changed bytes, a cut, or something after its end.
fn package() -> impl Strategy<Value = Vec<u8>> {
    let scripts = prop_oneof![
        2 => Just(None),
        1 => value().prop_map(|value| Some(value.to_string())),
        1 => any::<bool>().prop_map(|root| {
            Some(json!({ "main.wasm": { "root": root, "public": true, "request_networking": true } }).to_string())
        }),
    ];
    let metadata = prop_oneof![
        2 => Just(None),
        1 => value().prop_map(|value| Some(value.to_string())),
        1 => (text(), text()).prop_map(|(package, publisher)| {
            Some(json!({ "properties": { "package_name": package, "publisher": publisher, "current_version": package,
                "code_hashes": { publisher: package } } }).to_string())
        }),
    ];
    let bytes = prop::collection::vec((any::<Index>(), any::<u8>()), 0..4);
    let changed = prop_oneof![3 => Just(Vec::new()), 1 => bytes];
    let cut = prop_oneof![4 => Just(None), 1 => any::<Index>().prop_map(Some)];
    let more = prop_oneof![4 => Just(Vec::new()), 1 => prop::collection::vec(any::<u8>(), 0..60)];
    let others = prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(entry(), 0..5)];
    (manifest(), scripts, metadata, others, changed, cut, more).prop_map(
        |(manifest, scripts, metadata, others, changed, cut, more)| {
            let mut entries = vec![RawEntry::file("manifest.json", manifest), RawEntry::file("main.wasm", COMPONENT)];
            entries.extend(scripts.map(|scripts| RawEntry::file("scripts.json", scripts)));
            entries.extend(metadata.map(|metadata| RawEntry::file("metadata.json", metadata)));
            entries.extend(others);
            let mut zip = raw_zip(&entries);
            for (at, byte) in changed {
                let at = at.index(zip.len());
                zip[at] = byte;
            }
            if let Some(cut) = cut {
                zip.truncate(cut.index(zip.len()));
            }
            zip.extend(more);
            zip
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn a_hostile_package_is_refused_with_a_reason_or_wholly_good(zip in package()) {
        let by = PackageSignature::new(&"ab".repeat(32), &"cd".repeat(64)).unwrap();
        if let Ok(signed) = signature::attach(&zip, &by) {
            prop_assert_eq!(signature::split(&signed).unwrap().signature, Some(by));
            prop_assert_eq!(Package::check(&signed).is_ok(), Package::check(&zip).is_ok());
        }
        match Package::check(&zip) {
            Err(error) => prop_assert!(!error.to_string().is_empty()),
            Ok(package) => {
                let id = PackageId::new("hostile", "test.os").unwrap();
                for ask in package.asks(&id) {
                    let shown = format!("{} {}", ask.process, ask.text);
                    prop_assert!(shown.bytes().all(|b| b == b' ' || b.is_ascii_graphic()), "{:?}", shown);
                    let json = serde_json::to_string(&ask).unwrap();
                    prop_assert!(ask.is_same_as(&serde_json::from_str(&json).unwrap()), "{}", json);
                }
                let node: NodeName = "bob.os".parse().unwrap();
                let planned = plan(&node, &id, package.manifest()).unwrap();
                for process in planned {
                    prop_assert!(process.id.is_in(&id) && process.id.is_creatable());
                    prop_assert!(process.wasm_path.starts_with("/hostile:test.os/pkg/") && !process.wasm_path.contains("/../"));
                    // What it gives is its own: nothing in its name can speak for anybody else.
                    prop_assert!(process.gives.iter().all(|(_, given)| *given.issuer.process() == process.id));
                }
            }
        }
    }
}
