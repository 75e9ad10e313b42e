//! Pins `kv:distro:sys` as guests know it, and what its databases survive.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};
use wharf_tests::databases::{Db, probers};
use wharf_tests::prober::{A, B, capability};
use wharf_tests::{Node, authority, eventually, paths};

fn db<'a>(node: &'a Node, name: &str) -> Db<'a> {
    let db = Db::new(node, A, "kv", name);
    db.done(json!("Open"));
    db
}

fn err(error: Value) -> Value {
    json!({ "Err": error })
}

#[test]
fn each_action_has_the_answer_that_guests_know() {
    let node = Node::with_prober();
    let db = Db::new(&node, A, "kv", "db");
    let no_db = err(json!({ "NoDb": [probers(), "db"] }));
    // Whoever may not even read learns nothing of what there is.
    assert_eq!(db.answer(json!({ "Get": [1] })), err(json!("NoReadCap")));
    db.done(json!("Open"));
    db.done(json!("Open"));
    assert_eq!(db.answer(json!({ "Get": [1] })), err(json!("KeyNotFound")));
    let set = json!({ "Set": { "key": [1], "tx_id": null } });
    assert_eq!(db.answer(set.clone()), err(json!("MalformedRequest")), "a value is needed");
    assert_eq!(db.ask(&set, Some("one")).0, "Ok");
    assert_eq!(db.ask(&json!({ "Get": [1] }), None), (json!({ "Get": [1] }), json!("one")));
    db.done(json!({ "Delete": { "key": [1], "tx_id": null } }));
    db.done(json!({ "Delete": { "key": [1], "tx_id": null } }));
    assert_eq!(db.answer(json!({ "Get": [1] })), err(json!("KeyNotFound")));
    let tx_id = db.begin();
    assert_eq!(db.ask(&json!({ "Set": { "key": [2], "tx_id": tx_id } }), Some("two")).0, "Ok");
    assert_eq!(db.answer(json!({ "Get": [2] })), err(json!("KeyNotFound")));
    db.done(json!({ "Commit": { "tx_id": tx_id } }));
    assert_eq!(db.ask(&json!({ "Get": [2] }), None).1, "two");
    assert_eq!(db.answer(json!({ "Commit": { "tx_id": tx_id } })), err(json!({ "NoTx": tx_id })));
    assert_eq!(db.answer(json!({ "Delete": { "key": [2], "tx_id": 999 } })), err(json!({ "NoTx": 999 })));
    db.done(json!("RemoveDb"));
    assert_eq!(db.answer(json!({ "Get": [2] })), no_db);
    assert_eq!(db.answer(json!("BeginTx")), no_db);
    assert_eq!(db.answer(json!("Nonsense")), err(json!("MalformedRequest")));
    db.done(json!("Open"));
    assert_eq!(db.answer(json!({ "Get": [2] })), err(json!("KeyNotFound")));
}

