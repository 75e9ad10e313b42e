//! Pins what the owner can do in the node's terminal, and that nobody else can, and that a script can do no more than was
//! agreed to when its package was installed, no longer than it may, and leaves nothing behind.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use std::process::Command;

use rustix::process::Signal;
use serde_json::{Value, json};
use wharf_tests::installing::{PROBER, Shelf};
use wharf_tests::packages::{changed, read_entry};
use wharf_tests::prober::A;
use wharf_tests::{Node, Running, eventually, paths};

const TERMINAL: &str = "terminal:terminal:sys";
const MISCHIEF: &str = "mischief:mischief:test.os";

fn with_mischief() -> Node {
    let node = Node::start();
    node.install(&paths::test_package("mischief:test.os"));
    node
}

/// What a line shows, when it worked.
fn typed(node: &Node, line: &str) -> String {
    node.wharf(&["shell", "-c", line]).ok()
}

/// What is said of a line that did not.
fn refused(node: &Node, line: &str) -> String {
    node.wharf(&["shell", "-c", line]).failed(1)
}

/// Begins a line that goes on.
fn begin(node: &Node, line: &str) -> Running {
    let mut command = Command::new(paths::binary("wharf"));
    command.arg("--home").arg(node.home().root()).args(["shell", "-c", line]).env_remove("WHARF_HOME");
    Running::start(command)
}

/// Processes of a package with a number as their name: those of its scripts.
fn scripts_of(node: &Node, package: &str) -> Vec<String> {
    let is_run =
        |id: &String| id.split_once(':').is_some_and(|(name, of)| of == package && name.parse::<u64>().is_ok());
    node.process_ids().into_iter().filter(is_run).collect()
}

fn capability_count(node: &Node, process: &str) -> u64 {
    node.process(process).unwrap().capabilities
}

#[test]
fn each_bundled_script_does_what_it_says() {
    let node = Node::start();
    node.install(&paths::package("echo:wharf.os"));
    assert_eq!(typed(&node, "echo hello  world"), "hello  world\n");
    let help = typed(&node, "help");
    for name in ["alias", "cat", "echo", "help", "hi", "kill", "m", "peers", "top"] {
        assert!(help.lines().any(|line| line.split(' ').next() == Some(name)), "{name}: {help}");
        assert!(typed(&node, &format!("help {name}")).starts_with(name));
    }
    assert!(refused(&node, "help nonsense").contains("no help for nonsense"));
    let file = String::from_utf8(read_entry(&paths::package("echo:wharf.os"), "manifest.json")).unwrap();
    assert_eq!(typed(&node, "cat /echo:wharf.os/pkg/manifest.json").trim(), file.trim());
    assert!(refused(&node, "cat /echo:wharf.os/pkg/none").contains("/echo:wharf.os/pkg/none"));
    assert!(refused(&node, "cat /echo:wharf.os/pkg/echo.wasm").contains("is not text"));
    assert_eq!(typed(&node, "hi our hello"), "response from local.os: ack\n");
    assert!(refused(&node, "hi bob.os hello").contains("no network"));
    assert!(typed(&node, "peers").contains("no peers"));
    assert!(typed(&node, "top").contains("echo:echo:wharf.os"));
    let top = typed(&node, "top echo:echo:wharf.os -c");
    assert!(top.contains("local.os@http-server:distro:sys \"messaging\""), "{top}");
    assert!(!top.contains("kernel:distro:sys "), "{top}");
    assert!(refused(&node, "top no:such:process").contains("no process no:such:process"));
    for line in ["m our@echo:echo:wharf.os 'two words' -a 30", "m echo:echo:wharf.os 'two words' --await 30"] {
        assert_eq!(typed(&node, line), "two words\n", "{line}");
    }
    assert_eq!(typed(&node, "m our@echo:echo:wharf.os 'not shown'"), "");
    assert_eq!(typed(&node, "m kernel:distro:sys '\"Status\"' -a 30").get(..10), Some("{\"Status\":"));
    assert!(refused(&node, "m our@no:such:process x -a 1").contains("did not answer"));
    assert!(typed(&node, "kill echo:echo:wharf.os").contains("ended echo:echo:wharf.os"));
    assert!(node.process("echo:echo:wharf.os").is_none());
    assert!(refused(&node, "kill echo:echo:wharf.os").contains("no process"));
    assert_eq!(scripts_of(&node, "terminal:sys"), [""; 0]);
}

