//! Pins what an acknowledgement is worth when the disk fails at any one moment, is full, or loses power: what was
//! acknowledged is there, nothing is there in half, and the node goes on.
//!
//! `WHARF_POWER_LOSSES` sets how often the power is lost, `WHARF_SEED` begins the same sequence of moments again.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use wharf_tests::faulty_disk::{EIO, ENOSPC, FaultyDisk};
use wharf_tests::pairs::{Kept, Pair, Written};
use wharf_tests::{Node, paths};

/// Operations of the disk that writing all pairs once takes, at least.
const OPERATIONS_MIN: u64 = 12;

/// A node on a faulty disk with pairs to write: to fast databases, safe ones, and the kernel.
struct Fixture {
    node: Node,
    disk: FaultyDisk,
    pairs: [Pair; 5],
    _folder: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        let disk = FaultyDisk::under(&home);
        let node = Node::builder().home(&home).shell(disk.shell()).start();
        node.install(&paths::test_package("prober:test.os"));
        let pairs = [
            Pair::new("kv", "fast"),
            Pair::new("kv", "safe"),
            Pair::new("sqlite", "fast"),
            Pair::new("sqlite", "safe"),
            Pair::new("kernel", "safe"),
        ];
        for pair in &pairs {
            pair.open(&node, if pair.db == "safe" { "power" } else { "process" });
        }
        Self { node, disk, pairs, _folder: folder }
    }

    fn check(&self, after: &str) {
        for pair in &self.pairs {
            pair.check(&self.node, Kept::Acknowledged, after);
        }
    }

    /// Everything works again, at once and without starting anew.
    fn goes_on(&self, after: &str) {
        self.check(after);
        for pair in &self.pairs {
            assert_eq!(pair.write(&self.node), Written::Done, "{} {} after {after}", pair.module, pair.db);
        }
    }
}

#[test]
fn whatever_fails_once_is_not_acknowledged_and_nothing_is_half() {
    let mut fixture = Fixture::new();
    for before in 0.. {
        let after = format!("operation {before} failed");
        fixture.disk.fail_once(before, EIO);
        let written: Vec<_> = fixture.pairs.iter().map(|pair| pair.write(&fixture.node)).collect();
        let failed = fixture.disk.mend();
        assert!(!written.contains(&Written::Gone), "{after}, and the node ended: {written:?}");
        fixture.goes_on(&after);
        if before % 8 == 0 {
            fixture.node.kill_9();
            fixture.node.start_again();
            fixture.check(&after);
        }
        if failed == 0 {
            assert!(before >= OPERATIONS_MIN, "only {before} operations can fail");
            assert!(written.iter().all(|written| *written == Written::Done), "nothing failed: {written:?}");
            return;
        }
    }
}

#[test]
fn a_full_disk_refuses_and_is_written_again_when_there_is_room() {
    let mut fixture = Fixture::new();
    for before in 0..OPERATIONS_MIN {
        fixture.disk.fail(before, ENOSPC);
        for pair in &fixture.pairs {
            let written = pair.write(&fixture.node);
            assert_ne!(written, Written::Gone, "{} {} on a full disk", pair.module, pair.db);
        }
        assert_ne!(fixture.disk.mend(), 0);
        fixture.goes_on("a full disk");
    }
    fixture.node.restart();
    fixture.check("a full disk and a start");
}

#[test]
fn what_was_acknowledged_for_power_survives_its_loss_and_the_rest_is_whole() {
    let setting = |name, default| std::env::var(name).map_or(default, |text| text.parse().expect("a number"));
    let (losses, seed): (u64, u64) = (setting("WHARF_POWER_LOSSES", 25), setting("WHARF_SEED", 1));
    println!("WHARF_POWER_LOSSES={losses} WHARF_SEED={seed}");
    let mut fixture = Fixture::new();
    for loss in 0..losses {
        // Every operation of the first rounds, and then moments later in a longer run.
        fixture.disk.lose_power(loss, seed.wrapping_mul(1_000).wrapping_add(loss));
        std::thread::scope(|scope| {
            for pair in &fixture.pairs {
                scope.spawn(|| pair.write_until_it_is_gone(&fixture.node));
            }
        });
        fixture.node.lost_power();
        fixture.disk.mend();
        fixture.node.start_again();
        for pair in &fixture.pairs {
            let kept = if pair.db == "fast" { Kept::Whole } else { Kept::Acknowledged };
            pair.check(&fixture.node, kept, &format!("loss {loss} of power"));
        }
    }
}