#[test]
fn answers_echo_metadata_and_come_where_they_are_expected() {
    let node = Node::with_prober();
    let db = db(&node, "db");
    let send = |action: Value, metadata: &str, expects: Option<u64>| {
        let body = json!({ "package_id": probers(), "db": "db", "action": action });
        json!({ "Send": { "to": "kv:distro:sys", "body": body, "metadata": metadata, "expects": expects } })
    };
    let told = node.last(
        db.by,
        json!([send(json!("Open"), "silent", None), send(json!({ "Get": [9] }), "told", Some(600)), "Receive"]),
    );
    // Requests of one process are handled in order, so the first was answered before.
    assert_eq!((&told["metadata"], &told["body"]), (&json!("told"), &json!(r#"{"Err":"KeyNotFound"}"#)), "{told}");
}

#[test]
fn capabilities_are_for_the_process_that_opens() {
    let node = Node::with_prober();
    let a = db(&node, "db");
    a.set("key", "value");
    let b = a.by(B);
    // Of the same package, and still without a capability of its own.
    assert_eq!(b.answer(json!({ "Get": [1] })), err(json!("NoReadCap")));
    for (action, error) in [
        (json!({ "Scan": {} }), "NoReadCap"),
        (json!({ "Delete": { "key": [1], "tx_id": null } }), "NoWriteCap"),
        (json!("BeginTx"), "NoWriteCap"),
        (json!({ "Commit": { "tx_id": 1 } }), "NoWriteCap"),
        (json!({ "Rollback": { "tx_id": 1 } }), "NoWriteCap"),
        (json!({ "GetInTx": { "key": [1], "tx_id": 1 } }), "NoWriteCap"),
        (json!({ "CompareAndSet": { "key": [1], "expected": null } }), "NoWriteCap"),
        (json!({ "Batch": [] }), "NoWriteCap"),
        (json!("Backup"), "NoReadCap"),
    ] {
        assert_eq!(b.answer(action.clone()), err(json!(error)), "{action}");
    }
    let read = capability("kv:distro:sys", &json!({ "kind": "read", "db_key": [probers(), "db"] }).to_string());
    authority::hand_over(&node, A, B, &[read]);
    assert_eq!(b.get("key").as_deref(), Some("value"));
    assert_eq!(b.set("key", "other"), err(json!("NoWriteCap")));
    b.done(json!("Open"));
    assert_eq!(b.set("key", "other"), "Ok");
    // Even the one that opened it cannot have the node write files of the host.
    assert_eq!(a.answer(json!("Backup")), err(json!("NoReadCap")));
}

#[test]
fn a_database_of_another_package_is_not_opened_or_removed() {
    let node = Node::with_prober();
    let others = Db {
        package: json!({ "package_name": "app-store", "publisher_node": "sys" }),
        ..Db::new(&node, A, "kv", "db")
    };
    for action in
        [json!("Open"), json!("RemoveDb"), json!("RemoveAll"), json!({ "OpenWith": { "durability": "power" } })]
    {
        assert_eq!(others.answer(action), err(json!("MismatchingPackageId")));
    }
    assert!(!node.home().kv().join("app-store:sys").exists());
}

/// S10: in the reference, a name may lead to any folder of the host, which is then removed.
#[test]
fn s10_names_do_not_lead_out_of_the_home() {
    let node = Node::with_prober();
    let victim = node.home().root().join("victim");
    std::fs::create_dir(&victim).unwrap();
    let absolute = victim.to_str().unwrap().to_owned();
    let long = "x".repeat(200);
    for module in ["kv", "sqlite"] {
        for name in ["../../victim", &absolute, "..", ".", "", "a/b", "a\\b", "a\u{0}b", &long] {
            for action in ["Open", "RemoveDb", "RemoveAll"] {
                let answer = Db::new(&node, A, module, name).answer(json!(action));
                assert_eq!(answer, err(json!("MalformedRequest")), "{module} {name:?} {action}");
            }
        }
        let sneaky = json!({ "package_name": "../victim", "publisher_node": "test.os" });
        let db = Db { package: sneaky, ..Db::new(&node, A, module, "db") };
        assert_eq!(db.answer(json!("Open")), err(json!("MalformedRequest")));
        Db::new(&node, A, module, "good").done(json!("Open"));
    }
    assert!(victim.is_dir());
    let folder = node.home().kv().join("prober:test.os");
    let names: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["good"]);
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder.join("good")), mode(&folder.join("good/good.db"))), (0o700, 0o600));
}

/// C6: in the reference, closing one to open another can end the node.
#[test]
fn c6_more_databases_than_may_be_open() {
    let node = Node::builder().settings("[database_limits]\nopen_max = 1\n").start();
    node.install(&paths::test_package("prober:test.os"));
    for module in ["kv", "sqlite"] {
        let all: Vec<_> = (0..4).map(|n| Db::new(&node, A, module, &format!("db{n}"))).collect();
        let steps = |action: Value| Value::from(all.iter().map(|db| db.step(&action, Some("[]"))).collect::<Vec<_>>());
        for action in [json!("Open"), json!("BeginTx"), json!("Open")] {
            for outcome in node.run(A, steps(action)) {
                assert_eq!(outcome["kind"], "response", "{outcome}");
                assert!(!outcome["body"].as_str().unwrap().contains("Err"), "{outcome}");
            }
        }
    }
    let kv = Db::new(&node, A, "kv", "db0");
    kv.set("a", "1");
    Db::new(&node, A, "kv", "db1").set("a", "2");
    assert_eq!(kv.get("a").as_deref(), Some("1"));
}

