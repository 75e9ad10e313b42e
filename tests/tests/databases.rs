//! Pins what an acknowledgement of a database is worth: a node under load is killed without warning, again and again, and
//! what it acknowledged is there, and nothing is there in half. And that backups have all of it.
//!
//! `WHARF_DATABASE_KILLS` sets how often it is killed, `WHARF_SEED` begins the same sequence of moments again.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use std::time::Duration;

use serde_json::{Value, json};
use wharf_tests::databases::Db;
use wharf_tests::pairs::{Kept, Pair};
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

#[test]
fn what_was_acknowledged_survives_kills_and_nothing_is_half() {
    let (kills, seed) = (setting("WHARF_DATABASE_KILLS", 40), setting("WHARF_SEED", 1));
    println!("WHARF_DATABASE_KILLS={kills} WHARF_SEED={seed}");
    let mut random = Random(seed);
    let mut node = Node::with_prober();
    let pairs =
        [Pair::new("kv", "fast"), Pair::new("kv", "safe"), Pair::new("sqlite", "fast"), Pair::new("sqlite", "safe")];
    for pair in &pairs {
        pair.open(&node, if pair.db == "safe" { "power" } else { "process" });
    }
    for round in 1..=kills {
        let (enough, later) = (random.below(20), Duration::from_micros(random.below(3_000)));
        let before: u64 = pairs.iter().map(|pair| pair.acknowledged()).sum();
        std::thread::scope(|scope| {
            for pair in &pairs {
                scope.spawn(|| pair.write_until_it_is_gone(&node));
            }
            eventually("enough was acknowledged", || {
                let now: u64 = pairs.iter().map(|pair| pair.acknowledged()).sum();
                (now >= before + enough).then_some(())
            });
            // Not to wait for anything: so that it is killed at any moment, and not always after an answer.
            std::thread::sleep(later);
            node.signal_kill();
        });
        node.kill_9();
        node.start_again();
        for pair in &pairs {
            pair.check(&node, Kept::Acknowledged, &format!("kill {round}"));
        }
    }
}

#[test]
fn a_backup_has_every_database_as_it_was_at_one_moment() {
    let node = Node::with_prober();
    let pairs = [Pair::new("kv", "under load"), Pair::new("sqlite", "under load")];
    for pair in &pairs {
        pair.open(&node, "process");
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
                pairs.iter().all(|pair| pair.acknowledged() > 10).then_some(())
            });
            let at_least = pairs.each_ref().map(|pair| pair.acknowledged());
            let made = node.wharf(&["backup", zip.to_str().unwrap(), "--json"]).ok();
            let made: Value = serde_json::from_str(&made).unwrap();
            assert_eq!(made["left_out"], json!([]));
            // Whoever writes ends with the node.
            node.signal_kill();
            at_least
        });
        for pair in &pairs {
            scope.spawn(|| pair.write_until_it_is_gone(&node));
        }
        made.join().unwrap()
    });
    let left = std::fs::read_dir(node.home().run_dir()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(left.into_iter().all(|name| !name.to_string_lossy().contains("copy")), "nothing is left in the home");
    let restore = ["--home", home.to_str().unwrap(), "restore", zip.to_str().unwrap(), "--yes"];
    let restored = std::process::Command::new(paths::binary("wharf")).args(restore).output().unwrap();
    assert!(restored.status.success(), "{restored:?}");
    let restored = Node::builder().home(&home).start();
    for (pair, at_least) in pairs.iter().zip(at_least) {
        let now = pair.acknowledged();
        let db = Db::new(&restored, A, pair.module, pair.db);
        let (left, right) = if pair.module == "kv" {
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
