//! Pins what an acknowledgement of a database is worth: a node under load is killed without warning, again and again, and
//! what it acknowledged is there, and nothing is there in half. And that backups have all of it.
//!
//! `WHARF_DATABASE_KILLS` sets how often it is killed, `WHARF_SEED` begins the same sequence of moments again.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use wharf_tests::databases::{Db, probers};
use wharf_tests::prober::{A, B};
use wharf_tests::{Node, eventually, paths};

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// Small and repeatable (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// One who writes numbers, one after the other; each number twice, which must not be told apart.
struct Writer {
    module: &'static str,
    db: &'static str,
    /// The last number that was acknowledged.
    acknowledged: AtomicU64,
}

impl Writer {
    fn new(module: &'static str, db: &'static str) -> Self {
        Self { module, db, acknowledged: AtomicU64::new(0) }
    }

    /// The request that writes a number, with its blob.
    fn request(&self, n: u64) -> (Value, String) {
        let action = if self.module == "kv" {
            let key = |half: &str| json!({ "Set": { "key": half.as_bytes(), "bytes": n.to_string().len() } });
            (json!({ "Batch": [key("left"), key("right")] }), format!("{n}{n}"))
        } else {
            let statement = "UPDATE pair SET left = ?1, right = ?1";
            (json!({ "Write": { "statement": statement, "tx_id": null } }), json!([n]).to_string())
        };
        (json!({ "package_id": probers(), "db": self.db, "action": action.0 }), action.1)
    }

    /// Writes until the node is gone. In the owner's name: no guest is in between who could be slow to see it.
    fn write(&self, node: &Node) {
        loop {
            let n = self.acknowledged.load(Ordering::SeqCst) + 1;
            let (body, blob) = self.request(n);
            let message = json!({
                "process": format!("{}:distro:sys", self.module),
                "expects_response": 30,
                "body": body.to_string(),
                "data": BASE64_STANDARD.encode(blob),
            });
            let Ok(response) = node.rpc(&message).send() else { return };
            let Ok(bytes) = response.bytes() else { return };
            let Ok(reply) = serde_json::from_slice::<Value>(&bytes) else { return };
            let body: Vec<u8> = serde_json::from_value(reply["body"].clone()).unwrap_or_default();
            assert_eq!(String::from_utf8(body).unwrap(), "\"Ok\"", "{n}: {reply}");
            self.acknowledged.store(n, Ordering::SeqCst);
        }
    }

    fn open(&self, node: &Node, durability: &str) {
        let db = Db::new(node, A, self.module, self.db);
        db.done(json!({ "OpenWith": { "durability": durability } }));
        if self.module == "sqlite" {
            assert_eq!(db.write("CREATE TABLE pair (left, right)", &json!([])), "Ok");
            assert_eq!(db.write("INSERT INTO pair VALUES (0, 0)", &json!([])), "Ok");
        } else {
            assert_eq!((db.set("left", "0"), db.set("right", "0")), (json!("Ok"), json!("Ok")));
        }
    }

    /// What is there has to be what was acknowledged, or what was under way; and whole.
    fn check(&self, node: &Node, round: u64) {
        let db = Db::new(node, A, self.module, self.db);
        let (left, right): (u64, u64) = if self.module == "kv" {
            let number = |key: &str| db.get(key).unwrap().parse().unwrap();
            (number("left"), number("right"))
        } else {
            let rows = db.query("SELECT left, right FROM pair", &json!([]));
            (rows[0]["left"].as_u64().unwrap(), rows[0]["right"].as_u64().unwrap())
        };
        let acknowledged = self.acknowledged.load(Ordering::SeqCst);
        let what = format!("{} {} after kill {round}", self.module, self.db);
        assert_eq!(left, right, "{what}: half of a change is there");
        assert!(
            left == acknowledged || left == acknowledged + 1,
            "{what}: {left}, and {acknowledged} was acknowledged"
        );
        self.acknowledged.store(left, Ordering::SeqCst);
    }
}