#[test]
fn transactions_are_of_one_process_and_one_database_and_end_with_it() {
    let node = Node::with_prober();
    let a = db(&node, "db");
    let other = db(&node, "other");
    let b = a.by(B);
    b.done(json!("Open"));
    let tx_id = a.begin();
    let no_tx = err(json!({ "NoTx": tx_id }));
    let set = json!({ "Set": { "key": [1], "tx_id": tx_id } });
    assert_eq!(a.ask(&set, Some("x")).0, "Ok");
    for stranger in [&b, &other] {
        assert_eq!(stranger.ask(&set, Some("y")).0, no_tx);
        assert_eq!(stranger.answer(json!({ "Commit": { "tx_id": tx_id } })), no_tx);
        assert_eq!(stranger.answer(json!({ "Rollback": { "tx_id": tx_id } })), no_tx);
        assert_eq!(stranger.answer(json!({ "GetInTx": { "key": [1], "tx_id": tx_id } })), no_tx);
    }
    assert_eq!(a.ask(&json!({ "GetInTx": { "key": [1], "tx_id": tx_id } }), None).1, "x");
    // The successor of a process is another one.
    node.start_steps(A, json!([{ "Panic": "on purpose" }]));
    node.wait_for_restarts(A, 1);
    assert_eq!(a.answer(json!({ "Commit": { "tx_id": tx_id } })), no_tx);
    assert_eq!(a.answer(json!({ "Get": [1] })), err(json!("KeyNotFound")));
    // And so is that of a database.
    let tx_id = a.begin();
    a.done(json!("RemoveDb"));
    a.done(json!("Open"));
    assert_eq!(a.answer(json!({ "Commit": { "tx_id": tx_id } })), err(json!({ "NoTx": tx_id })));
}

#[test]
fn transactions_are_bounded_and_expire() {
    let settings = "[database_limits]\nprocess_transactions_max = 2\ntransaction_bytes_max = 1000\n\
        [packages.\"other:test.os\".database_limits]\ntransaction_ms_max = 1\n";
    let node = Node::builder().settings(settings).start();
    node.install(&paths::test_package("prober:test.os"));
    let db = db(&node, "db");
    let (first, _second) = (db.begin(), db.begin());
    let refused = db.answer(json!("BeginTx"));
    assert!(refused["Err"]["RocksDBError"].as_str().unwrap().contains('2'), "{refused}");
    let set = json!({ "Set": { "key": [1], "tx_id": first } });
    let refused = db.ask(&set, Some(&"x".repeat(2_000))).0;
    assert!(refused["Err"]["RocksDBError"].as_str().unwrap().contains("1000"), "{refused}");
    db.done(json!({ "Rollback": { "tx_id": first } }));
    db.begin();

    let node = Node::builder().settings("[database_limits]\ntransaction_ms_max = 1\n").start();
    node.install(&paths::test_package("prober:test.os"));
    let db = Db::new(&node, A, "kv", "db");
    db.done(json!("Open"));
    let tx_id = db.begin();
    let commit = json!({ "Rollback": { "tx_id": tx_id } });
    let set = json!({ "Set": { "key": [1], "tx_id": tx_id } });
    eventually("it is forgotten", || (db.ask(&set, Some("x")).0 == err(json!({ "NoTx": tx_id }))).then_some(()));
    assert_eq!(db.answer(commit), err(json!({ "NoTx": tx_id })));
}

#[test]
fn the_guest_library_and_the_published_one_use_all_of_it() {
    let node = Node::with_prober();
    assert_eq!(node.run(A, json!(["UseKv", "UseSqlite"])), [Value::Null, Value::Null]);
    node.install(&paths::test_package("kinode-lib:test.os"));
    for use_it in ["UseKv", "UseSqlite"] {
        assert_eq!(node.ask("main:kinode-lib:test.os", &json!(use_it)).json(), json!("Ok"), "{use_it}");
    }
}