#[test]
fn an_alias_is_there_after_a_restart_and_after_a_crash() {
    let mut node = Node::start();
    assert!(typed(&node, "alias say echo:terminal:sys").contains("say stands for echo:terminal:sys"));
    assert!(typed(&node, "alias cat").contains("cat is removed"));
    node.restart();
    assert_eq!(typed(&node, "say kept"), "kept\n");
    typed(&node, "alias twice echo:terminal:sys");
    node.kill_9();
    node.start_again();
    assert_eq!(typed(&node, "say kept"), "kept\n");
    assert_eq!(typed(&node, "twice kept"), "kept\n");
    assert!(refused(&node, "cat /x").contains("'cat' not found, either as an alias or process ID"));
    typed(&node, "alias cat cat:terminal:sys");
    assert!(typed(&node, "cat /terminal:sys/pkg/scripts.json").contains("cat.wasm"));
    for bad in ["alias x not-an-id", "alias a:b echo:terminal:sys", "alias {} echo:terminal:sys", "alias", "alias none"]
    {
        refused(&node, bad);
    }
}

#[test]
fn aliases_are_edited_in_the_protocols_words_by_the_owner_and_scripts_of_the_terminal_only() {
    let node = Node::with_prober();
    let edit = |alias: &str, process: Value| {
        node.ask(TERMINAL, &json!({ "EditAlias": { "alias": alias, "process": process } })).json()
    };
    assert_eq!(edit("x", json!("echo:terminal:sys")), json!({ "EditAlias": "AliasSet" }));
    assert_eq!(edit("x", Value::Null), json!({ "EditAlias": "AliasRemoved" }));
    assert_eq!(edit("x", Value::Null), json!({ "EditAlias": "AliasNotFound" }));
    assert_eq!(edit("x", json!("../../x")), json!({ "EditAlias": "InvalidProcessId" }));
    // Another package's process that may message the terminal can neither edit nor type.
    typed(
        &node,
        &format!(
            "m our@kernel:distro:sys '{}' -a 30",
            json!({ "GrantCapabilities": {
                "target": A,
                "capabilities": [{ "issuer": format!("local.os@{TERMINAL}"), "params": "\"messaging\"" }],
            }})
        ),
    );
    for body in [
        json!({ "EditAlias": { "alias": "x", "process": "echo:terminal:sys" } }),
        json!({ "Run": { "line": "echo x", "name": null } }),
        json!({ "Stop": { "name": "1" } }),
        json!("List"),
    ] {
        let answer = node.last(A, json!([{ "Await": { "to": TERMINAL, "body": body, "expects": 60 } }]));
        assert!(answer.to_string().contains("owner only"), "{body}: {answer}");
    }
    assert!(refused(&node, "x").contains("'x' not found"));
}

#[test]
fn a_script_compiled_against_the_published_library_runs_unmodified() {
    let node = Node::start();
    node.install(&paths::test_package("fibonacci:test.os"));
    assert_eq!(typed(&node, "number:fibonacci:test.os 90"), "2880067194370816120\n");
    assert_eq!(typed(&node, "number:fibonacci:test.os x"), "usage: number <n>\n");
    typed(&node, "alias number number:fibonacci:test.os");
    assert_eq!(typed(&node, "number 10"), "55\n");
    // As a message of tools for Kinode: the line itself, with and without an answer.
    let ran = node.send(TERMINAL, "number 11", None, 60).unwrap().json();
    assert_eq!((&ran["Ran"]["text"], &ran["Ran"]["end"]), (&json!("89"), &json!({ "Exited": "Returned" })));
    let sent = node.rpc(&json!({ "process": TERMINAL, "body": "number 12" })).send().unwrap();
    assert_eq!(sent.status(), 200);
    node.wait_for_log(&["\"message\":\"144\"", TERMINAL]);
    eventually("nothing is left of the runs", || scripts_of(&node, "fibonacci:test.os").is_empty().then_some(()));
}

#[test]
fn runs_leave_no_capability_behind() {
    let node = Node::start();
    node.install(&paths::test_package("fibonacci:test.os"));
    // The script gives the process of its package the right to message it.
    let process = "fibonacci:fibonacci:test.os";
    typed(&node, "number:fibonacci:test.os 1");
    let before = (capability_count(&node, TERMINAL), capability_count(&node, process));
    for _ in 0..3 {
        typed(&node, "number:fibonacci:test.os 1");
    }
    assert_eq!((capability_count(&node, TERMINAL), capability_count(&node, process)), before);
}

