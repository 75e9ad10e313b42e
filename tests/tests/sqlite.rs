//! Pins `sqlite:distro:sys` as guests know it, and what they cannot do with it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use serde_json::{Value, json};
use wharf_tests::databases::{Db, probers};
use wharf_tests::prober::{A, B, capability};
use wharf_tests::{Node, authority, paths};

fn db<'a>(node: &'a Node, name: &str) -> Db<'a> {
    let db = Db::new(node, A, "sqlite", name);
    db.done(json!("Open"));
    db
}

fn with_table(node: &Node) -> Db<'_> {
    let db = db(node, "db");
    assert_eq!(db.write("CREATE TABLE t (a, b)", &json!([])), "Ok");
    assert_eq!(db.write("INSERT INTO t VALUES (?1, ?2)", &json!([1, "one"])), "Ok");
    db
}

fn err(error: Value) -> Value {
    json!({ "Err": error })
}

fn refused(answer: &Value) -> &str {
    answer["Err"]["RusqliteError"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

#[test]
fn each_action_has_the_answer_that_guests_know() {
    let node = Node::with_prober();
    let db = with_table(&node);
    assert_eq!(db.query("SELECT * FROM t WHERE a = ?1", &json!([1])), json!([{ "a": 1, "b": "one" }]));
    assert_eq!(db.answer(json!({ "Query": "DELETE FROM t" })), err(json!("NotAReadKeyword")));
    let write = |statement: &str| db.answer(json!({ "Write": { "statement": statement, "tx_id": null } }));
    assert_eq!(write("SELECT 1"), err(json!("NotAWriteKeyword")));
    assert_eq!(db.write("INSERT INTO t VALUES (?1, ?2)", &json!([[1], 2])), err(json!("InvalidParameters")));
    assert_eq!(db.write("INSERT INTO t VALUES (?1, ?2)", &json!({})), err(json!("InvalidParameters")));
    refused(&write("INSERT INTO nothing VALUES (1)"));
    let tx_id = db.begin();
    let insert = json!({ "Write": { "statement": "INSERT INTO t VALUES (2, 'two')", "tx_id": tx_id } });
    assert_eq!(db.answer(insert.clone()), "Ok");
    assert_eq!(db.query("SELECT count(*) AS n FROM t", &json!([])), json!([{ "n": 1 }]));
    assert_eq!(db.answer(json!({ "Commit": { "tx_id": tx_id } })), "Ok");
    assert_eq!(db.query("SELECT count(*) AS n FROM t", &json!([])), json!([{ "n": 2 }]));
    // In the reference, a transaction that nobody began is one.
    assert_eq!(db.answer(insert), err(json!({ "NoTx": tx_id })));
    assert_eq!(db.answer(json!({ "Commit": { "tx_id": 77 } })), err(json!({ "NoTx": 77 })));
    db.done(json!("RemoveDb"));
    assert_eq!(db.answer(json!({ "Query": "SELECT 1" })), err(json!({ "NoDb": [probers(), "db"] })));
    assert_eq!(db.answer(json!({ "Query": 7 })), err(json!("MalformedRequest")));
}

#[test]
fn parameters_and_rows_are_as_guests_know_them() {
    let node = Node::with_prober();
    let db = db(&node, "db");
    let params = json!([null, true, -7, 1.5, "abcd", "plain text", { "text": "abcd" }, { "bytes": "AQI=" }]);
    let kinds = "SELECT typeof(?1) AS a, typeof(?2) AS b, typeof(?3) AS c, typeof(?4) AS d, typeof(?5) AS e, typeof(?6) AS f, \
        typeof(?7) AS g, typeof(?8) AS h";
    let expected = json!([{ "a": "null", "b": "integer", "c": "integer", "d": "real", "e": "blob", "f": "text", "g": "text",
        "h": "blob" }]);
    assert_eq!(db.query(kinds, &params), expected);
    let back = "SELECT ?1 AS a, ?2 AS b, ?3 AS c, ?4 AS d, ?5 AS e, ?6 AS f, ?7 AS g, ?8 AS h";
    let expected =
        json!([{ "a": null, "b": 1, "c": -7, "d": 1.5, "e": "abcd", "f": "plain text", "g": "abcd", "h": "AQI=" }]);
    assert_eq!(db.query(back, &params), expected);
    let typed =
        json!({ "QueryTyped": { "statement": "SELECT ?5 AS x, ?7 AS x, ?1, ?2, ?3, ?4, ?6, ?8", "tx_id": null } });
    let (body, blob) = db.ask(&typed, Some(&params.to_string()));
    assert_eq!(body["Rows"]["columns"][0], body["Rows"]["columns"][1]);
    let rows: Value = serde_json::from_str(blob.as_str().unwrap()).unwrap();
    assert_eq!(rows, json!([[{ "bytes": "abcd" }, "abcd", null, 1, -7, 1.5, "plain text", { "bytes": "AQI=" }]]));
}

/// C5: in the reference, a number that JSON cannot say ends the node.
#[test]
fn c5_a_number_that_json_cannot_say() {
    let node = Node::with_prober();
    let db = db(&node, "db");
    let found = db.query("SELECT 9e999 AS up, -9e999 AS down, 9e999 - 9e999 AS none", &json!([]));
    assert_eq!(found, json!([{ "up": "inf", "down": "-inf", "none": null }]));
    node.assert_serves();
}

/// S8: the reference asks for the capability and ignores the answer.
#[test]
fn s8_what_takes_a_capability_is_refused_without_it() {
    let node = Node::with_prober();
    let a = with_table(&node);
    let b = a.by(B);
    for (action, error) in [
        (json!({ "Query": "SELECT * FROM t" }), "NoReadCap"),
        (json!({ "QueryTyped": { "statement": "SELECT * FROM t", "tx_id": null } }), "NoReadCap"),
        (json!({ "Write": { "statement": "DELETE FROM t", "tx_id": null } }), "NoWriteCap"),
        (json!("BeginTx"), "NoWriteCap"),
        (json!({ "Commit": { "tx_id": 1 } }), "NoWriteCap"),
        (json!({ "Rollback": { "tx_id": 1 } }), "NoWriteCap"),
        (json!("Backup"), "NoReadCap"),
    ] {
        assert_eq!(b.answer(action.clone()), err(json!(error)), "{action}");
        let elsewhere = Db { name: "not-there".to_owned(), ..b.clone() };
        assert_eq!(elsewhere.answer(action), err(json!(error)), "nothing is made, and nothing told");
    }
    let read = capability("sqlite:distro:sys", &json!({ "kind": "read", "db_key": [probers(), "db"] }).to_string());
    authority::hand_over(&node, A, B, &[read]);
    assert_eq!(b.query("SELECT a FROM t", &json!([])), json!([{ "a": 1 }]));
    assert_eq!(b.write("DELETE FROM t", &json!([])), err(json!("NoWriteCap")));
    let others = Db {
        package: json!({ "package_name": "app-store", "publisher_node": "sys" }),
        ..Db::new(&node, A, "sqlite", "db")
    };
    for action in [json!("Open"), json!("RemoveDb"), json!("RemoveAll")] {
        assert_eq!(others.answer(action), err(json!("MismatchingPackageId")));
    }
    assert_eq!(a.query("SELECT a FROM t", &json!([])), json!([{ "a": 1 }]));
}

/// S9: in the reference a query may attach any file of the host, and write.
#[test]
fn s9_statements_reach_nothing_but_their_database() {
    let node = Node::with_prober();
    let db = with_table(&node);
    let kernel = node.home().kernel_db().display().to_string();
    for query in [
        &format!("ATTACH '{kernel}' AS k"),
        "WITH x AS (SELECT 1) DELETE FROM t",
        "WITH x AS (SELECT 1) INSERT INTO t SELECT 1, 2",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA writable_schema = 1",
        "PRAGMA database_list",
        "SELECT load_extension('x')",
        "SELECT 1; DELETE FROM t",
    ] {
        refused(&db.answer(json!({ "Query": query })));
    }
    let copy = node.home().root().join("copy.db");
    for statement in [
        &format!("VACUUM INTO '{}'", copy.display()),
        "COMMIT",
        "ROLLBACK",
        "SAVEPOINT task",
        "RELEASE task",
        "DETACH main",
        "CREATE TEMP TABLE x (a)",
        "INSERT INTO t VALUES (5, 5); DELETE FROM t",
    ] {
        refused(&db.write(statement, &json!([])));
    }
    assert!(!copy.exists());
    assert_eq!(db.query("SELECT a FROM t", &json!([])), json!([{ "a": 1 }]));
    assert_eq!(db.write("VACUUM", &json!([])), "Ok");
}

#[test]
fn what_takes_too_long_is_interrupted_and_holds_up_nobody() {
    let settings = "[packages.\"prober:test.os\".sqlite_limits]\nstatement_ms_max = 100\nrows_max = 5\n";
    let node = Node::builder().settings(settings).start();
    node.install(&paths::test_package("prober:test.os"));
    let db = with_table(&node);
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT";
    let answer = db.answer(json!({ "Query": format!("{endless} count(*) FROM n") }));
    assert!(refused(&answer).contains("100 ms"), "{answer}");
    let answer = db.write(&format!("INSERT INTO t {endless} i, i FROM n"), &json!([]));
    assert!(refused(&answer).contains("100 ms"), "{answer}");
    let answer = db.answer(json!({ "Query": format!("{endless} i FROM n LIMIT 6") }));
    assert!(refused(&answer).contains('5'), "{answer}");
    assert_eq!(db.query("SELECT count(*) AS n FROM t", &json!([])), json!([{ "n": 1 }]));
}

#[test]
fn transactions_are_of_one_process_and_database_and_all_or_nothing() {
    let node = Node::with_prober();
    let a = with_table(&node);
    let b = a.by(B);
    b.done(json!("Open"));
    let tx_id = a.begin();
    let write = |statement: &str| json!({ "Write": { "statement": statement, "tx_id": tx_id } });
    assert_eq!(b.answer(write("DELETE FROM t")), err(json!({ "NoTx": tx_id })));
    assert_eq!(a.answer(write("INSERT INTO t VALUES (2, 'two')")), "Ok");
    let seen = json!({ "QueryTyped": { "statement": "SELECT a FROM t ORDER BY a", "tx_id": tx_id } });
    assert_eq!(a.ask(&seen, None).1, "[[1],[2]]");
    assert_eq!(a.answer(write("INSERT INTO nothing VALUES (1)")), "Ok");
    refused(&a.answer(json!({ "Commit": { "tx_id": tx_id } })));
    assert_eq!(a.answer(json!({ "Commit": { "tx_id": tx_id } })), err(json!({ "NoTx": tx_id })));
    let tx_id = a.begin();
    node.start_steps(A, json!([{ "Panic": "on purpose" }]));
    node.wait_for_restarts(A, 1);
    assert_eq!(a.answer(json!({ "Rollback": { "tx_id": tx_id } })), err(json!({ "NoTx": tx_id })));
    assert_eq!(b.query("SELECT a FROM t", &json!([])), json!([{ "a": 1 }]));
}

#[test]
fn a_full_disk_is_an_error_and_the_node_goes_on() {
    // No file of the daemon becomes larger than 24 MiB.
    let node = Node::builder().shell(r#"trap "" XFSZ; ulimit -f 24576; exec "$@""#).start();
    node.install(&paths::test_package("prober:test.os"));
    let (sql, kv) = (with_table(&node), Db::new(&node, A, "kv", "db"));
    kv.done(json!("Open"));
    let fill = "INSERT INTO t VALUES (2, zeroblob(20000000))";
    let outcomes: Vec<Value> = (0..3).map(|_| sql.write(fill, &json!([]))).collect();
    assert!(outcomes.iter().any(|outcome| outcome != "Ok"), "{outcomes:?}");
    let kept = outcomes.iter().filter(|outcome| **outcome == "Ok").count();
    assert_eq!(sql.query("SELECT count(*) AS n FROM t WHERE a = 2", &json!([])), json!([{ "n": kept }]));
    let value = "x".repeat(9_000_000);
    // What is committed may lie in the file, and as much again in its log.
    let outcomes: Vec<Value> = (0..8).map(|n| kv.set(&n.to_string(), &value)).collect();
    assert!(outcomes.iter().any(|outcome| outcome != "Ok"));
    for (n, outcome) in outcomes.iter().enumerate().filter(|(_, outcome)| **outcome == "Ok") {
        assert_eq!(kv.get(&n.to_string()).map(|value| value.len()), Some(9_000_000), "{outcome}");
    }
    node.assert_serves();
}

#[test]
fn people_use_it_from_the_command_line() {
    let node = Node::with_prober();
    with_table(&node);
    let sql = |statement: &str| node.wharf(&["sql", "prober:test.os", "db", statement]);
    assert_eq!(sql("SELECT * FROM t").ok(), "a  b\n1  one\n");
    assert_eq!(sql("INSERT INTO t VALUES (NULL, x'00ff')").ok(), "done\n");
    assert_eq!(sql("SELECT a, b FROM t ORDER BY a").ok(), "   a  b\nNULL  AP8=\n   1  one\n");
    let json = node.wharf(&["--json", "sql", "prober:test.os", "db", "SELECT count(*) AS n FROM t"]).ok();
    assert_eq!(json, "{\"columns\":[\"n\"],\"rows\":[[2]]}\n");
    assert!(sql("SELECT missing").failed(1).contains("no such column"));
    assert!(node.wharf(&["sql", "prober:test.os", "x", "SELECT 1"]).failed(1).contains("no database"));
}
