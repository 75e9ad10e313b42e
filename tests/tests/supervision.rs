//! Pins how processes end and begin again: every reason is told apart and kept, every end goes through what was asked
//! for, and bad processes, all of them together, hold up nobody else.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use serde_json::{Value, json};
use wharf_tests::packages::{Entry, SMALLEST, manifest, metadata, wasm, zip};
use wharf_tests::prober::{A, B, C, WASM, address, program};
use wharf_tests::{Node, eventually, paths};
use wharf_types::OnExit;
use wharf_types::kernel::{Crash, EndedProcess, Exit, KernelCommand, KernelResponse, ProcessPhase};

fn id(name: &str) -> String {
    format!("{name}:prober:test.os")
}

fn spawn(node: &Node, name: &str, on_exit: &str) -> String {
    let spawned =
        node.last(A, json!([{ "Spawn": { "name": name, "path": WASM, "on_exit": on_exit, "public": true } }]));
    assert!(spawned.get("child").is_some(), "{spawned}");
    id(name)
}

fn ended(node: &Node) -> Vec<EndedProcess> {
    match node.kernel(&KernelCommand::Ended) {
        KernelResponse::Ended(ended) => ended,
        other => panic!("{other:?}"),
    }
}

/// How a process ended for good, once it has.
fn end_of(node: &Node, process: &str) -> Exit {
    eventually(&format!("{process} has ended"), || {
        ended(node).into_iter().find(|ended| ended.id.to_string() == process).map(|ended| ended.last.exit)
    })
}

/// Starts a process that asks for nothing, has it do `step`, and tells how it ended.
fn ends_with(node: &Node, name: &str, step: Value) -> Exit {
    let process = spawn(node, name, "None");
    node.start_steps(&process, json!([step]));
    end_of(node, &process)
}

/// Runs a component whose `init` does `body`, and tells how it ended for good.
fn runs(node: &Node, process: &str, body: &str, on_exit: OnExit) -> Exit {
    let from = "(func (export \"init\") (param i32 i32))";
    let init = format!("(func $init (export \"init\") (param i32 i32) local.get 0 local.get 1 {body})");
    create(node, process, &wasm(&SMALLEST.replace(from, &init)), on_exit);
    end_of(node, process)
}

fn create(node: &Node, process: &str, component: &[u8], on_exit: OnExit) {
    let new = KernelCommand::InitializeProcess {
        id: process.parse().unwrap(),
        wasm_bytes_handle: "/made:test.os/pkg/made.wasm".to_owned(),
        wit_version: Some(1),
        on_exit,
        initial_capabilities: Vec::new(),
        public: false,
    };
    let created = node.kernel_with_blob(&new, Some(component));
    assert!(matches!(created, KernelResponse::InitializedProcess), "{created:?}");
    node.kernel(&KernelCommand::RunProcess(process.parse().unwrap()));
}

#[test]
fn every_reason_to_end_is_told_apart_and_kept() {
    let settings = "[runtime]\nmemory_bytes_max = 67108864\n\
        [packages.\"spins:test.os\".runtime]\ncpu_burst_ms_max = 100\n";
    let node = Node::builder().settings(settings).start();
    node.install(&paths::test_package("prober:test.os"));
    assert_eq!(ends_with(&node, "returns", json!("Return")), Exit::Returned);
    let Exit::Trapped(panicked) = ends_with(&node, "panics", json!({ "Panic": "the reason" })) else { panic!() };
    assert!(panicked.stderr.contains("the reason") && !panicked.stack.is_empty(), "{panicked:?}");
    let Exit::Trapped(deep) = runs(&node, "deep:deep:test.os", "call $init", OnExit::None) else { panic!() };
    assert!(deep.message.contains("nested too deeply"), "{deep:?}");
    let Exit::OutOfMemory(hog) = ends_with(&node, "hog", json!("Hog")) else { panic!() };
    assert!(hog.stderr.contains("memory allocation"), "{hog:?}");
    let Exit::OutOfCpu(spun) = runs(&node, "spins:spins:test.os", "drop drop (loop br 0)", OnExit::None) else {
        panic!()
    };
    assert!(spun.message.contains("computed for"), "{spun:?}");
    let killed = spawn(&node, "killed", "Restart");
    node.wharf(&["kill", &killed]).ok();
    assert_eq!(end_of(&node, &killed), Exit::Killed);
    // People see the same.
    let list = node.wharf(&["ps", "--ended"]).ok();
    for (process, why) in [
        (id("returns"), "returned"),
        (id("panics"), "trapped"),
        (id("hog"), "out of memory"),
        ("spins:spins:test.os".to_owned(), "out of cpu"),
        (id("killed"), "killed"),
    ] {
        let line = list.lines().find(|line| line.starts_with(&process));
        assert!(line.is_some_and(|line| line.contains(why)), "{process}: {list}");
    }
    let json: Vec<EndedProcess> = serde_json::from_str(&node.wharf(&["ps", "--ended", "--json"]).ok()).unwrap();
    assert_eq!(json, ended(&node));
    let logs = node.wharf(&["logs", "hog:prober:test.os"]).ok();
    assert!(logs.contains("out of memory") && logs.contains("memory allocation"), "{logs}");
}

