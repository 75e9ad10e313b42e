//! Pins the limits that take a real guest: each is named after the setting that it is about.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use serde_json::json;
use wharf_tests::prober::{A, B, address};
use wharf_tests::{Node, eventually, paths};

fn node(settings: &str) -> Node {
    let node = Node::builder().settings(settings).start();
    node.install(&paths::test_package("prober:test.os"));
    node
}

#[test]
fn memory_bytes_max_of_one_package() {
    let node = node("[packages.\"prober:test.os\".runtime]\nmemory_bytes_max = 67108864\n");
    assert_eq!(node.run(A, json!([{ "Allocate": 128 }, { "Allocate": 16 }])), [false, true]);
}

#[test]
fn memory_bytes_max_of_another_package_is_not_mine() {
    let node = node("[packages.\"other:test.os\".runtime]\nmemory_bytes_max = 67108864\n");
    assert_eq!(node.run(A, json!([{ "Allocate": 128 }])), [true]);
}

#[test]
fn host_call_bytes_max() {
    let node = node("[packages.\"prober:test.os\".runtime]\nhost_call_bytes_max = 65536\n");
    assert_eq!(node.last(A, json!(["Our"])), address(A));
    node.start_steps(A, json!([{ "Send": { "to": B, "body": "x".repeat(40_000), "blob": "x".repeat(40_000) } }]));
    node.wait_for_restarts(A, 1);
    assert!(node.process(A).unwrap().last_exit.unwrap().contains("hostcalls"));
    assert_eq!(node.process(B).unwrap().restarts, 0);
}

#[test]
fn stderr_bytes_max() {
    let node = node("[runtime]\nstderr_bytes_max = 40\n");
    let text = format!("{}the end", "x".repeat(500));
    node.start_steps(A, json!([{ "Panic": text }]));
    node.wait_for_restarts(A, 1);
    let wharf_types::kernel::Exit::Trapped(crash) = node.process(A).unwrap().exit.unwrap().exit else { panic!() };
    assert!(crash.stderr.len() <= 40 && !crash.stderr.is_empty(), "{crash:?}");
}

#[test]
fn cpu_burst_ms_max() {
    let node = node("[packages.\"prober:test.os\".runtime]\ncpu_burst_ms_max = 200\n");
    // Many short turns are not one long one.
    for _ in 0..10 {
        node.run(A, json!([{ "Compute": 40 }]));
    }
    assert_eq!(node.process(A).unwrap().restarts, 0);
    node.start_steps(A, json!(["Spin"]));
    node.wait_for_restarts(A, 1);
    assert!(node.process(A).unwrap().last_exit.unwrap().contains("out of cpu"));
}

#[test]
fn printed_bytes_per_s_max() {
    let node = node("[packages.\"prober:test.os\".limits]\nprinted_bytes_per_s_max = 1000\n");
    let line = |n: usize| json!({ "Print": { "verbosity": 0, "text": format!("line {n} {}", "z".repeat(90)) } });
    node.run(A, json!((0..500).map(line).collect::<Vec<_>>()));
    node.run(B, json!([{ "Print": { "verbosity": 0, "text": "another process" } }]));
    node.wait_for_log(&[A, "lines that it printed were dropped", "missed"]);
    node.wait_for_log(&[B, "another process"]);
    let printed = node.log().lines().filter(|line| line.contains("zzz")).count();
    assert!((9..400).contains(&printed), "{printed}");
    // It may print again once it has been quiet.
    eventually("it prints again", || {
        node.run(A, json!([{ "Print": { "verbosity": 0, "text": "quiet again" } }]));
        node.log().contains("quiet again").then_some(())
    });
}

#[test]
fn notices_per_s_max() {
    let node = node("[limits]\nnotices_per_s_max = 5\n");
    node.run(A, json!([{ "Flood": { "count": 2_000, "to": "nobody:nobody:test.os", "body": "x" } }]));
    node.wait_for_log(&[A, "than the log takes", "missed"]);
    let notices = node.log().lines().filter(|line| line.contains("nobody:nobody:test.os")).count();
    assert!((5..1_000).contains(&notices), "{notices}");
}

#[test]
fn timers_per_process_max() {
    let node = node("[packages.\"prober:test.os\".limits]\ntimers_per_process_max = 2\n");
    let timer = json!({ "Send": { "to": "timer:distro:sys", "body": { "SetTimer": 600_000 }, "expects": 700 } });
    node.run(A, json!([timer, timer, timer]));
    node.wait_for_log(&[A, "a timer was not set"]);
    node.run(B, json!([timer]));
    assert!(!node.log().lines().any(|line| line.contains(B) && line.contains("a timer was not set")));
}

#[test]
fn children_max() {
    let node = node("[packages.\"prober:test.os\".limits]\nchildren_max = 2\n");
    let spawn = json!({ "Spawn": { "path": "/prober:test.os/pkg/prober.wasm", "on_exit": "None" } });
    let outcomes = node.run(A, json!([spawn, spawn, spawn]));
    let started: Vec<_> = outcomes.iter().filter_map(|outcome| outcome["child"].as_str()).collect();
    assert_eq!(started.len(), 2, "{outcomes:?}");
    node.wait_for_log(&[A, "2 children already"]);
    node.wharf(&["kill", started[0]]).ok();
    assert!(node.last(A, json!([spawn])).get("child").is_some());
}

#[test]
fn children_max_is_also_over_the_children_of_earlier_boots() {
    let mut node = node("[packages.\"prober:test.os\".limits]\nchildren_max = 2\n");
    let spawn = |name: &str| json!({ "Spawn": { "name": name, "path": "/prober:test.os/pkg/prober.wasm", "on_exit": "Restart" } });
    // By name, the first comes before its parent, the second after it.
    node.run(A, json!([spawn("a-child"), spawn("z-child")]));
    for _ in 0..2 {
        node.restart();
        assert!(node.last(A, json!([spawn("another")])).get("child").is_none());
    }
    node.wharf(&["kill", "a-child:prober:test.os"]).ok();
    assert!(node.last(A, json!([spawn("another")])).get("child").is_some());
    assert!(node.last(A, json!([spawn("one-more")])).get("child").is_none());
}

#[test]
fn package_processes_max() {
    let node = node("[packages.\"prober:test.os\".limits]\npackage_processes_max = 6\n");
    let spawn = json!({ "Spawn": { "path": "/prober:test.os/pkg/prober.wasm", "on_exit": "None" } });
    let outcomes = node.run(A, json!([spawn, spawn, spawn, spawn]));
    assert_eq!(outcomes.iter().filter(|outcome| outcome.get("child").is_some()).count(), 2, "{outcomes:?}");
    node.install(&paths::package("echo:wharf.os"));
    assert_eq!(node.wharf(&["send", "echo", "x"]).ok(), "x\n");
}

#[test]
fn settings_of_a_package_that_do_not_exist_are_refused_by_name() {
    for (settings, named) in [
        ("[packages.\"prober:test.os\".limits]\nmailbox = 1\n", "mailbox"),
        ("[packages.\"prober:test.os\".runtime]\ncompilations_max = 1\n", "compilations_max"),
        ("[packages.\"prober:test.os\".wishes]\nx = 1\n", "wishes"),
    ] {
        let output = Node::builder().settings(settings).fail();
        assert_eq!(output.status.code(), Some(6), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(named), "{output:?}");
    }
}