#[test]
fn what_was_acknowledged_survives_kills_and_nothing_is_half() {
    let (kills, seed) = (setting("WHARF_DATABASE_KILLS", 40), setting("WHARF_SEED", 1));
    println!("WHARF_DATABASE_KILLS={kills} WHARF_SEED={seed}");
    let mut random = Random(seed);
    let mut node = Node::with_prober();
    let writers = [
        Writer::new("kv", "fast"),
        Writer::new("kv", "safe"),
        Writer::new("sqlite", "fast"),
        Writer::new("sqlite", "safe"),
    ];
    for writer in &writers {
        writer.open(&node, if writer.db == "safe" { "power" } else { "process" });
    }
    for round in 1..=kills {
        let (enough, later) = (random.below(20), Duration::from_micros(random.below(3_000)));
        let before: u64 = writers.iter().map(|writer| writer.acknowledged.load(Ordering::SeqCst)).sum();
        std::thread::scope(|scope| {
            for writer in &writers {
                scope.spawn(|| writer.write(&node));
            }
            eventually("enough was acknowledged", || {
                let now: u64 = writers.iter().map(|writer| writer.acknowledged.load(Ordering::SeqCst)).sum();
                (now >= before + enough).then_some(())
            });
            // Not to wait for anything: so that it is killed at any moment, and not always after an answer.
            std::thread::sleep(later);
            node.signal_kill();
        });
        node.kill_9();
        node.start_again();
        for writer in &writers {
            writer.check(&node, round);
        }
    }
}

#[test]
fn a_backup_has_every_database_as_it_was_at_one_moment() {
    let node = Node::with_prober();
    let writers = [Writer::new("kv", "under load"), Writer::new("sqlite", "under load")];
    for writer in &writers {
        writer.open(&node, "process");
    }
    let (kv, sql) = (Db::new(&node, A, "kv", "quiet"), Db::new(&node, B, "sqlite", "quiet"));
    kv.done(json!("Open"));
    kv.set("key", "kept");
    sql.done(json!("Open"));
    assert_eq!(sql.write("CREATE TABLE t (a)", &json!([])), "Ok");
    let folder = tempfile::tempdir().unwrap();
    let (zip, home) = (folder.path().join("node.zip"), folder.path().join("home"));
    let at_least = std::thread::scope(|scope| {
        let made = scope.spawn(|| {
            eventually("there is something to copy", || {
                writers.iter().all(|writer| writer.acknowledged.load(Ordering::SeqCst) > 10).then_some(())
            });
            let at_least = writers.each_ref().map(|writer| writer.acknowledged.load(Ordering::SeqCst));
            let made = node.wharf(&["backup", zip.to_str().unwrap(), "--json"]).ok();
            let made: Value = serde_json::from_str(&made).unwrap();
            assert_eq!(made["left_out"], json!([]));
            // Whoever writes ends with the node.
            node.signal_kill();
            at_least
        });
        for writer in &writers {
            scope.spawn(|| writer.write(&node));
        }
        made.join().unwrap()
    });
    let left = std::fs::read_dir(node.home().run_dir()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(left.into_iter().all(|name| !name.to_string_lossy().contains("copy")), "nothing is left in the home");
    let restore = ["--home", home.to_str().unwrap(), "restore", zip.to_str().unwrap(), "--yes"];
    let restored = std::process::Command::new(paths::binary("wharf")).args(restore).output().unwrap();
    assert!(restored.status.success(), "{restored:?}");
    let restored = Node::builder().home(&home).start();
    for (writer, at_least) in writers.iter().zip(at_least) {
        let now = writer.acknowledged.load(Ordering::SeqCst);
        let db = Db::new(&restored, A, writer.module, writer.db);
        let (left, right) = if writer.module == "kv" {
            (db.get("left").unwrap(), db.get("right").unwrap())
        } else {
            let rows = db.query("SELECT left, right FROM pair", &json!([]));
            (rows[0]["left"].to_string(), rows[0]["right"].to_string())
        };
        assert_eq!(left, right, "half of a change is in the backup");
        let number: u64 = left.parse().unwrap();
        assert!((at_least..=now + 1).contains(&number), "{number} is not between {at_least} and {now}");
    }
    assert_eq!(Db::new(&restored, A, "kv", "quiet").get("key").as_deref(), Some("kept"));
    assert_eq!(Db::new(&restored, B, "sqlite", "quiet").query("SELECT * FROM t", &json!([])), json!([]));
}
