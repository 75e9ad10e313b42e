//! Pins what the owner of a node is shown and asked, and that an upgrade is all of it or nothing: whatever goes wrong, and
//! whenever, a version runs, with its data.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use std::path::Path;

use serde_json::{Value, json};
use wharf_tests::databases::Db;
use wharf_tests::installing::{PROBER, Shelf};
use wharf_tests::packages::{Entry, SMALLEST, manifest, metadata, package_of, trapping, wasm, zip};
use wharf_tests::prober::{A, HERMIT, WASM};
use wharf_tests::{Node, eventually};

/// What a version leaves to the next: saved state, a file, two databases.
fn keep_data(node: &Node) {
    node.run(A, json!([{ "SetState": "kept" }]));
    for (module, set) in [("kv", true), ("sqlite", false)] {
        let db = Db::new(node, A, module, "kept");
        db.done(json!("Open"));
        if set {
            assert_eq!(db.set("key", "value"), "Ok");
        }
    }
    let file = json!({ "path": format!("/{PROBER}/tmp/kept.txt"), "action": "Write" });
    let wrote =
        node.last(A, json!([{ "Await": { "to": "vfs:distro:sys", "body": file, "blob": "kept", "expects": 60 } }]));
    assert!(wrote.to_string().contains("Ok"), "{wrote}");
}

fn assert_data_is_kept(node: &Node) {
    assert_eq!(node.last(A, json!(["GetState"])), "kept");
    assert_eq!(Db::new(node, A, "kv", "kept").answer(json!("Open")), "Ok");
    assert_eq!(Db::new(node, A, "kv", "kept").get("key").as_deref(), Some("value"));
    assert!(node.home().vfs().join(PROBER).join("tmp/kept.txt").exists());
}

/// The version whose files are in place.
fn unpacked(node: &Node) -> String {
    std::fs::read_to_string(node.home().vfs().join(PROBER).join("pkg/version")).unwrap_or_default()
}

fn assert_runs(node: &Node, version: &str) {
    assert_eq!((node.version(PROBER).as_deref(), unpacked(node).as_str()), (Some(version), version));
    assert_eq!(node.last(A, json!(["Our"])), format!("local.os@{A}"));
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).collect()
}

#[test]
fn what_a_package_asks_for_is_shown_in_plain_words_before_anything_is_sent() {
    let (node, shelf) = (Node::start(), Shelf::default());
    let path = shelf.prober("1.0.0", |_| {}, &[]);
    let refused = node.try_install(&path, &[]).failed(5);
    for line in [
        "not signed",
        "prober-a",
        "* may send messages to http-client:distro:sys: it can reach every public host of the internet",
        "may send messages to vfs:distro:sys: it can keep files, in drives of its own package",
        "takes messages from any process on this node",
        "prober-c",
        "* may use the network: it can reach other nodes, and they can reach it",
        "may send messages to hermit:prober:test.os, of the same package",
        "gives the right {\"kind\":\"read\"} to prober-b:prober:test.os",
    ] {
        assert!(lines(&refused).contains(&line), "{line} is not a line of: {refused}");
    }
    assert!(refused.contains("needs your consent") && refused.contains("--yes"), "{refused}");
    assert!(!node.home().vfs().join(format!("app-store:sys/downloads/{PROBER}")).exists(), "nothing was sent");

    let shown: Value = serde_json::from_str(&node.try_install(&path, &["--dry-run", "--json"]).ok()).unwrap();
    assert_eq!((&shown["needs_consent"], &shown["replaces"]), (&json!(true), &Value::Null));
    assert_eq!(shown["new"], shown["asks"], "all of it is new");
    let network = json!({ "process": "prober-c", "what": "Network", "weight": "care",
        "text": "may use the network: it can reach other nodes, and they can reach it" });
    assert!(shown["asks"].as_array().unwrap().contains(&network), "{}", shown["asks"]);
    assert_eq!(node.installed(PROBER), None);

    let done: Value = serde_json::from_str(&node.try_install(&path, &["--yes", "--json"]).ok()).unwrap();
    assert_eq!(done["asks"], shown["asks"]);
    assert_runs(&node, "1.0.0");
    let granted = node
        .ask("main:app-store:sys", &json!({ "Granted": { "package_name": "prober", "publisher_node": "test.os" } }));
    assert_eq!(granted.json()["GrantedResponse"], shown["asks"], "what was granted is recorded");
}

