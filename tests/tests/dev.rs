//! Pins what goes on while an author works: `wharf watch`, `wharf dev` and `wharf test`, and that nothing of a throw-away
//! node stays.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;
use wharf_tests::authoring::{author, command, new_package};
use wharf_tests::{Node, Running, paths};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A folder with a package in it, and a folder `tmp`.
struct Workshop {
    folder: TempDir,
    /// Each test has its own: they are built in one folder, so that libraries are built once.
    name: &'static str,
}

impl Workshop {
    fn with(name: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        new_package(&folder.path().join(name), "echo");
        fs::create_dir(folder.path().join("tmp")).unwrap();
        Self { folder, name }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn package(&self) -> PathBuf {
        self.path().join(self.name)
    }

    fn send(&self, home: &str, body: &str) -> String {
        author(&["--home", home, "send", self.name, body]).ok()
    }
}

/// The command, with its temporary files where the test sees them.
fn in_workshop(folder: &Workshop, args: &[&str]) -> Command {
    let mut command = command(args);
    command.env("TMPDIR", folder.path().join("tmp"));
    command
}

fn left_over(folder: &Workshop) -> Vec<String> {
    let entries = fs::read_dir(folder.path().join("tmp")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Changes the package's code.
fn edit(folder: &Workshop, from: &str, to: &str) {
    let path = folder.package().join("src/lib.rs");
    let code = fs::read_to_string(&path).unwrap();
    assert!(code.contains(from), "{code}");
    fs::write(path, code.replace(from, to)).unwrap();
}

#[test]
fn dev_has_a_node_with_the_package_as_it_is_now_and_leaves_nothing() {
    let folder = Workshop::with("dev-echo");
    let package = folder.package();
    let mut dev = Running::start(in_workshop(&folder, &["dev", text(&package), "--json"]));
    let started = dev.wait_for_event("NodeStarted");
    let home = started["home"].as_str().unwrap().to_owned();
    assert!(started["login"].as_str().unwrap().starts_with(started["url"].as_str().unwrap()), "{started}");
    assert!(started["pages"][0].as_str().unwrap().ends_with("/dev-echo:dev-echo:ann.os"), "{started}");
    dev.wait_for_event("Installed");
    assert!(folder.send(&home, r#""hello""#).contains("hello"));

    edit(&folder, "response.body(message.body())", "response.body(\"changed\")");
    let changed = dev.wait_for_event("Changed");
    assert_eq!(changed["file"], "src/lib.rs");
    dev.wait_for_event("Installed");
    assert!(folder.send(&home, r#""hello""#).contains("changed"));

    edit(&folder, "response.body(\"changed\")", "response.nonsense()");
    dev.wait_for_event("BuildFailed");
    assert!(folder.send(&home, r#""hello""#).contains("changed"), "the last version that could be built goes on");
    edit(&folder, "response.nonsense()", "response.body(\"mended\")");
    dev.wait_for_event("Installed");
    assert!(folder.send(&home, r#""hello""#).contains("mended"));

    let pid = fs::read_to_string(Path::new(&home).join("run/pid")).unwrap();
    dev.end(Signal::TERM).ok();
    assert_eq!(left_over(&folder), Vec::<String>::new());
    assert!(!Path::new("/proc").join(pid.trim()).exists(), "the daemon is gone");
}

#[test]
fn watch_puts_each_change_into_the_running_node_and_shows_what_it_says() {
    let folder = Workshop::with("watch-echo");
    let package = folder.package();
    let node = Node::start();
    let home = text(node.home().root()).to_owned();
    let mut watch = Running::start(in_workshop(&folder, &["--home", &home, "watch", text(&package)]));
    watch.wait_for("watch-echo:ann.os runs");
    edit(&folder, "fn init(_our: Address) {", "fn init(_our: Address) {\n    println!(\"the second version\");");
    watch.wait_for("src/lib.rs changed");
    watch.wait_for("the second version");
    // What is built of it is the same: nothing is installed.
    fs::write(package.join("README.md"), "changed").unwrap();
    watch.wait_for("README.md changed");
    watch.wait_for("nothing changed in what is built");
    // As refused by a node as by a compiler.
    let manifest = fs::read_to_string(package.join("pkg/manifest.json")).unwrap();
    fs::write(package.join("pkg/manifest.json"), "[{}]").unwrap();
    watch.wait_for("not built");
    fs::write(package.join("pkg/manifest.json"), manifest).unwrap();
    watch.wait_for("nothing changed in what is built");
    let ended = watch.end(Signal::INT);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(folder.send(&home, r#""still there""#).contains("still there"));
    let said = author(&["--home", text(folder.path()), "watch", text(&package)]).failed(3);
    assert!(said.contains("wharfd --home"), "{said}");
}

#[test]
fn dev_is_gone_after_an_interrupt_in_the_middle_of_the_first_build() {
    let folder = Workshop::with("stopped-echo");
    let mut dev = Running::start(in_workshop(&folder, &["dev", text(&folder.package()), "--json"]));
    dev.wait_for_event("Building");
    dev.end(Signal::INT).ok();
    assert_eq!(left_over(&folder), Vec::<String>::new());
}

#[test]
fn a_node_that_belongs_to_a_program_ends_with_it() {
    let home = tempfile::tempdir().unwrap();
    let mut daemon = Command::new(paths::binary("wharfd"));
    daemon.args(["--http", "127.0.0.1:0", "--until-eof", "--home"]).arg(home.path().join("home"));
    let mut child = daemon.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    drop(child.stdin.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let ended = daemon.stdin(Stdio::null()).stderr(Stdio::piped()).output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.code() == Some(6) && said.contains("stdin is not a pipe"), "{said}");
}

#[test]
fn without_the_daemon_it_says_where_it_looked() {
    let folder = Workshop::with("lonely-echo");
    let alone = folder.path().join("wharf");
    fs::copy(paths::binary("wharf"), &alone).unwrap();
    let package = folder.package();
    let ran = Command::new(&alone).args(["dev", text(&package)]).env("PATH", "/nowhere").output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(4), "{said}");
    assert!(said.contains("wharfd") && said.contains(text(folder.path())) && said.contains("PATH"), "{said}");
}

const TESTS: &str = r#"
[[test]]
name = "on two nodes, and after a restart"
nodes = ["ann.os", "bob.os"]

[[test.step]]
send = "test-echo"
body = { a = [1, 2], b = true }
expect.body = { a = [1, 2] }

[[test.step]]
node = "bob.os"
send = "test-echo:test-echo:ann.os"
text = "as it is"
expect.text = "as it is"

[[test.step]]
do = "restart"

[[test.step]]
do = "install"

[[test.step]]
send = "test-echo"
text = "1"
expect.body = 1

[[test.step]]
get = "/nothing:is:here"
expect.status = 404

[[test.step]]
send = "nobody"
text = "1"
expect.failure = "no process `nobody`"

[[test]]
name = "<is> wrong"

[[test.step]]
send = "test-echo"
body = { count = 1 }
expect.body = { count = 2 }
"#;

#[test]
fn tests_of_a_package_say_what_was_not_as_expected() {
    let folder = Workshop::with("test-echo");
    let package = folder.package();
    fs::remove_file(package.join("test/basic.toml")).unwrap();
    fs::write(package.join("test/two.toml"), TESTS.trim_start()).unwrap();
    let junit = folder.path().join("results.xml");
    let args = ["test", text(&package), "--json", "--junit", text(&junit)];
    let ran = in_workshop(&folder, &args).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(1), "{said}");
    let results: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!((&results["passed"], &results["failed"]), (&1.into(), &1.into()), "{results:#}");
    let failed = &results["tests"][1];
    assert_eq!((failed["file"].as_str(), failed["name"].as_str()), (Some("test/two.toml"), Some("<is> wrong")));
    assert_eq!((&failed["failure"]["step"]["number"], &failed["failure"]["step"]["line"]), (&1.into(), &39.into()));
    let why = failed["failure"]["why"].as_str().unwrap();
    assert!(why.contains("the body.count is 1, expected 2"), "{why}");
    let xml = fs::read_to_string(junit).unwrap();
    assert!(xml.contains("tests=\"2\" failures=\"1\"") && xml.contains("name=\"&lt;is&gt; wrong\""), "{xml}");
    assert_eq!(left_over(&folder), Vec::<String>::new());

    let ran = in_workshop(&folder, &["test", text(&package), "--only", "two nodes"]).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success() && said.contains("1 passed, 0 failed"), "{said}");
}

#[test]
fn tests_that_cannot_be_read_are_refused_with_their_place() {
    let folder = Workshop::with("bad-echo");
    let package = folder.package();
    let refused = |file: &str, contents: &str, expected: &str| {
        fs::remove_dir_all(package.join("test")).unwrap();
        fs::create_dir(package.join("test")).unwrap();
        fs::write(package.join("test").join(file), contents).unwrap();
        let said = author(&["test", text(&package)]).failed(4);
        assert!(said.contains(expected), "{said}");
    };
    refused("x.toml", "[[test]]\nname = \"x\"\n[[test.step]]\nsned = \"y\"\n", "x.toml:4: unknown field `sned`");
    refused("tests.toml", "runtime = { FetchVersion = \"latest\" }\n[[tests]]\ntimeout_secs = 5\n", "kit run-tests");
    refused("notes.txt", "", "no tests");
}