/// A guest that was refused memory, can do without, and fails over something else later has not run out of memory.
#[test]
fn a_trap_long_after_a_refusal_is_a_trap() {
    let node = Node::builder().settings("[runtime]\nmemory_bytes_max = 67108864\n").start();
    node.install(&paths::test_package("prober:test.os"));
    let process = spawn(&node, "modest", "None");
    assert_eq!(node.last(&process, json!([{ "Allocate": 128 }])), false);
    node.start_steps(&process, json!([{ "Panic": "something else" }]));
    assert!(matches!(end_of(&node, &process), Exit::Trapped(_)));
}

#[test]
fn the_last_exit_of_a_process_that_runs_again_is_shown_with_its_restarts() {
    let node = Node::with_prober();
    node.start_steps(A, json!([{ "Panic": "once" }]));
    node.wait_for_restarts(A, 1);
    let info = node.process(A).unwrap();
    let last = info.exit.unwrap();
    assert!(matches!(&last.exit, Exit::Trapped(Crash { stderr, .. }) if stderr.contains("once")), "{last:?}");
    assert!(last.at_ms > 1_700_000_000_000);
    let list = node.wharf(&["ps"]).ok();
    let line = list.lines().find(|line| line.starts_with(A)).unwrap();
    assert!(line.contains("ago, trapped"), "{line}");
}

/// What is asked for while it runs holds when it ends, and not only what was asked for when it was made.
#[test]
fn c3_restart_asked_for_later_holds_for_traps_too() {
    let node = Node::with_prober();
    let child = spawn(&node, "child", "None");
    node.run(&child, json!([{ "SetOnExit": "Restart" }]));
    node.start_steps(&child, json!([{ "Panic": "again" }]));
    node.wait_for_restarts(&child, 1);
    assert_eq!(node.last(&child, json!(["OnExit"])), "Restart");
}

#[test]
fn a_component_that_fails_to_start_goes_through_on_exit() {
    let node = Node::with_prober();
    // Its start function traps: it is compiled and linked, and never comes to `init`.
    let broken = wasm(&SMALLEST.replace(
        "(func (export \"init\") (param i32 i32))",
        "(func (export \"init\") (param i32 i32)) (func $start unreachable) (start $start)",
    ));
    let request = wharf_types::Request { body: b"it did not start".to_vec(), ..Default::default() };
    let on_exit = OnExit::Requests(vec![(address(B).parse().unwrap(), request, None)]);
    let process = "broken:broken:test.os";
    create(&node, process, &broken, on_exit);
    assert!(matches!(end_of(&node, process), Exit::FailedToStart(_)));
    assert_eq!(node.seen(B)[0]["body"], "it did not start");
    create(&node, process, &broken, OnExit::Restart);
    eventually("it was tried again", || (node.process(process)?.restarts >= 3).then_some(()));
    assert!(matches!(node.process(process).unwrap().exit.unwrap().exit, Exit::FailedToStart(_)));
}

/// In the reference a process whose component is invalid brings the node down at every boot.
#[test]
fn c1_a_process_with_an_invalid_component_is_tried_again_and_never_ends_the_boot() {
    let mut node = Node::with_prober();
    let wasm = node.home().vfs().join("prober:test.os/pkg/prober.wasm");
    let good = std::fs::read(&wasm).unwrap();
    node.stop();
    std::fs::write(&wasm, b"damaged").unwrap();
    for _ in 0..2 {
        node.start_again();
        eventually("it is tried again", || (node.process(A)?.restarts >= 3).then_some(()));
        let info = node.process(A).unwrap();
        assert_eq!(info.phase, ProcessPhase::Restarting);
        assert!(
            matches!(info.exit.unwrap().exit, Exit::FailedToStart(Crash { message, .. }) if message.contains("prober.wasm"))
        );
        node.stop();
    }
    node.start_again();
    // Nobody has to ask for it once the component is whole.
    std::fs::write(&wasm, good).unwrap();
    eventually("it runs", || (node.process(A)?.phase == ProcessPhase::Running).then_some(()));
    assert_eq!(node.last(A, json!(["Our"])), address(A));
}

