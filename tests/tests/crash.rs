//! Pins what survives: a daemon killed without warning at the worst moments comes back with everything it acknowledged,
//! and a guest that spins, traps, eats memory or keeps ending hurts only itself.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::{Value, json};
use wharf_tests::packages::{Entry, SMALLEST, manifest, metadata, package_of, read_entry, wasm, zip};
use wharf_tests::prober::{A, B, C, HERMIT, WASM, address, messaging, program, silently};
use wharf_tests::{Node, eventually, paths};
use wharf_types::kernel::{KernelCommand, KernelResponse, ProcessPhase};

const COUNTER: &str = "counter:counter:wharf.os";

/// Everyone's capabilities, as text that can be compared.
fn authority(node: &Node) -> Vec<String> {
    let all = node.ask("kernel:distro:sys", &json!({ "Debug": "ProcessMap" })).json();
    let map = all["Debug"]["ProcessMap"].as_object().unwrap();
    let mut lines: Vec<_> = map
        .iter()
        .flat_map(|(id, process)| {
            process["capabilities"].as_array().unwrap().iter().map(move |held| format!("{id} {held}"))
        })
        .collect();
    lines.sort();
    lines
}

#[test]
fn what_a_process_saved_survives_kill_9_at_any_moment() {
    let mut node = Node::with_prober();
    let mut last_kept = 0;
    for round in 0..5 {
        let (acknowledged, stop) = (AtomicU64::new(last_kept), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for n in last_kept + 1.. {
                    let body = program(json!([{ "SetState": n.to_string() }])).to_string();
                    let message = json!({ "process": A, "expects_response": 30, "body": body });
                    let sent = node.try_send(&message);
                    if stop.load(Ordering::SeqCst) || !sent {
                        return;
                    }
                    acknowledged.store(n, Ordering::SeqCst);
                }
            });
            // Messages fly and fill mailboxes meanwhile.
            let ping = json!({ "Flood": { "count": 200, "to": C, "body": "x" } });
            node.start_steps(B, json!([ping]));
            let enough = last_kept + 20 + round * 7;
            eventually("enough was saved", || (acknowledged.load(Ordering::SeqCst) >= enough).then_some(()));
            node.signal_kill();
            stop.store(true, Ordering::SeqCst);
        });
        node.kill_9();
        node.start_again();
        let state = node.last(A, json!(["GetState"]));
        let state: u64 = state.as_str().unwrap().parse().unwrap();
        assert!(state >= acknowledged.load(Ordering::SeqCst), "{state} is older than what was acknowledged");
        last_kept = state;
    }
}

#[test]
fn what_was_acknowledged_survives_a_stop_in_the_middle_of_writes() {
    let mut node = Node::with_prober();
    let mut last_kept = 0;
    for round in 0..3 {
        let acknowledged = AtomicU64::new(last_kept);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for n in last_kept + 1.. {
                    let body = program(json!([{ "SetState": n.to_string() }])).to_string();
                    if !node.try_send(&json!({ "process": A, "expects_response": 30, "body": body })) {
                        return;
                    }
                    acknowledged.store(n, Ordering::SeqCst);
                }
            });
            let enough = last_kept + 20 + round * 7;
            eventually("enough was saved", || (acknowledged.load(Ordering::SeqCst) >= enough).then_some(()));
            node.signal_terminate();
        });
        // It ends by itself, with 0.
        node.stop();
        assert!(!node.home().root().join("kernel.db-wal").exists(), "the log was not moved into the file");
        node.start_again();
        let state: u64 = node.last(A, json!(["GetState"])).as_str().unwrap().parse().unwrap();
        assert!(state >= acknowledged.load(Ordering::SeqCst), "{state} is older than what was acknowledged");
        last_kept = state;
    }
}

#[test]
fn processes_and_capabilities_survive_kill_9_in_the_middle_of_traffic() {
    let mut node = Node::with_prober();
    let (ids, held) = (node.process_ids(), authority(&node));
    for _ in 0..3 {
        let flood = |to: &str| json!([{ "Flood": { "count": 5000, "to": to, "expects": 60, "body": "x" } }]);
        for (from, to) in [(A, B), (B, A), (C, HERMIT)] {
            // Who is being flooded already takes it once there is room again.
            let message = json!({ "process": from, "body": silently(flood(to)).to_string() });
            eventually(&format!("{from} floods {to}"), || node.try_send(&message).then_some(()));
        }
        node.kill_9();
        node.start_again();
        assert_eq!(node.process_ids(), ids);
        assert_eq!(authority(&node), held);
        assert_eq!(
            node.last(A, json!([{ "Await": { "to": B, "body": program(json!(["Our"])) } }]))["source"],
            address(B)
        );
    }
}