#[test]
fn an_upgrade_shows_the_difference_and_asks_only_about_more() {
    let (node, shelf) = (Node::start(), Shelf::default());
    node.install(&shelf.prober("1.0.0", |_| {}, &[]));

    let same = node.try_install(&shelf.prober("2.0.0", |_| {}, &[]), &[]);
    assert!(same.stderr.contains("this replaces the installed version 1.0.0"), "{}", same.stderr);
    assert!(lines(&same.stderr).contains(&"it asks for nothing new"), "{}", same.stderr);
    same.ok();
    assert_runs(&node, "2.0.0");

    let root = json!({ "process": "vfs:distro:sys", "params": { "root": true } });
    let more = |manifest: &mut Value| manifest[3]["request_capabilities"] = json!([root]);
    let more = shelf.prober("3.0.0", more, &[]);
    let refused = node.try_install(&more, &[]).failed(5);
    let danger = "! may read and change the files of every package on this node ({\"root\":true} from vfs:distro:sys)";
    let shown = lines(&refused);
    let new = shown.iter().position(|line| *line == "new:").unwrap();
    assert_eq!(shown[new + 1..new + 3], ["hermit", danger], "{refused}");
    assert_runs(&node, "2.0.0");
    node.try_install(&more, &["--yes"]).ok();

    let less = shelf.prober("4.0.0", |manifest| manifest[0]["public"] = json!(false), &[]);
    let less = node.try_install(&less, &["--json"]);
    let shown: Value = serde_json::from_str(&less.clone().ok()).unwrap();
    assert_eq!(shown["new"], json!([]));
    let gone: Vec<&str> =
        shown["no_longer"].as_array().unwrap().iter().map(|ask| ask["process"].as_str().unwrap()).collect();
    assert_eq!(gone, ["prober-a", "hermit"]);
    assert!(lines(&less.stderr).contains(&"no longer asked for:"), "{}", less.stderr);
}

#[test]
fn an_upgrade_asks_before_it_gives_back_what_the_owner_took_away() {
    let (node, shelf) = (Node::start(), Shelf::default());
    node.install(&shelf.prober("1.0.0", |_| {}, &[]));
    node.wharf(&["caps", "revoke", A, "http-client:distro:sys", "messaging", "--yes"]).ok();
    let next = shelf.prober("2.0.0", |_| {}, &[]);
    let refused = node.try_install(&next, &[]).failed(5);
    assert!(lines(&refused).contains(&"given again:"), "{refused}");
    node.try_install(&next, &["--yes"]).ok();
    node.try_install(&shelf.prober("3.0.0", |_| {}, &[]), &[]).ok();
}

#[test]
fn rolling_back_leads_to_the_version_from_before_and_forth_again() {
    let (mut node, shelf) = (Node::start(), Shelf::default());
    node.install(&shelf.prober("1.0.0", |_| {}, &[]));
    assert!(node.wharf(&["rollback", PROBER, "--yes"]).failed(1).contains("no version of prober:test.os from before"));
    assert!(node.wharf(&["rollback", "prober:other.os", "--yes"]).failed(1).contains("did you mean `prober:test.os`?"));
    keep_data(&node);
    node.install(&shelf.prober("2.0.0", |_| {}, &[]));
    assert_data_is_kept(&node);
    node.install(&shelf.prober("2.0.0", |_| {}, &[]));
    assert!(node.wharf(&["rollback", PROBER]).failed(5).contains("from version 2.0.0 back to 1.0.0"));
    assert_runs(&node, "2.0.0");
    node.wharf(&["rollback", PROBER, "--yes"]).ok();
    assert_runs(&node, "1.0.0");
    assert_data_is_kept(&node);
    node.restart();
    assert_runs(&node, "1.0.0");
    node.wharf(&["rollback", PROBER, "--yes"]).ok();
    assert_runs(&node, "2.0.0");
    assert_data_is_kept(&node);
}