/// In the reference what the kernel itself has to send when its queue is full is a panic.
#[test]
fn c4_full_queues_cost_senders_their_message_and_the_node_nothing() {
    let settings = "[limits]\nmailbox_messages_max = 4\nfull_mailbox_wait_ms = 10\nmodule_requests_max = 4\n\
        module_requests_per_caller_max = 2\n";
    let node = Node::builder().settings(settings).start();
    node.install(&paths::test_package("prober:test.os"));
    let spinner = spawn(&node, "spinner", "Restart");
    node.start_steps(&spinner, json!(["Spin"]));
    let flood = |to: &str, body: Value| json!({ "Flood": { "count": 100, "to": to, "body": body } });
    node.start_steps(B, json!([flood(&spinner, json!("x"))]));
    let read = json!({ "path": "/prober:test.os/pkg/prober.wasm", "action": "Metadata" });
    node.start_steps(C, json!([flood("vfs:distro:sys", read), flood("nobody:nobody:test.os", json!("x"))]));
    node.assert_serves();
    assert_eq!(node.last(A, json!(["Our"])), address(A));
    for _ in 0..3 {
        assert!(node.send("vfs:distro:sys", "{}", None, 5).is_ok());
    }
    node.wharf(&["kill", &spinner]).ok();
    assert_eq!(node.last(B, json!(["Our"])), address(B));
    assert!(!node.log().contains("panick"));
}

/// In the reference 64 fast restarts overflow the number that the pause is counted with.
#[test]
fn c7_a_process_that_ends_at_once_again_and_again_waits_and_does_not_overflow() {
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
    let process = "main:restless:test.os";
    eventually("it was started again some times", || (node.process(process)?.restarts >= 4).then_some(()));
    eventually("it waits", || (node.process(process)?.phase == ProcessPhase::Restarting).then_some(()));
    // Unit tests count the pauses up to the thousandth; here it is enough that it does not come back at once.
    assert!(node.process(process).unwrap().restarts < 64);
    node.assert_serves();
}

#[test]
fn a_guest_that_computed_long_answers_like_any_other_afterwards() {
    let node = Node::with_prober();
    for _ in 0..3 {
        assert_eq!(node.run(A, json!([{ "Compute": 120 }, "Our"]))[1], address(A));
        // A request while it computes waits for it, and the computing goes on where it was.
        node.start_steps(A, json!([{ "Compute": 120 }]));
        assert_eq!(node.last(A, json!(["Our"])), address(A));
    }
    assert_eq!(node.process(A).unwrap().restarts, 0);
}

#[test]
fn guests_that_compute_for_ever_hold_up_no_round_trip_and_are_killed() {
    let node = Node::with_prober();
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let spinners: Vec<_> = (0..2 * cpus).map(|n| spawn(&node, &format!("spinner-{n}"), "Restart")).collect();
    for spinner in &spinners {
        node.start_steps(spinner, json!(["Spin"]));
    }
    let ping = json!({ "Await": { "to": C, "body": program(json!(["Our"])) } });
    let pings = Value::from(vec![ping; 500]);
    let answers = node.run(B, pings);
    assert!(answers.iter().all(|answer| answer["kind"] == "response"), "{answers:?}");
    for spinner in &spinners {
        assert_eq!(node.process(spinner).unwrap().phase, ProcessPhase::Running);
        node.wharf(&["kill", spinner]).ok();
        assert!(node.process(spinner).is_none());
    }
    // What is killed is gone: its id can be had again, by one that answers.
    let again = spawn(&node, "spinner-0", "None");
    assert_eq!(node.last(&again, json!(["Our"])), address(&again));
}

/// One that never reads, one that spins, one that floods and one that keeps crashing, together.
#[test]
fn bad_processes_together_lose_nobody_elses_messages() {
    let node = Node::with_prober();
    let names = ["deaf", "spinner", "flooder", "crasher"];
    let [deaf, spinner, flooder, crasher] = names.map(|name| spawn(&node, name, "Restart"));
    // It awaits an answer that never comes, and so reads nothing.
    node.start_steps(&deaf, json!([{ "Await": { "to": spinner, "body": "x", "expects": 600 } }]));
    node.start_steps(&spinner, json!(["Spin"]));
    let flood = |to: &str| json!({ "Flood": { "count": 20_000, "to": to, "body": "x" } });
    node.start_steps(&flooder, json!([flood(&deaf), flood(&crasher)]));
    for _ in 0..3 {
        let times = node.process(&crasher).unwrap().restarts;
        node.start_steps(&crasher, json!([{ "Panic": "again" }]));
        eventually("it crashed", || (node.process(&crasher)?.restarts > times).then_some(()));
    }
    // Each of these is acknowledged, numbered, and seen exactly once and in order.
    let numbered: Vec<_> = (0..200).map(|n| json!({ "Send": { "to": C, "body": n.to_string() } })).collect();
    let ping = json!({ "Await": { "to": C, "body": program(json!(["Our"])) } });
    let pings = Value::from(vec![ping; 200]);
    node.run(B, Value::from(numbered));
    let answers = node.run(B, pings);
    assert!(answers.iter().all(|answer| answer["kind"] == "response"), "{answers:?}");
    let seen: Vec<_> = node.seen(C).iter().map(|message| message["body"].as_str().unwrap().to_owned()).collect();
    assert_eq!(seen, (0..200).map(|n| n.to_string()).collect::<Vec<_>>());
    for name in names {
        node.wharf(&["kill", &id(name)]).ok();
    }
}