#[test]
fn an_install_cut_off_by_kill_9_is_whole_or_gone() {
    let mut node = Node::with_prober();
    let zip = paths::package("counter:wharf.os");
    let zip = zip.to_str().unwrap();
    let (ids, held) = (node.process_ids(), authority(&node));
    let vfs = node.home().vfs();
    let drive = vfs.join("counter:wharf.os/pkg");
    let moments = [
        ("it was given the zip", vfs.join("app-store:sys/downloads/counter:wharf.os")),
        ("the package has a drive", drive.clone()),
        ("files are unpacked", drive.join("manifest.json")),
        ("its zip is there", drive.join("counter:wharf.os.zip")),
    ];
    for (moment, sign) in &moments {
        std::thread::scope(|scope| {
            let install = scope.spawn(|| node.wharf(&["install", "--yes", zip]).code);
            eventually(moment, || (sign.exists() || install.is_finished()).then_some(()));
            node.signal_kill();
        });
        node.kill_9();
        node.start_again();
        let list: Value = serde_json::from_str(&node.wharf(&["list", "--json"]).ok()).unwrap();
        let listed = list.as_array().unwrap().iter().any(|package| package["package_id"]["package_name"] == "counter");
        if listed {
            eventually(&format!("it serves, killed when {moment}"), || {
                (node.get(&format!("/{COUNTER}/api")).0 == 200).then_some(())
            });
            node.wharf(&["uninstall", "--yes", "counter:wharf.os"]).ok();
        } else {
            assert!(!drive.join("manifest.json").exists(), "files are left, killed when {moment}");
        }
        assert_eq!(node.process_ids(), ids, "killed when {moment}");
        assert_eq!(authority(&node), held, "killed when {moment}");
        std::fs::remove_dir_all(vfs.join("app-store:sys/downloads/counter:wharf.os")).unwrap();
        std::fs::remove_dir_all(vfs.join("counter:wharf.os")).ok();
    }
    node.wharf(&["install", "--yes", zip]).ok();
}

#[test]
fn guests_that_spin_stop_nobody_and_are_killed() {
    let node = Node::with_prober();
    // More of them than there are threads to run them.
    let names: Vec<_> = (0..4).map(|n| format!("spinner-{n}")).collect();
    for name in &names {
        node.run(A, json!([{ "Spawn": { "name": name, "path": WASM, "on_exit": "Restart" } }]));
        node.start_steps(&format!("{name}:prober:test.os"), json!(["Spin"]));
    }
    for _ in 0..5 {
        assert_eq!(
            node.last(A, json!([{ "Await": { "to": B, "body": program(json!(["Our"])) } }]))["kind"],
            "response"
        );
    }
    for name in &names {
        node.wharf(&["kill", name]).ok();
        assert!(node.process(&format!("{name}:prober:test.os")).is_none());
    }
}

#[test]
fn a_guest_that_panics_says_why_in_the_log() {
    let node = Node::with_prober();
    node.start_steps(A, json!([{ "Panic": "the reason of the panic" }]));
    node.wait_for_restarts(A, 1);
    node.wait_for_log(&[A, "the reason of the panic", "ERROR"]);
    let logs = node.wharf(&["logs", "prober-a"]).ok();
    assert!(logs.contains("the reason of the panic"), "{logs}");
    let last_exit = node.process(A).unwrap().last_exit.unwrap();
    assert!(last_exit.contains("the reason of the panic"), "{last_exit}");
    assert_eq!(node.last(A, json!(["Our"])), address(A));
}

#[test]
fn a_guest_gets_no_more_memory_than_it_may_have() {
    let node = Node::builder().settings("[runtime]\nmemory_bytes_max = 67108864\n").start();
    node.install(&paths::test_package("prober:test.os"));
    assert_eq!(node.run(A, json!([{ "Allocate": 128 }, { "Allocate": 16 }, { "Allocate": 60 }])), [false, true, false]);
    assert_eq!(node.process(A).unwrap().restarts, 0);
}

#[test]
fn a_guest_that_recurses_without_end_is_ended_alone() {
    let node = Node::with_prober();
    node.start_steps(A, json!(["Recurse"]));
    node.wait_for_restarts(A, 1);
    assert_eq!(node.process(B).unwrap().restarts, 0);
    assert_eq!(node.last(A, json!(["Our"])), address(A));
}