#[test]
fn one_version_back_is_kept_however_many_zips_come() {
    let (node, shelf) = (Node::start(), Shelf::default());
    node.install(&shelf.prober("1.0.0", |_| {}, &[]));
    node.install(&shelf.prober("2.0.0", |_| {}, &[]));
    let id = json!({ "package_name": "prober", "publisher_node": "test.os" });
    for n in 0..40 {
        let zip = package_of(PROBER, &wasm(&format!("{SMALLEST} (; {n} ;)")));
        // The same component each time: what differs is the size of a comment in the zip.
        let zip = [&zip[..zip.len() - 2], &[u8::try_from(n + 1).unwrap(), 0], &vec![b'x'; n + 1]].concat();
        let new = json!({ "NewPackage": { "package_id": id, "mirror": false } }).to_string();
        let kept = node.send("main:app-store:sys", &new, Some(&zip), 60).unwrap();
        assert_eq!(kept.json(), json!({ "NewPackageResponse": "Success" }), "{:?}", kept.failure());
    }
    let folder = node.home().vfs().join(format!("app-store:sys/downloads/{PROBER}"));
    assert!(std::fs::read_dir(folder).unwrap().count() <= 16);
    node.wharf(&["rollback", PROBER, "--yes"]).ok();
    assert_runs(&node, "1.0.0");
}

#[test]
fn an_upgrade_that_does_not_compile_or_does_not_start_leaves_the_old_version_with_its_data() {
    let (node, shelf) = (Node::start(), Shelf::default());
    node.install(&shelf.prober("1.0.0", |_| {}, &[]));
    keep_data(&node);
    let trap = |version: &str| {
        let second = |manifest: &mut Value| manifest[1]["process_wasm_path"] = json!("/trap.wasm");
        shelf.prober(version, second, &[("trap.wasm", wasm(&trapping()))])
    };
    let bad = |version: &str, bytes: Vec<u8>| shelf.prober(version, |_| {}, &[("prober.wasm", bytes)]);
    for (path, says) in [
        (bad("2.0.0", wasm("(component)")), "init"),
        (trap("2.1.0"), "prober-b:prober:test.os does not start: it trapped"),
    ] {
        let refused = node.try_install(&path, &["--yes"]).failed(1);
        assert!(refused.contains(says), "{refused}");
        assert_runs(&node, "1.0.0");
        assert_data_is_kept(&node);
        let phases: Vec<_> = node.ps().into_iter().filter(|info| info.id.to_string().ends_with(PROBER)).collect();
        assert_eq!(phases.len(), 4);
    }
    node.install(&shelf.prober("3.0.0", |_| {}, &[]));
    assert_runs(&node, "3.0.0");
}

#[test]
fn a_first_install_that_does_not_start_leaves_nothing() {
    let (node, shelf) = (Node::start(), Shelf::default());
    let (before, path) =
        (node.process_ids(), shelf.put("bad:test.os", "bad", &package_of("bad:test.os", &wasm(&trapping()))));
    let refused = node.try_install(&path, &["--yes"]).failed(1);
    assert!(refused.contains("main:bad:test.os does not start"), "{refused}");
    assert_eq!((node.installed("bad:test.os"), node.process_ids()), (None, before));
    assert!(!node.home().vfs().join("bad:test.os/pkg").exists());
}

#[test]
fn a_package_cannot_choose_the_version_that_comes_back() {
    let (node, shelf) = (Node::start(), Shelf::default());
    let bad = shelf.prober("2.0.0", |_| {}, &[("prober.wasm", wasm(&trapping()))]);
    let vfs = node.home().vfs();
    let (kept, own) = (vfs.join("app-store:sys/downloads").join(PROBER), vfs.join(PROBER).join("pkg"));
    let own = own.join(format!("{PROBER}.zip"));
    // The kept zip is lost. The one in the package's own drive will do, as long as it is the one that was installed.
    node.install(&shelf.prober("1.0.0", |_| {}, &[]));
    std::fs::remove_dir_all(&kept).unwrap();
    let refused = node.try_install(&bad, &["--yes"]).failed(1);
    assert!(refused.contains("the version that was installed before is back"), "{refused}");
    assert_runs(&node, "1.0.0");

    std::fs::remove_dir_all(&kept).unwrap();
    std::fs::copy(shelf.prober("6.6.6", |_| {}, &[]), &own).unwrap();
    let refused = node.try_install(&bad, &["--yes"]).failed(1);
    assert!(refused.contains("the version that was installed before is gone too"), "{refused}");
    assert_eq!((node.installed(PROBER), own.exists()), (None, false));
}