#[test]
fn what_cannot_be_run_is_said_so_and_nothing_is_read_for_it() {
    let node = with_mischief();
    assert_eq!(typed(&node, ""), "");
    for (line, why) in [
        ("nonsense", "error calling script: 'nonsense' not found, either as an alias or process ID"),
        ("../../x", "not found"),
        ("..:terminal:sys", "cannot be the id of a script"),
        ("echo:..:..", "cannot be the id of a script"),
        ("a/../echo:terminal:sys", "not found"),
        ("echo:terminal/../terminal:sys", "not found"),
        ("ECHO:terminal:sys", "cannot be the id of a script"),
        ("none:terminal:sys", "terminal:sys has no script `none`; it has alias, cat, echo"),
        ("terminal:terminal:sys", "has no script `terminal`"),
        ("none:no-such:package.os x", "no-such:package.os has no scripts"),
        ("mischief:mischief:test.os nonsense", "what is `nonsense`?"),
        ("mischief:mischief:test.os fail because", "because"),
    ] {
        assert!(refused(&node, line).contains(why), "{line}: {}", refused(&node, line));
    }
    let long = format!("echo {}", "x".repeat(100_000));
    assert_eq!(typed(&node, &long).len(), 100_001);
}

#[test]
fn several_lines_run_one_after_the_other_and_one_that_fails_shows_in_the_exit_code() {
    let node = Node::start();
    let ran = node.wharf_with_stdin(&["shell"], "echo one\n\nnonsense\necho two");
    assert_eq!((ran.code, ran.stdout.as_str()), (1, "one\ntwo\n"), "{}", ran.stderr);
    assert!(ran.stderr.contains("nonsense") && ran.stderr.contains("1 of 4 lines failed"), "{}", ran.stderr);
    assert_eq!(node.wharf_with_stdin(&["shell"], "echo one\necho two\n").ok(), "one\ntwo\n");
    let ran: Value = serde_json::from_str(&node.wharf(&["shell", "--json", "-c", "echo x"]).ok()).unwrap();
    assert_eq!(
        (&ran["text"], &ran["end"], &ran["failed"]),
        (&json!("x"), &json!({ "Exited": "Returned" }), &json!(false))
    );
}

#[test]
fn a_script_that_traps_is_an_error_with_its_reason() {
    let node = with_mischief();
    let said = refused(&node, &format!("{MISCHIEF} trap"));
    assert!(said.contains("did not end well: trapped"), "{said}");
    assert_eq!(typed(&node, "echo still"), "still\n");
    assert_eq!(scripts_of(&node, "mischief:test.os"), [""; 0]);
}

#[test]
fn what_a_script_prints_is_shown_at_once_and_an_interrupt_ends_it() {
    let node = with_mischief();
    for what in ["wait", "spin"] {
        let mut running = begin(&node, &format!("{MISCHIEF} {what} begun"));
        running.wait_for("begun");
        assert_eq!(scripts_of(&node, "mischief:test.os").len(), 1);
        let ran = running.end(Signal::INT);
        assert_eq!(ran.code, 5, "{}", ran.stderr);
        assert!(ran.stderr.contains("interrupted"), "{}", ran.stderr);
        eventually("the script is gone", || scripts_of(&node, "mischief:test.os").is_empty().then_some(()));
    }
}

#[test]
fn a_script_that_is_ended_by_others_is_told_of() {
    let node = with_mischief();
    let mut running = begin(&node, &format!("{MISCHIEF} wait begun"));
    running.wait_for("begun");
    let process = scripts_of(&node, "mischief:test.os").remove(0);
    assert!(typed(&node, &format!("kill {process}")).contains("ended"));
    let ran = running.end(Signal::CONT);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("did not end well: killed"), "{}", ran.stderr);
}

#[test]
fn what_a_script_prints_and_answers_is_bounded() {
    let node = with_mischief();
    let printed = typed(&node, &format!("{MISCHIEF} print 4000"));
    assert!(printed.ends_with("printed\n"), "{}", &printed[printed.len().saturating_sub(100)..]);
    assert!(printed.len() < 2_000_000, "{}", printed.len());
    let ran = node.wharf(&["shell", "-c", &format!("{MISCHIEF} answer 3000000")]);
    assert_eq!((ran.code, ran.stdout.len()), (0, (1 << 20) + 1), "{}", ran.stderr);
    assert!(ran.stderr.contains("are left out"), "{}", ran.stderr);
}

