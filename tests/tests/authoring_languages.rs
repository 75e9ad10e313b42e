//! Packages in JavaScript, Python and C: begun, built, checked, installed, used, upgraded and removed, as their authors and
//! users would.
//!
//! The tools come from npm and PyPI, in the versions and with the hashes that the templates name. Where these cannot be
//! reached the tests fail, and say so.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use wharf_tests::Node;
use wharf_tests::authoring::{author, author_without_tools};

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn begun(folder: &Path, name: &str, language: &str, template: &str) -> PathBuf {
    let package = folder.join(name);
    author(&["new", path(&package), "--lang", language, "--template", template, "--publisher", "ann.os"]).ok();
    package
}

fn built(package: &Path) -> Value {
    serde_json::from_str(&author(&["build", path(package), "--json"]).ok()).unwrap()
}

/// Changes a text that is in a file once.
fn edit(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert_eq!(text.matches(from).count(), 1, "{from} in {}", file.display());
    fs::write(file, text.replace(from, to)).unwrap();
}

/// Asks the counter, which answers once its paths are bound.
fn assert_counted(node: &Node, count: u64) {
    let told = node.wharf(&["send", "my-counter", r#""Get""#, "--timeout", "120"]).ok();
    assert_eq!(serde_json::from_str::<Value>(&told).unwrap(), json!({ "count": count }));
}

/// The way of a package in `language`; `page` is the file with the page of its counter.
fn from_new_to_uninstall(language: &str, page: &str) {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::start();

    let echo = begun(folder.path(), "my-echo", language, "echo");
    let said = built(&echo);
    let checked = author(&["check", said["zip"].as_str().unwrap()]).ok();
    assert!(checked.contains("my-echo:ann.os can be installed"), "{checked}");
    node.wharf(&["install", "--yes", path(&echo)]).ok();
    let echoed = node.wharf(&["send", "my-echo", r#"{"text":"h\u00e9llo \ud83d\ude00"}"#]).ok();
    assert!(echoed.contains("héllo 😀") || echoed.contains(r"h\u00e9llo \ud83d\ude00"), "{echoed}");

    let fibonacci = begun(folder.path(), "my-fibonacci", language, "fibonacci");
    if language == "python" {
        // A node compiles each component of Python for ten seconds: what this one does is tested without.
        built(&fibonacci);
    } else {
        let tested = author(&["test", path(&fibonacci)]).ok();
        assert!(tested.contains("1 passed, 0 failed"), "{tested}");
    }

    let counter = begun(folder.path(), "my-counter", language, "counter");
    let first = built(&counter);
    let zip = PathBuf::from(first["zip"].as_str().unwrap());
    let original = fs::read(&zip).unwrap();
    // On nodes of another name than this one's, which once made a difference to C.
    let tested = author(&["test", path(&counter)]).ok();
    assert!(tested.contains("2 passed, 0 failed"), "{tested}");
    node.wharf(&["install", "--yes", path(&counter)]).ok();
    assert_counted(&node, 0);
    let site = "/my-counter:my-counter:ann.os";
    let (status, shown) = node.get(site);
    assert!(status == 200 && shown.contains(">1</") && !shown.contains("{{"), "{status} {shown}");
    let (status, told) = node.post(&format!("{site}/api"), "");
    assert_eq!((status, serde_json::from_str::<Value>(&told).unwrap()), (200, json!({ "count": 2 })));
    assert_eq!(node.post(site, "").0, 405);
    node.wharf(&["send", "my-counter", r#""Increment""#]).ok();
    let refused = node.wharf(&["send", "my-counter", "1"]);
    assert!(format!("{}{}", refused.stdout, refused.stderr).contains("not a request to the counter"));

    // The author changes something, and what was counted stays.
    edit(&counter.join(page), ">Count one more<", ">And another<");
    let changed = built(&counter);
    assert!(fs::read(&zip).unwrap() != original);
    node.wharf(&["install", "--yes", path(&counter)]).ok();
    assert_counted(&node, 3);
    let (_, shown) = node.get(site);
    assert!(shown.contains(">4</") && shown.contains("And another"), "{shown}");
    // As it does when the node was gone meanwhile.
    node.restart();
    assert_counted(&node, 4);
    assert!(node.get(site).1.contains(">5</"));

    // What did not change is not built again, for which no tool would be found, and is not packed again.
    let unchanged: Value =
        serde_json::from_str(&author_without_tools(&["build", path(&counter), "--json"]).ok()).unwrap();
    assert_eq!(unchanged, changed);
    if language == "c" {
        // And back. What tools make that run the code first depends on random numbers, too; a compiler's result does not.
        edit(&counter.join(page), ">And another<", ">Count one more<");
        assert_eq!(built(&counter), first);
        assert!(fs::read(&zip).unwrap() == original, "the same contents gave another zip");
    }

    for package in ["my-echo", "my-counter"] {
        node.wharf(&["uninstall", "--yes", &format!("{package}:ann.os")]).ok();
    }
    assert_eq!(node.get(site).0, 404);
    assert!(node.process_ids().iter().all(|id| !id.ends_with(":ann.os")));
}

#[test]
fn javascript_from_new_to_uninstall() {
    from_new_to_uninstall("js", "src/page.js");
}

#[test]
fn python_from_new_to_uninstall() {
    from_new_to_uninstall("python", "src/page.py");
}

#[test]
fn c_from_new_to_uninstall() {
    from_new_to_uninstall("c", "src/page.h");
}

/// Components of Python import the sockets of WASI. They are there, and refuse.
#[test]
fn python_may_not_reach_the_network_or_the_hosts_files() {
    let folder = tempfile::tempdir().unwrap();
    let package = begun(folder.path(), "tries", "python", "echo");
    fs::write(package.join("src/app.py"), include_str!("../guests/tries.py")).unwrap();
    built(&package);
    let mut node = Node::start();
    node.wharf(&["install", "--yes", path(&package)]).ok();
    let tried = |node: &Node| -> Value {
        serde_json::from_str(&node.wharf(&["send", "tries", "1", "--timeout", "120"]).ok()).unwrap()
    };
    let first = tried(&node);
    for what in ["connect", "udp", "listen", "name", "file"] {
        assert_ne!(first[what][0], "done", "{what}: {first}");
    }
    for what in ["tmp", "clock", "deep enough"] {
        assert_eq!(first[what][0], "done", "{what}: {first}");
    }
    assert_eq!(first["too deep"][0], "RecursionError", "{first}");
    // Each life has random numbers of its own, although the module was imported when the component was built.
    node.restart();
    let second = tried(&node);
    for what in ["os.urandom", "random"] {
        assert_eq!((&first[what][0], &second[what][0]), (&json!("done"), &json!("done")), "{first} {second}");
        assert_ne!(first[what], second[what], "{what}");
    }
}

#[test]
fn one_package_with_processes_in_several_languages_a_user_interface_and_an_api() {
    let folder = tempfile::tempdir().unwrap();
    let package = begun(folder.path(), "many", "c", "echo");
    fs::rename(package.join("src"), package.join("c-src")).unwrap();
    fs::create_dir_all(package.join("add")).unwrap();
    fs::rename(package.join("c-src"), package.join("add/src")).unwrap();
    fs::rename(package.join("requirements.txt"), package.join("add/requirements.txt")).unwrap();
    let talk = begun(folder.path(), "talk", "js", "echo");
    fs::rename(&talk, package.join("talk")).unwrap();
    let entry = |name: &str| {
        json!({
            "process_name": name, "process_wasm_path": format!("/{name}.wasm"), "on_exit": "Restart", "request_networking": false,
            "request_capabilities": ["http-server:distro:sys"], "grant_capabilities": ["http-server:distro:sys"], "public": true,
        })
    };
    fs::write(package.join("pkg/manifest.json"), json!([entry("add"), entry("talk")]).to_string()).unwrap();
    fs::create_dir_all(package.join("api")).unwrap();
    fs::write(package.join("api/many:ann.os-v0.wit"), "interface many {\n    enum request { add, talk }\n}\n").unwrap();
    fs::create_dir_all(package.join("ui")).unwrap();
    let script =
        r#"node -e "fs.mkdirSync('dist/deep',{recursive:true});fs.writeFileSync('dist/deep/a.html','<p>made')""#;
    fs::write(package.join("ui/package.json"), json!({ "name": "ui", "scripts": { "build": script } }).to_string())
        .unwrap();
    let said = built(&package);
    assert_eq!(said["processes"], 2);
    let node = Node::start();
    node.wharf(&["install", "--yes", path(&package)]).ok();
    for process in ["add", "talk"] {
        let echoed = node.wharf(&["send", &format!("{process}:many:ann.os"), r#""hello""#]).ok();
        assert!(echoed.contains("hello"), "{echoed}");
    }
    let made = node.wharf(&["fs", "cat", "/many:ann.os/pkg/ui/deep/a.html"]).ok();
    assert_eq!(made.trim(), "<p>made");
    let files = node.wharf(&["fs", "ls", "/many:ann.os/pkg"]).ok();
    assert!(files.contains("api.zip"), "{files}");
    // Two that want the same name are told so before anything is overwritten.
    fs::create_dir_all(package.join("other/src")).unwrap();
    fs::copy(package.join("talk/package.json"), package.join("other/package.json")).unwrap();
    let refused = author_without_tools(&["build", path(&package)]).failed(4);
    assert!(refused.contains("are called talk"), "{refused}");
}

#[test]
fn a_tool_that_is_missing_is_named_with_the_command_that_gets_it() {
    let folder = tempfile::tempdir().unwrap();
    for (language, tool, get) in
        [("js", "`npm`", "apt-get install nodejs npm"), ("python", "`python3`", "apt-get install python3 python3-venv")]
    {
        let package = begun(folder.path(), &format!("in-{language}"), language, "blank");
        let said = author_without_tools(&["build", path(&package)]).failed(4);
        assert!(said.contains(tool) && said.contains(get), "{said}");
    }
    let package = begun(folder.path(), "in-c", "c", "blank");
    fs::remove_file(package.join("requirements.txt")).unwrap();
    let said = author_without_tools(&["build", path(&package)]).failed(4);
    assert!(said.contains("no compiler") && said.contains("ziglang==0.17.0"), "{said}");
    let said = author(&["new", path(&folder.path().join("x")), "--lang", "c", "--template", "chat"]).failed(4);
    assert!(said.contains("in Rust only"), "{said}");
}

#[test]
fn what_a_tool_says_is_shown_when_it_fails() {
    let folder = tempfile::tempdir().unwrap();
    let package = begun(folder.path(), "broken", "c", "blank");
    edit(&package.join("src/main.c"), "wharf_receive(&message);", "wharf_receive(&massage);");
    let said = author(&["build", path(&package)]).failed(4);
    assert!(said.contains("massage") && said.contains("compiling the package (C)"), "{said}");
    let package = begun(folder.path(), "wrong", "js", "blank");
    edit(&package.join("src/main.js"), "export function init", "export function innit");
    let said = author(&["build", path(&package)]).failed(4);
    assert!(said.contains("src/main.js exports no function init(our)"), "{said}");
}
