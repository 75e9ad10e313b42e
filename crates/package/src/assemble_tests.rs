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

/// A worker, for example: neither the manifest nor `scripts.json` knows it.
#[test]
fn what_is_only_spawned_belongs_to_the_package() {
    let source = Source::new();
    for (name, kind) in [("my-worker", "cdylib"), ("common", "rlib"), ("not-built", "cdylib")] {
        source.write(&format!("{name}/Cargo.toml"), format!("[lib]\ncrate-type = [\"{kind}\"]\n").as_bytes());
    }
    // Those of other packages may be in the same folder.
    for module in ["my_app", "my_app_my_worker", "my_worker", "common", "stranger"] {
        source.write(&format!("modules/{module}.wasm"), &[COMPONENT, module.as_bytes()].concat());
    }
    let assembled = source.assemble().unwrap();
    let archive = Archive::open(&assembled.zip, &ArchiveLimits::default()).unwrap();
    let names: Vec<_> = archive.entries().iter().map(|entry| entry.name.as_str()).collect();
    let expected =
        ["api.zip", "manifest.json", "metadata.json", "my-app.wasm", "my-worker.wasm", "ui", "ui/index.html"];
    assert_eq!(names, expected);
    assert_eq!(archive.read("my-worker.wasm").unwrap(), [COMPONENT, b"my_app_my_worker"].concat());
}

#[test]
fn a_component_of_another_compiler_is_taken_from_pkg() {
    let source = Source::new();
    source.write("pkg/my-app.wasm", COMPONENT);
    assert_eq!(source.assemble().unwrap().contents.component("my-app.wasm"), Some(COMPONENT));
}

#[test]
fn a_module_with_the_name_of_the_package_goes_before_one_without() {
    let source = Source::new();
    source.write("modules/my_app_my_app.wasm", COMPONENT);
    source.write("modules/my_app.wasm", b"that of another package");
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

#[test]
fn files_that_the_metadata_names_belong_to_the_api_and_none_from_outside_does() {
    let source = Source::new();
    source.write("pkg/my-app.wasm", COMPONENT);
    let with = |names: &str| {
        let properties = format!(r#"{{"package_name":"my-app","publisher":"alice.os","api_includes":{names}}}"#);
        source.write("metadata.json", format!(r#"{{"properties":{properties}}}"#).as_bytes());
        source.assemble()
    };
    source.write("docs/use.md", b"how");
    let zip = with(r#"["docs/use.md"]"#).unwrap().zip;
    let api = Archive::open(&zip, &ArchiveLimits::default()).unwrap().read("api.zip").unwrap();
    assert!(Archive::open(&api, &ArchiveLimits::default()).unwrap().has_file("docs/use.md"));
    assert!(matches!(with(r#"["../other/secret"]"#), Err(AssembleError::Pack(PackError::Name { .. }))));
    assert!(matches!(with(r#"["missing"]"#), Err(AssembleError::Read { .. })));
}

#[test]
fn a_user_interface_that_was_built_elsewhere_is_the_packages() {
    let source = Source::new();
    source.write("pkg/my-app.wasm", COMPONENT);
    source.write("ui/dist/assets/a.js", b"1");
    let ingredients = Ingredients::gather(source.dir.path(), &[], Some(&source.dir.path().join("ui/dist"))).unwrap();
    let parts: Vec<_> = ingredients.parts().map(|(name, _)| name.to_owned()).collect();
    assert!(parts.contains(&"ui/assets/a.js".to_owned()) && parts.contains(&"ui/index.html".to_owned()), "{parts:?}");
}

#[test]
fn the_first_folder_that_has_a_module_gives_it() {
    let source = Source::new();
    source.write("one/my_app.wasm", COMPONENT);
    source.write("two/my_app.wasm", b"something else");
    let folders = ["none", "one", "two"].map(|name| source.dir.path().join(name));
    let folders: Vec<_> = folders.iter().map(PathBuf::as_path).collect();
    let assembled = Ingredients::gather(source.dir.path(), &folders, None).unwrap().assemble().unwrap();
    assert_eq!(assembled.contents.component("my-app.wasm"), Some(COMPONENT));
}