#[test]
fn a_script_that_wants_to_be_started_again_is_not() {
    let node = with_mischief();
    assert_eq!(typed(&node, &format!("{MISCHIEF} again")), "again\n");
    assert_eq!(scripts_of(&node, "mischief:test.os"), [""; 0]);
}

#[test]
fn only_so_many_scripts_run_at_the_same_time() {
    let node = with_mischief();
    let mut running: Vec<_> = (0..16)
        .map(|number| {
            let mut running = begin(&node, &format!("{MISCHIEF} wait number-{number}"));
            running.wait_for(&format!("number-{number}"));
            running
        })
        .collect();
    assert!(refused(&node, "echo x").contains("16 scripts run already"));
    assert_eq!(running.remove(0).end(Signal::INT).code, 5);
    eventually("there is room for another one", || (scripts_of(&node, "mischief:test.os").len() < 16).then_some(()));
    let room = || Some(node.wharf(&["shell", "-c", "echo x"])).filter(|ran| ran.code == 0);
    assert_eq!(eventually("another one runs", room).stdout, "x\n");
}

#[test]
fn a_script_gets_what_was_agreed_to_and_nothing_that_its_package_asks_for_later() {
    let node = with_mischief();
    let caps = typed(&node, &format!("{MISCHIEF} caps"));
    for wanted in [
        "local.os@vault:vault:test.os \"Read\"",
        "local.os@timer:distro:sys \"messaging\"",
        "local.os@terminal:terminal:sys \"messaging\"",
    ] {
        assert!(caps.lines().any(|line| line == wanted), "{wanted}: {caps}");
    }
    assert!(!caps.contains("kernel:distro:sys") && !caps.contains("vfs:distro:sys"), "{caps}");
    // What lies in its own drive is the package's to change.
    let file = node.home().vfs().join("mischief:test.os/pkg/scripts.json");
    let mut scripts: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let original = scripts.clone();
    scripts["mischief.wasm"]["root"] = json!(true);
    std::fs::write(&file, scripts.to_string()).unwrap();
    let said = refused(&node, &format!("{MISCHIEF} caps"));
    assert!(said.contains("scripts.json was changed") && said.contains("may do everything on this node"), "{said}");
    scripts = original.clone();
    scripts["mischief.wasm"]["request_capabilities"] = json!(["kernel:distro:sys"]);
    std::fs::write(&file, scripts.to_string()).unwrap();
    assert!(refused(&node, &format!("{MISCHIEF} caps")).contains("kernel:distro:sys"));
    scripts = original;
    scripts["mischief.wasm"]["request_capabilities"] = json!([]);
    std::fs::write(&file, scripts.to_string()).unwrap();
    let caps = typed(&node, &format!("{MISCHIEF} caps"));
    assert!(!caps.contains("vault"), "it may ask for less: {caps}");
}

#[test]
fn a_script_whose_component_its_package_put_another_in_place_of_is_not_run() {
    let (node, shelf) = (Node::start(), Shelf::default());
    let script = json!({ "root": true, "public": false, "request_networking": false });
    let files = [
        ("scripts.json", json!({ "mischief.wasm": script }).to_string().into_bytes()),
        ("mischief.wasm", read_entry(&paths::test_package("mischief:test.os"), "mischief.wasm")),
        ("other.wasm", read_entry(&paths::test_package("fibonacci:test.os"), "number.wasm")),
    ];
    node.install(&shelf.prober("1.0.0", |_| {}, &files));
    let line = "mischief:prober:test.os answer 3";
    assert_eq!(typed(&node, line), "xxx\n");
    let copy = |from: &str, to: &str| {
        let file = |name: &str| format!("/{PROBER}/pkg/{name}");
        let body = json!({ "path": file(from), "action": { "CopyFile": { "new_path": file(to) } } });
        let done = node.run(A, json!([{ "Await": { "to": "vfs:distro:sys", "body": body } }]));
        assert_eq!(done[0]["body"], "\"Ok\"", "{done:?}");
    };
    copy("mischief.wasm", "kept.wasm");
    copy("other.wasm", "mischief.wasm");
    let said = refused(&node, line);
    assert!(said.contains("mischief.wasm in its drive was changed"), "{said}");
    copy("kept.wasm", "mischief.wasm");
    assert_eq!(typed(&node, line), "xxx\n", "it is what was installed again");
    // Nor is another of its files a script because it says so now.
    copy("other.wasm", "late.wasm");
    let drive = node.home().vfs().join(format!("{PROBER}/pkg"));
    let late = json!({ "root": false, "public": false, "request_networking": false });
    std::fs::write(drive.join("scripts.json"), json!({ "late.wasm": late }).to_string()).unwrap();
    assert!(refused(&node, "late:prober:test.os").contains("late.wasm in its drive was changed"));
}