#[test]
fn it_is_kept_over_restarts_and_reinstallation() {
    let mut node = Node::with_prober();
    let with_power = |node: &Node| {
        let db = Db::new(node, A, "kv", "power");
        db.done(json!({ "OpenWith": { "durability": "power" } }));
        db.set("a", "durable");
    };
    with_power(&node);
    db(&node, "db").set("a", "1");
    node.restart();
    let check = |node: &Node| {
        for (name, value) in [("db", "1"), ("power", "durable")] {
            assert_eq!(db(node, name).get("a").as_deref(), Some(value));
        }
    };
    check(&node);
    node.kill_9();
    node.start_again();
    check(&node);
    node.wharf(&["uninstall", "prober:test.os", "--yes"]).ok();
    node.install(&paths::test_package("prober:test.os"));
    check(&node);
}

#[test]
fn a_damaged_database_is_the_trouble_of_those_who_use_it() {
    let mut node = Node::with_prober();
    for name in ["good", "header", "pages"] {
        let db = db(&node, name);
        for n in 0..20 {
            assert_eq!(db.set(&format!("key {n}"), &"x".repeat(1_000)), "Ok");
        }
    }
    node.stop();
    let file = |name: &str| node.home().kv().join(format!("prober:test.os/{name}/{name}.db"));
    let mut bytes = std::fs::read(file("pages")).unwrap();
    bytes[4_096..].fill(0x5a);
    std::fs::write(file("pages"), bytes).unwrap();
    std::fs::write(file("header"), "not a database at all").unwrap();
    node.start_again();
    for name in ["header", "pages"] {
        let answer = Db::new(&node, A, "kv", name).answer(json!({ "Get": "key 7".as_bytes() }));
        let told = answer["Err"]["RocksDBError"].as_str().unwrap_or_else(|| panic!("{name}: {answer}"));
        assert!(told.contains("damaged"), "{name}: {told}");
    }
    assert!(db(&node, "good").get("key 7").is_some());
    // A backup has the rest, and says what is missing.
    let folder = tempfile::tempdir().unwrap();
    let zip = folder.path().join("node.zip");
    let made: Value = serde_json::from_str(&node.wharf(&["backup", zip.to_str().unwrap(), "--json"]).ok()).unwrap();
    let left_out: Vec<_> = made["left_out"].as_array().unwrap().iter().map(|what| what.as_str().unwrap()).collect();
    assert_eq!(left_out.len(), 2, "{left_out:?}");
    assert!(left_out[0].starts_with("kv/prober:test.os/header/header.db: "), "{left_out:?}");
}

#[test]
fn a_full_database_is_an_error_and_the_node_goes_on() {
    let settings = "[packages.\"prober:test.os\".database_limits]\ndatabase_bytes_max = 200000\npackage_databases_max = 2\n\
        [kv_limits]\nkey_bytes_max = 100\nvalue_bytes_max = 50000\n";
    let node = Node::builder().settings(settings).start();
    node.install(&paths::test_package("prober:test.os"));
    let db = db(&node, "db");
    let value = "x".repeat(50_000);
    let outcomes: Vec<Value> = (0..10).map(|n| db.set(&n.to_string(), &value)).collect();
    let fitted = outcomes.iter().filter(|outcome| **outcome == "Ok").count();
    assert!((1..10).contains(&fitted), "{outcomes:?}");
    assert!(outcomes[fitted]["Err"]["RocksDBError"].as_str().unwrap().contains("full"), "{outcomes:?}");
    for n in 0..fitted {
        assert_eq!(db.get(&n.to_string()).as_deref(), Some(&*value));
    }
    db.done(json!({ "Delete": { "key": b"0", "tx_id": null } }));
    assert_eq!(db.set("small", "fits again"), "Ok");
    for (key, value) in [(&*"k".repeat(101), "x"), ("k", &*"x".repeat(50_001))] {
        assert!(db.set(key, value)["Err"]["RocksDBError"].is_string());
    }
    Db::new(&node, A, "kv", "second").done(json!("Open"));
    let refused = Db::new(&node, A, "kv", "third").answer(json!("Open"));
    assert!(refused["Err"]["RocksDBError"].as_str().unwrap().contains('2'), "{refused}");
}