#[test]
fn an_upgrade_that_finds_no_room_leaves_the_old_version_with_its_data() {
    let settings = "[packages.\"prober:test.os\".vfs_limits]\npackage_bytes_max = 4_194_304\n";
    let (node, shelf) = (Node::builder().settings(settings).start(), Shelf::default());
    node.install(&shelf.prober("1.0.0", |_| {}, &[]));
    keep_data(&node);
    let large = shelf.prober("2.0.0", |_| {}, &[("large", vec![7; 3 << 20])]);
    let refused = node.try_install(&large, &["--yes"]).failed(1);
    assert!(
        refused.contains("quota") && refused.contains("the version that was installed before is back"),
        "{refused}"
    );
    assert_runs(&node, "1.0.0");
    assert_data_is_kept(&node);
}

/// Something that a step of an upgrade leaves behind, by which to know that it is that far.
type Sign<'a> = (&'a str, Box<dyn Fn() -> bool + Sync + 'a>);

fn signs<'a>(home: &'a Path, new_zip: &'a Path) -> Vec<Sign<'a>> {
    let drive = home.join("vfs").join(PROBER).join("pkg");
    let (emptied, unpacking, whole, version) = (drive.clone(), drive.clone(), drive.clone(), drive);
    let hash = wharf_tests::packages::hash(&std::fs::read(new_zip).unwrap());
    let kept = home.join(format!("vfs/app-store:sys/downloads/{PROBER}/{hash}.zip"));
    let is_new = move || std::fs::read(version.join("version")).is_ok_and(|text| text == b"2.0.0");
    vec![
        ("the zip is kept", Box::new(move || kept.exists())),
        ("the old files are gone", Box::new(move || !emptied.join("version").exists())),
        ("the new files come", Box::new(is_new)),
        (
            "a component is there",
            Box::new(move || unpacking.join("prober.wasm").exists() && !unpacking.join("v1").exists()),
        ),
        (
            "the zip is unpacked",
            Box::new(move || whole.join(format!("{PROBER}.zip")).exists() && !whole.join("v1").exists()),
        ),
    ]
}

#[test]
fn an_upgrade_cut_off_by_kill_9_at_any_step_is_one_of_the_two_versions() {
    let (mut node, shelf) = (Node::start(), Shelf::default());
    let old = shelf.prober("1.0.0", |_| {}, &[("v1", b"old".to_vec())]);
    let new = shelf.prober("2.0.0", |_| {}, &[]);
    node.install(&old);
    keep_data(&node);
    let home = node.home().root().to_owned();
    let ids = node.process_ids();
    for (moment, is_there) in &signs(&home, &new) {
        node.install(&old);
        // That the zip is kept has to be news.
        std::fs::remove_dir_all(home.join(format!("vfs/app-store:sys/downloads/{PROBER}"))).unwrap();
        std::thread::scope(|scope| {
            let install = scope.spawn(|| node.try_install(&new, &["--yes"]).code);
            eventually(moment, || (is_there() || install.is_finished()).then_some(()));
            node.signal_kill();
        });
        node.kill_9();
        node.start_again();
        let version = node.version(PROBER).expect("a version is installed");
        assert!(version == "1.0.0" || version == "2.0.0", "{version}");
        assert_eq!(unpacked(&node), version, "killed when {moment}");
        assert_eq!(node.process_ids(), ids, "killed when {moment}");
        assert_runs(&node, &version);
        assert_data_is_kept(&node);
    }
    // What the last of them left does not stand in the way.
    node.install(&old);
    node.install(&new);
    node.wharf(&["rollback", PROBER, "--yes"]).ok();
    assert_runs(&node, "1.0.0");
}

/// What is on disk of a package, by name.
fn on_disk(node: &Node) -> Vec<String> {
    let home = node.home();
    let places = [home.vfs(), home.kv(), home.sqlite(), home.vfs().join("app-store:sys/downloads")];
    let is_there = |place: &std::path::PathBuf| place.join(PROBER).exists();
    places.iter().filter(|place| is_there(place)).map(|place| place.display().to_string()).collect()
}