#[test]
fn files_that_are_too_long_to_be_those_of_a_script_are_not_read() {
    let node = with_mischief();
    let drive = node.home().vfs().join("mischief:test.os/pkg");
    let lengthen = |name: &str, len: u64| {
        std::fs::OpenOptions::new().write(true).open(drive.join(name)).unwrap().set_len(len).unwrap();
    };
    lengthen("mischief.wasm", (128 << 20) + 1);
    let said = refused(&node, &format!("{MISCHIEF} caps"));
    assert!(said.contains("mischief.wasm is not read: it has 134217729 bytes"), "{said}");
    lengthen("scripts.json", (1 << 20) + 1);
    let said = refused(&node, &format!("{MISCHIEF} caps"));
    assert!(said.contains("scripts.json is not read: it has 1048577 bytes"), "{said}");
    let list = node.ask(TERMINAL, &json!("List")).json()["List"].clone();
    let scripts = list["scripts"].as_array().unwrap();
    assert!(!scripts.contains(&json!(MISCHIEF)) && scripts.contains(&json!("m:terminal:sys")), "{list}");
}

#[test]
fn what_scripts_ask_for_is_shown_before_their_package_is_installed() {
    let (node, shelf) = (Node::start(), Shelf::default());
    let original = paths::test_package("mischief:test.os");
    let asked = node.try_install(&original, &[]).failed(5);
    for line in [
        "script mischief.wasm",
        "* gets the right \"Read\" from vault:vault:test.os",
        "gives the right \"Gift\" to main:app-store:sys",
    ] {
        assert!(asked.lines().any(|shown| shown.trim() == line), "{line} is not a line of: {asked}");
    }
    let scripts = json!({ "mischief.wasm": { "root": true, "public": false, "request_networking": false } });
    let files = [("scripts.json", scripts.to_string().into_bytes())];
    let root = shelf.put("mischief:test.os", "root", &changed(&original, &files));
    let asked = node.try_install(&root, &[]).failed(5);
    assert!(asked.contains("! gets every right that the terminal has: it may do everything on this node"), "{asked}");
    node.try_install(&root, &["--yes"]).ok();
    let caps = typed(&node, &format!("{MISCHIEF} caps"));
    assert!(caps.contains("local.os@kernel:distro:sys {\"root\":true}"), "{caps}");
}

#[test]
fn a_script_that_runs_while_the_node_goes_down_is_gone_afterwards() {
    let mut node = with_mischief();
    let mut running = begin(&node, &format!("{MISCHIEF} wait begun"));
    running.wait_for("begun");
    node.kill_9();
    let ran = running.end(Signal::CONT);
    assert_ne!(ran.code, 0, "{}", ran.stderr);
    node.start_again();
    assert_eq!(typed(&node, "echo up"), "up\n");
    assert_eq!(scripts_of(&node, "mischief:test.os"), [""; 0]);
}

#[test]
fn the_terminal_works_on_when_another_package_of_the_node_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let store = paths::package("app-store:sys");
    for zip in [&store, &paths::package("terminal:sys")] {
        std::fs::copy(zip, folder.path().join(zip.file_name().unwrap())).unwrap();
    }
    let settings = format!("packages_folder = {:?}\n", folder.path());
    let mut node = Node::builder().settings(&settings).start();
    node.install(&paths::test_package("fibonacci:test.os"));
    assert_eq!(typed(&node, "number:fibonacci:test.os 10"), "55\n");
    // What was granted is asked of the app store, which answers: each needs the right to message the other.
    std::fs::write(folder.path().join("app-store:sys.zip"), changed(&store, &[("note", b"new".to_vec())])).unwrap();
    node.restart();
    assert_eq!(typed(&node, "number:fibonacci:test.os 10"), "55\n");
}

#[test]
fn what_can_be_typed_is_listed() {
    let node = with_mischief();
    let list = node.ask(TERMINAL, &json!("List")).json()["List"].clone();
    assert_eq!(list["aliases"]["echo"], "echo:terminal:sys");
    let scripts = list["scripts"].as_array().unwrap();
    assert!(scripts.contains(&json!(MISCHIEF)) && scripts.contains(&json!("m:terminal:sys")), "{list}");
    assert_eq!(list["running"], json!([]));
    assert!(node.installed(PROBER).is_none());
}