#[test]
fn c1_bytes_that_are_no_component_never_take_the_node_down() {
    let node = Node::start();
    let id = "bad:bad:test.os";
    let new = KernelCommand::InitializeProcess {
        id: id.parse().unwrap(),
        wasm_bytes_handle: "/bad:test.os/pkg/bad.wasm".to_owned(),
        wit_version: Some(1),
        on_exit: wharf_types::OnExit::Restart,
        initial_capabilities: Vec::new(),
        public: false,
    };
    let trapping =
        wasm(&SMALLEST.replace(
            "(func (export \"init\") (param i32 i32))",
            "(func (export \"init\") (param i32 i32) unreachable)",
        ));
    for bytes in [&b""[..], b"x", b"\0asm\x0d\0\x01\0", &trapping[..trapping.len() / 2]] {
        let answer = node.kernel_with_blob(&new, Some(bytes));
        assert!(matches!(answer, KernelResponse::InitializeProcessError), "{answer:?}");
        assert!(node.process(id).is_none());
        assert!(matches!(
            node.kernel(&KernelCommand::RunProcess(id.parse().unwrap())),
            KernelResponse::RunProcessError
        ));
    }
    assert!(matches!(node.kernel_with_blob(&new, Some(&trapping)), KernelResponse::InitializedProcess));
    node.kernel(&KernelCommand::RunProcess(id.parse().unwrap()));
    eventually("it trapped again and again", || (node.process(id)?.restarts >= 3).then_some(()));
    assert!(node.process(id).unwrap().last_exit.unwrap().contains("unreachable"));
    node.wharf(&["kill", id]).ok();
    assert!(node.process(id).is_none());
}

#[test]
fn c1_a_component_that_is_damaged_on_disk_costs_its_own_processes_only() {
    let mut node = Node::with_prober();
    node.install(&paths::package("echo:wharf.os"));
    let held = authority(&node);
    node.stop();
    std::fs::write(node.home().vfs().join("prober:test.os/pkg/prober.wasm"), b"damaged").unwrap();
    node.start_again();
    let why = eventually("it failed to start", || node.process(A)?.last_exit);
    assert!(why.contains("prober.wasm"), "{why}");
    assert_eq!(node.wharf(&["send", "echo", "x"]).ok(), "x\n");
    assert_eq!(authority(&node), held, "they keep what they hold");
    node.install(&paths::test_package("prober:test.os"));
    assert_eq!(node.last(A, json!(["Our"])), address(A));
}

#[test]
fn a_damaged_component_of_the_nodes_own_packages_is_put_back_by_the_next_boot() {
    let mut node = Node::start();
    node.stop();
    let component = node.home().vfs().join("app-store:sys/pkg/app-store.wasm");
    let whole = std::fs::read(&component).unwrap();
    std::fs::write(&component, &whole[..whole.len() / 2]).unwrap();
    node.start_again();
    assert!(std::fs::read(&component).unwrap() == whole);
    node.install(&paths::package("echo:wharf.os"));
    assert_eq!(node.wharf(&["send", "echo", "x"]).ok(), "x\n");
}

#[test]
fn c3_a_process_that_asks_to_be_restarted_later_is() {
    let node = Node::with_prober();
    let child = "child:prober:test.os";
    node.run(A, json!([{ "Spawn": { "name": "child", "path": WASM, "on_exit": "None" } }]));
    assert_eq!(node.last(child, json!(["OnExit"])), "None");
    assert_eq!(node.last(child, json!([{ "SetOnExit": "Restart" }, "OnExit"])), "Restart");
    for times in 1..=2 {
        node.start_steps(child, json!(["Return"]));
        node.wait_for_restarts(child, times);
    }
    node.run(child, json!([{ "SetOnExit": "None" }]));
    node.start_steps(child, json!(["Return"]));
    eventually("it is gone", || node.process(child).is_none().then_some(()));
}

#[test]
fn a_process_that_ends_leaves_its_last_requests() {
    let node = Node::with_prober();
    let request =
        json!({ "inherit": false, "expects_response": null, "body": b"farewell", "metadata": "m", "capabilities": [] });
    let on_exit = json!({ "Requests": [[address(B), request, { "mime": null, "bytes": b"with a blob" }]] });
    let child = "child:prober:test.os";
    node.run(A, json!([{ "Spawn": { "name": "child", "path": WASM, "on_exit": on_exit } }]));
    node.start_steps(child, json!([{ "Panic": "the end" }]));
    eventually("it is gone", || node.process(child).is_none().then_some(()));
    let seen = node.seen(B);
    assert_eq!(seen.len(), 1);
    assert_eq!((&seen[0]["source"], &seen[0]["body"]), (&json!(address(child)), &json!("farewell")));
    assert_eq!((&seen[0]["blob"], &seen[0]["metadata"]), (&json!("with a blob"), &json!("m")));
}

