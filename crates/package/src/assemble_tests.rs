#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a failed unwrap fails the test")]

use std::fs;

use super::*;
use crate::archive::{Archive, ArchiveLimits};

const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

struct Source {
    dir: tempfile::TempDir,
}

impl Source {
    fn new() -> Self {
        let source = Self { dir: tempfile::tempdir().unwrap() };
        source.write("metadata.json", br#"{"properties":{"package_name":"my-app","publisher":"alice.os"}}"#);
        source.write(
            "pkg/manifest.json",
            br#"[{"process_name":"my-app","process_wasm_path":"/my-app.wasm","on_exit":"None","request_networking":false,
                "request_capabilities":[],"grant_capabilities":[],"public":false}]"#,
        );
        source.write("pkg/ui/index.html", b"<p>");
        source.write("api/my-app:alice.os-v0.wit", b"interface my-app {}");
        source
    }

    fn write(&self, name: &str, contents: &[u8]) {
        let path = self.dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }

    fn assemble(&self) -> Result<Assembled, AssembleError> {
        assemble(self.dir.path(), &self.dir.path().join("modules"))
    }
}

#[test]
fn a_package_is_put_together_without_touching_its_source() {
    let source = Source::new();
    source.write("modules/my_app.wasm", COMPONENT);
    let assembled = source.assemble().unwrap();
    assert_eq!(assembled.file_name(), "my-app:alice.os.zip");
    assert!(assembled.contents.has_api());
    let archive = Archive::open(&assembled.zip, &ArchiveLimits::default()).unwrap();
    let names: Vec<_> = archive.entries().iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["api.zip", "manifest.json", "metadata.json", "my-app.wasm", "ui", "ui/index.html"]);
    let api = archive.read("api.zip").unwrap();
    assert!(Archive::open(&api, &ArchiveLimits::default()).unwrap().has_file("my-app:alice.os-v0.wit"));
    assert_eq!(source.assemble().unwrap().zip, assembled.zip);
    assert!(!source.dir.path().join("pkg/my-app.wasm").exists() && !source.dir.path().join("pkg/api.zip").exists());
}

#[test]
fn a_component_of_another_compiler_is_taken_from_pkg() {
    let source = Source::new();
    source.write("pkg/my-app.wasm", COMPONENT);
    assert_eq!(source.assemble().unwrap().contents.component("my-app.wasm"), Some(COMPONENT));
}

#[test]
fn a_module_that_was_not_built_is_named() {
    let error = Source::new().assemble().unwrap_err().to_string();
    assert!(error.contains("modules/my_app.wasm") && error.contains("pkg/my-app.wasm"), "{error}");
}

#[test]
fn a_module_that_cannot_become_a_component_is_named() {
    let source = Source::new();
    source.write("modules/my_app.wasm", b"\0asm\x01\0\0\0");
    let error = source.assemble().unwrap_err();
    assert!(matches!(error, AssembleError::Componentize { source: ComponentizeError::NoInterface, .. }), "{error}");
}

#[test]
fn metadata_that_names_no_package_is_refused() {
    let source = Source::new();
    source.write("metadata.json", br#"{"properties":{"package_name":"My App","publisher":"alice.os"}}"#);
    assert!(matches!(source.assemble(), Err(AssembleError::Metadata(_))));
}