#[test]
fn uninstalling_leaves_the_data_and_purging_leaves_nothing() {
    let (mut node, shelf) = (Node::start(), Shelf::default());
    let zip = shelf.prober("1.0.0", |_| {}, &[]);
    let before = node.process_ids();
    node.install(&zip);
    keep_data(&node);
    node.run(A, json!([{ "Spawn": { "name": "child", "path": WASM, "on_exit": "Restart", "public": true } }]));
    node.run("child:prober:test.os", json!([{ "SetState": "the child's" }]));
    node.wharf(&["uninstall", PROBER, "--yes"]).ok();
    assert_eq!((node.installed(PROBER), node.process_ids()), (None, before.clone()));
    node.install(&zip);
    assert_data_is_kept(&node);

    let asked = node.wharf(&["uninstall", PROBER, "--purge"]).failed(5);
    assert!(asked.contains("everything that it stored is removed"), "{asked}");
    assert_data_is_kept(&node);
    let every = json!({ "Every": { "id": "daily", "cron": "@daily" } });
    node.last(A, json!([{ "Await": { "to": "timer:distro:sys", "body": every, "expects": 60 } }]));
    node.wharf(&["uninstall", PROBER, "--purge", "--yes"]).ok();
    assert_eq!((node.installed(PROBER), node.process_ids()), (None, before.clone()));
    assert_eq!(on_disk(&node), Vec::<String>::new());
    node.restart();
    assert_eq!((on_disk(&node), node.process_ids()), (Vec::new(), before));

    node.install(&zip);
    assert_eq!(node.last(A, json!(["GetState"])), Value::Null, "saved state is gone");
    assert_eq!(Db::new(&node, A, "kv", "kept").answer(json!("Open")), "Ok");
    assert_eq!(Db::new(&node, A, "kv", "kept").get("key"), None);
    node.run(A, json!([{ "Spawn": { "name": "child", "path": WASM, "on_exit": "Restart", "public": true } }]));
    assert_eq!(node.last("child:prober:test.os", json!(["GetState"])), Value::Null, "that of children too");
    let timers = node.last(A, json!([{ "Await": { "to": "timer:distro:sys", "body": "\"List\"", "expects": 60 } }]));
    assert!(!timers.to_string().contains("daily"), "{timers}");
}

#[test]
fn a_purge_cut_off_by_kill_9_is_done_after_the_restart() {
    let (mut node, shelf) = (Node::start(), Shelf::default());
    let (zip, before) = (shelf.prober("1.0.0", |_| {}, &[]), node.process_ids());
    let vfs = node.home().vfs();
    for (moment, place) in [
        ("its code is gone", vfs.join(PROBER).join("pkg")),
        ("its drives are gone", vfs.join(PROBER)),
        ("its zips are gone", vfs.join("app-store:sys/downloads").join(PROBER)),
    ] {
        node.install(&zip);
        keep_data(&node);
        std::thread::scope(|scope| {
            let purge = scope.spawn(|| node.wharf(&["uninstall", PROBER, "--purge", "--yes"]).code);
            eventually(moment, || (!place.exists() || purge.is_finished()).then_some(()));
            node.signal_kill();
        });
        node.kill_9();
        node.start_again();
        assert_eq!((node.installed(PROBER), node.process_ids()), (None, before.clone()), "killed when {moment}");
        assert_eq!(on_disk(&node), Vec::<String>::new(), "killed when {moment}");
    }
}

#[test]
fn what_an_uninstall_left_can_be_purged_later_and_neighbours_keep_theirs() {
    let (node, shelf) = (Node::with_prober(), Shelf::default());
    keep_data(&node);
    let near = shelf.put("prober:test.os.x", "near", &package_of("prober:test.os.x", &wasm(SMALLEST)));
    node.try_install(&near, &["--yes"]).ok();
    node.wharf(&["uninstall", "prober:test.os.x", "--purge", "--yes"]).ok();
    assert_data_is_kept(&node);
    node.wharf(&["uninstall", PROBER, "--yes"]).ok();
    assert!(!on_disk(&node).is_empty());
    node.wharf(&["uninstall", PROBER, "--purge", "--yes"]).ok();
    assert_eq!(on_disk(&node), Vec::<String>::new());
    node.wharf(&["uninstall", PROBER, "--purge", "--yes"]).ok();
}