#[test]
fn children_that_end_for_good_are_gone_after_a_restart_and_others_are_not() {
    let mut node = Node::with_prober();
    let spawn = |name: &str, on_exit: &str| json!({ "Spawn": { "name": name, "path": WASM, "on_exit": on_exit } });
    let steps = json!([spawn("mayfly", "None"), spawn("stayer", "Restart")]);
    node.run(A, steps);
    node.kill_9();
    node.start_again();
    assert!(node.process("mayfly:prober:test.os").is_none());
    assert!(node.process("stayer:prober:test.os").is_some());
    let stayer = "stayer:prober:test.os";
    assert!(node.holds(A, &messaging(stayer)) && node.holds(stayer, &messaging(A)));
}

#[test]
fn a_process_that_keeps_ending_waits_longer_each_time_and_can_be_removed() {
    let node = Node::start();
    let mut manifest = manifest();
    manifest[0]["on_exit"] = json!("Restart");
    let bytes = zip(&[
        Entry::file("manifest.json", manifest.to_string()),
        Entry::file("metadata.json", metadata("restless:test.os").to_string()),
        Entry::file("main.wasm", wasm(SMALLEST)),
    ]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("restless:test.os.zip");
    std::fs::write(&path, bytes).unwrap();
    node.install(&path);
    let id = "main:restless:test.os";
    eventually("it ended some times", || (node.process(id)?.restarts >= 3).then_some(()));
    eventually("it waits", || (node.process(id)?.phase == ProcessPhase::Restarting).then_some(()));
    node.wharf(&["uninstall", "--yes", "restless:test.os"]).ok();
    assert!(node.process(id).is_none());
}

#[test]
fn a_process_that_waits_to_start_again_is_not_forgotten_by_a_restart() {
    let mut node = Node::with_prober();
    for times in 1..=4 {
        node.start_steps(A, json!(["Return"]));
        eventually("it ended", || (node.process(A)?.last_exit.is_some()).then_some(()));
        if times < 4 {
            node.wait_for_restarts(A, times);
        }
    }
    node.restart();
    assert_eq!(node.last(A, json!(["Our"])), address(A));
}

#[test]
fn a_child_that_asks_to_be_restarted_later_survives_a_restart_of_the_node() {
    let mut node = Node::with_prober();
    let child = "child:prober:test.os";
    node.run(A, json!([{ "Spawn": { "name": "child", "path": WASM, "on_exit": "None", "public": true } }]));
    node.run(child, json!([{ "SetOnExit": "Restart" }]));
    node.restart();
    assert_eq!(node.last(child, json!(["Our", "OnExit"])), "Restart");
    assert!(node.holds(A, &messaging(child)));
}

#[test]
fn a_guest_that_spawns_without_end_comes_to_a_limit() {
    let node = Node::builder().settings("[limits]\nprocesses_max = 24\n").start();
    node.install(&paths::test_package("prober:test.os"));
    let steps: Vec<_> = (0..30).map(|_| json!({ "Spawn": { "path": WASM, "on_exit": "None" } })).collect();
    let outcomes = node.run(A, json!(steps));
    let started = outcomes.iter().filter(|outcome| outcome.get("child").is_some()).count();
    assert!((1..24).contains(&started), "{outcomes:?}");
    node.wait_for_log(&[A, "24", "most it may"]);
    let child = outcomes[0]["child"].as_str().unwrap();
    assert_eq!(node.last(child, json!(["Our"])), address(child), "random names are names");
    node.wharf(&["kill", child]).ok();
    assert!(node.last(A, json!([{ "Spawn": { "path": WASM, "on_exit": "None" } }])).get("child").is_some());
}

#[test]
fn a_process_that_returns_at_once_is_gone_and_its_package_stays_installed() {
    let mut node = Node::start();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("brief:test.os.zip");
    std::fs::write(&path, package_of("brief:test.os", &wasm(SMALLEST))).unwrap();
    node.install(&path);
    eventually("it is gone", || node.process("main:brief:test.os").is_none().then_some(()));
    node.restart();
    assert!(node.wharf(&["list"]).ok().contains("brief:test.os"));
    assert!(read_entry(&path, "main.wasm") == wasm(SMALLEST));
}