#[test]
fn scans_go_on_where_they_ended() {
    let node = Node::builder().settings("[kv_limits]\nscan_entries_max = 3\n").start();
    node.install(&paths::test_package("prober:test.os"));
    let db = db(&node, "db");
    let changes: Vec<_> = (0..8).map(|n| json!({ "Set": { "key": [7, n], "bytes": 1 } })).collect();
    assert_eq!(db.ask(&json!({ "Batch": changes }), Some("abcdefgh")).0, "Ok");
    let too_short = json!({ "Batch": [{ "Set": { "key": [1], "bytes": 5 } }] });
    assert_eq!(db.ask(&too_short, Some("abc")).0, err(json!("MalformedRequest")));
    let (mut from, mut values) = (Value::Null, String::new());
    loop {
        let scan = json!({ "Scan": { "prefix": [7], "from": from, "limit": null, "order": "Ascending" } });
        let (body, blob) = db.ask(&scan, None);
        values += blob.as_str().unwrap();
        from = body["Scan"]["next"].clone();
        if from.is_null() {
            break;
        }
    }
    assert_eq!(values, "abcdefgh");
    let cas = |expected: Value, value: &str| {
        db.ask(&json!({ "CompareAndSet": { "key": [9], "expected": expected } }), Some(value)).0
    };
    assert_eq!(cas(Value::Null, "1"), "Ok");
    assert_eq!(cas(Value::Null, "2"), err(json!("NotAsExpected")));
    assert_eq!(cas(json!(b"1"), "2"), "Ok");
}

#[test]
fn people_use_it_from_the_command_line() {
    let node = Node::with_prober();
    let db = db(&node, "db");
    db.set("a", "1");
    let kv = |args: &[&str]| node.wharf(&[&["kv"], args].concat());
    assert_eq!(kv(&["get", "prober:test.os", "db", "a"]).ok(), "1");
    kv(&["set", "prober:test.os", "db", "b", "-2"]).ok();
    assert_eq!(db.get("b").as_deref(), Some("-2"));
    let set = kv(&["set", "prober:test.os", "db", "00ff", "bytes", "--hex", "--json"]).ok();
    assert_eq!(set, "{\"bytes\":5,\"key\":{\"hex\":\"00ff\"}}\n");
    let listed = kv(&["scan", "prober:test.os", "db"]).ok();
    assert_eq!(listed, "KEY     BYTES  VALUE\n0x00ff      5  bytes\na           1  1\nb           2  -2\n");
    let listed = kv(&["scan", "prober:test.os", "db", "--reverse", "--limit", "1", "--json"]).ok();
    assert_eq!(listed, "[{\"key\":\"b\",\"value\":\"-2\"}]\n");
    assert!(kv(&["get", "prober:test.os", "db", "c"]).failed(1).contains("no such key"));
    assert!(kv(&["get", "prober:test.os", "nothing", "c"]).failed(1).contains("no database"));
    assert!(kv(&["get", "prober:test.os", "../x", "c"]).failed(1).contains("slash"));
    let help = kv(&["--help"]).ok();
    assert!(help.contains("wharf kv scan chess:sys"), "{help}");
}

/// Many processes change one counter; nothing of it is lost.
#[test]
fn transactions_of_many_processes_do_not_undo_each_other() {
    let node = Node::with_prober();
    let db = db(&node, "db");
    db.set("n", "0");
    db.by(B).done(json!("Open"));
    let add = |by: &'static str| {
        let db = db.by(by);
        let mut added = 0;
        while added < 20 {
            let tx_id = db.begin();
            let n = db.ask(&json!({ "GetInTx": { "key": b"n", "tx_id": tx_id } }), None).1;
            let next = n.as_str().unwrap().parse::<u64>().unwrap() + 1;
            db.ask(&json!({ "Set": { "key": b"n", "tx_id": tx_id } }), Some(&next.to_string()));
            match db.answer(json!({ "Commit": { "tx_id": tx_id } })) {
                done if done == "Ok" => added += 1,
                conflict => assert_eq!(conflict, err(json!("TxConflict"))),
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| add(A));
        scope.spawn(|| add(B));
    });
    assert_eq!(db.get("n").as_deref(), Some("40"));
}