#[test]
fn a_package_that_asks_for_everything_is_told_so_and_needs_consent() {
    let (node, shelf) = (Node::start(), Shelf::default());
    let modules = ["kernel", "vfs", "kv", "sqlite", "state", "net", "http-server", "http-client", "timer"];
    let root = |module: &&str| json!({ "process": format!("{module}:distro:sys"), "params": { "root": true } });
    let mut wanted: Vec<Value> = modules.iter().map(root).collect();
    wanted.extend(modules.iter().map(|module| json!(format!("{module}:distro:sys"))));
    wanted.extend([json!("main:app-store:sys"), json!("terminal:terminal:sys")]);
    let mut manifest = manifest();
    manifest[0]["request_capabilities"] = json!(wanted);
    manifest[0]["request_networking"] = json!(true);
    let bytes = zip(&[
        Entry::file("manifest.json", manifest.to_string()),
        Entry::file("metadata.json", metadata("greedy:test.os").to_string()),
        Entry::file("scripts.json", r#"{"main.wasm":{"root":true,"public":true,"request_networking":true}}"#),
        Entry::file("main.wasm", wasm(SMALLEST)),
    ]);
    let path = shelf.put("greedy:test.os", "greedy", &bytes);
    let refused = node.try_install(&path, &[]).failed(5);
    for words in [
        "! may do everything on this node",
        "! may read and change the files of every package on this node",
        "! may read and change the databases of every package on this node",
        "! may read and change what every process on this node saved",
        "! may act in the name of this node towards others",
        "! may install and remove packages on this node",
        "! gets every right that the terminal has",
        "* may use the network",
    ] {
        assert!(refused.contains(words), "{words} is not in: {refused}");
    }
    let marks: Vec<char> =
        lines(&refused).iter().filter_map(|line| line.chars().next()).filter(|c| "!*".contains(*c)).collect();
    let of_main: Vec<char> = marks[..marks.iter().rposition(|mark| *mark == '!').unwrap()].to_vec();
    assert!(of_main.is_sorted(), "what reaches furthest comes first: {refused}");
    assert_eq!(node.installed("greedy:test.os"), None);
    node.assert_serves();
}

#[test]
fn a_package_that_pretends_to_be_of_the_node_is_refused_by_the_node() {
    let node = Node::start();
    let (before, ids) = (node.wharf(&["list", "--json"]).ok(), node.process_ids());
    for package in ["distro:sys", "app-store:sys", "terminal:sys", "tester:sys", "distro:test.os", "kernel:sys"] {
        let (name, publisher) = package.split_once(':').unwrap();
        let shelf = Shelf::default();
        let bytes = package_of(package, &wasm(SMALLEST));
        let refused = node.try_install(&shelf.put(package, "x", &bytes), &["--yes"]).failed(1);
        assert!(refused.contains("part of the node"), "{package}: {refused}");
        // The same without `wharf`.
        let id = json!({ "package_name": name, "publisher_node": publisher });
        let new = json!({ "NewPackage": { "package_id": id, "mirror": true } }).to_string();
        let kept = node.send("main:app-store:sys", &new, Some(&bytes), 60).unwrap();
        assert_eq!(kept.json(), json!({ "NewPackageResponse": "InstallFailed" }), "{package}");
        let install = json!({ "Install": { "package_id": id, "version_hash": wharf_tests::packages::hash(&bytes), "metadata": null } });
        assert_eq!(
            node.ask("main:app-store:sys", &install).json(),
            json!({ "InstallResponse": "Failure" }),
            "{package}"
        );
        for request in ["Uninstall", "Purge", "Rollback"] {
            let answer = node.ask("main:app-store:sys", &json!({ request: id }));
            assert!(answer.failure().is_some(), "{request} {package}: {}", answer.text());
        }
    }
    assert_eq!((node.wharf(&["list", "--json"]).ok(), node.process_ids()), (before, ids));
    assert!(node.process(HERMIT).is_none());
}
