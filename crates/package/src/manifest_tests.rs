#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a failed unwrap fails the test")]

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// The example of the format's description.
fn example() -> Value {
    json!([{
        "process_name": "chat", "process_wasm_path": "/chat.wasm", "on_exit": "Restart", "request_networking": true,
        "request_capabilities": ["http-server:distro:sys", {"process": "vfs:distro:sys", "params": {"root": true}}],
        "grant_capabilities": ["http-server:distro:sys", {"process": "terminal:terminal:sys", "params": "Read"}],
        "public": true
    }])
}

fn parse(value: &Value) -> Result<Manifest, ManifestError> {
    Manifest::parse(value.to_string().as_bytes())
}

fn with(field: &str, value: Value) -> ManifestError {
    let mut manifest = example();
    manifest[0][field] = value;
    parse(&manifest).unwrap_err()
}

#[test]
fn the_format_is_read_and_written_unchanged() {
    let manifest = parse(&example()).unwrap();
    assert_eq!(serde_json::to_value(&manifest).unwrap(), example());
    let entry = &manifest.entries()[0];
    assert_eq!(entry.wasm_name(), "chat.wasm");
    assert_eq!(entry.request_capabilities[0].params(), "\"messaging\"");
    assert_eq!(entry.request_capabilities[1].params(), "{\"root\":true}");
    assert_eq!(entry.grant_capabilities[1].params(), "\"Read\"");
    let package = PackageId::new("chat", "alice.os").unwrap();
    assert_eq!(manifest.process_ids(&package).unwrap()[0].to_string(), "chat:chat:alice.os");
}

#[test]
fn every_field_is_required_and_the_error_names_entry_and_field() {
    let fields: Vec<String> = example()[0].as_object().unwrap().keys().cloned().collect();
    assert_eq!(fields.len(), 7);
    for field in fields {
        let mut manifest = example();
        manifest[0].as_object_mut().unwrap().remove(&field);
        let name = if field == "process_name" { "entry 1" } else { "entry 1 (chat)" };
        assert_eq!(
            parse(&manifest).unwrap_err().to_string(),
            format!("manifest.json, {name}: `{field}` is missing (line 1)")
        );
    }
}

#[test]
fn a_field_of_another_type_is_named() {
    for (field, value) in [
        ("process_name", json!(1)),
        ("process_wasm_path", json!(null)),
        ("on_exit", json!("Sometimes")),
        ("on_exit", json!({"Requests": [1]})),
        ("request_networking", json!("yes")),
        ("request_capabilities", json!({})),
        ("grant_capabilities", json!("a:b:c")),
        ("public", json!(0)),
    ] {
        let text = with(field, value).to_string();
        assert!(text.starts_with("manifest.json, entry 1") && text.contains(&format!("`{field}`")), "{text}");
    }
}

#[test]
fn a_wrong_capability_is_named_by_its_place() {
    for item in [
        json!("vfs"),
        json!(1),
        json!({"process": "vfs:distro:sys"}),
        json!({"params": 1}),
        json!({"process": "x", "params": 1}),
    ] {
        let text = with("request_capabilities", json!(["a:b:c", item])).to_string();
        assert!(text.contains("entry 1 (chat)") && text.contains("`request_capabilities[1]`"), "{text}");
    }
}

#[test]
fn names_that_may_not_be_created_are_refused() {
    for name in ["", "Chat", "my_app", "a:b", "a/b", "..", "a b", &"a".repeat(121)] {
        assert!(with("process_name", json!(name)).to_string().contains("`process_name`"), "{name}");
    }
}

#[test]
fn s11_a_wasm_path_that_leaves_the_package_is_refused() {
    for path in ["", "/", "//x.wasm", "../x.wasm", "/a/../../x.wasm", "a\\x.wasm", "C:/x.wasm", "/a/./x.wasm"] {
        assert!(with("process_wasm_path", json!(path)).to_string().contains("is not a plain path"), "{path}");
    }
}

#[test]
fn two_processes_of_one_name_are_refused() {
    let entry = &example()[0];
    let error = parse(&json!([entry, entry])).unwrap_err();
    assert!(error.to_string().starts_with("manifest.json, entry 2 (chat): `process_name`"), "{error}");
}

#[test]
fn other_shapes_are_refused() {
    assert!(matches!(Manifest::parse(b"{}"), Err(ManifestError::Shape { .. })));
    assert!(matches!(Manifest::parse(b"[1]"), Err(ManifestError::Field { .. })));
    assert!(matches!(Manifest::parse(b"\xff"), Err(ManifestError::NotJson { .. })));
    assert!(matches!(Manifest::parse(&[b'['; 100_000]), Err(ManifestError::NotJson { .. })));
    assert!(matches!(Manifest::parse(&vec![b' '; 2 << 20]), Err(ManifestError::TooBig { .. })));
    assert!(matches!(parse(&json!(vec![0; 257])), Err(ManifestError::TooMany { count: 257, .. })));
    assert!(parse(&json!([])).unwrap().entries().is_empty());
}

#[test]
fn an_endless_list_of_capabilities_is_refused() {
    let text = with("grant_capabilities", json!(vec!["a:b:c"; 1025])).to_string();
    assert!(text.contains("at most 1024"), "{text}");
}

proptest! {
    #[test]
    fn any_json_in_any_field_is_read_or_refused(field in 0_usize..7, text in ".{0,40}", number in any::<i64>()) {
        let name = example()[0].as_object().unwrap().keys().nth(field).cloned().unwrap();
        for value in [json!(text), json!(number), json!([text]), json!({"process": text, "params": number}), json!(null)] {
            let mut manifest = example();
            manifest[0][&name] = value;
            if let Ok(manifest) = parse(&manifest) {
                prop_assert!(parse(&serde_json::to_value(&manifest).unwrap()).is_ok());
            }
        }
    }
}
