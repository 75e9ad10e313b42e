//! Pins what the owner of a node can see, and that nobody else sees it: counters, events, live messages, and one id for
//! a request wherever it goes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use serde_json::{Value, json};
use wharf_tests::prober::{A, B, HERMIT, WASM, capability, messaging, program};
use wharf_tests::prometheus::Page;
use wharf_tests::{Node, eventually, paths};
use wharf_types::events::{Event, EventPage, Happening};
use wharf_types::kernel::{KernelCommand, KernelResponse};
use wharf_types::metrics::{FailureReason, NodeMetrics, ProcessMetrics};
use wharf_types::trace::{Direction, TraceLine, TracePage, TracedBody, TracedKind};

const CHILD: &str = "child:prober:test.os";
const COUNTER: &str = "counter:counter:wharf.os";

fn metrics(node: &Node) -> NodeMetrics {
    match node.kernel(&KernelCommand::Metrics) {
        KernelResponse::Metrics(metrics) => *metrics,
        other => panic!("{other:?}"),
    }
}

fn counted(node: &Node, id: &str) -> ProcessMetrics {
    metrics(node).processes.into_iter().find(|process| process.id.to_string() == id).unwrap()
}

fn scrape(node: &Node) -> Page {
    let response = node.http().get(format!("{}/metrics", node.url())).bearer_auth(node.token()).send().unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    Page::read(&response.text().unwrap())
}

fn events(node: &Node, after: Option<u64>, wait_ms: u64) -> EventPage {
    match node.kernel(&KernelCommand::Events { after, wait_ms }) {
        KernelResponse::Events(page) => page,
        other => panic!("{other:?}"),
    }
}

fn trace(node: &Node, process: &str, body_bytes: u64) -> TracePage {
    let process = process.parse().unwrap();
    match node.kernel(&KernelCommand::Trace { process, after: None, wait_ms: 0, body_bytes }) {
        KernelResponse::Trace(page) => page,
        other => panic!("{other:?}"),
    }
}

fn child_of_a(node: &Node, on_exit: &str) {
    let spawn = json!([{ "Spawn": { "name": "child", "path": WASM, "on_exit": on_exit, "public": true } }]);
    assert_eq!(node.last(A, spawn)["child"], CHILD);
}

#[test]
fn metrics_count_what_was_sent_and_received() {
    let node = Node::with_prober();
    let (a, b) = (counted(&node, A), counted(&node, B));
    node.run(A, json!([{ "Flood": { "count": 50, "to": B, "body": "12345", "blob": "678" } }]));
    let received = eventually("everything was received", || {
        let now = counted(&node, B);
        (now.received.messages_total >= b.received.messages_total + 50).then_some(now.received)
    });
    assert_eq!(received.messages_total, b.received.messages_total + 50);
    assert_eq!(received.bytes_total, b.received.bytes_total + 50 * 8);
    let now = counted(&node, A);
    // And the answer to us.
    assert_eq!(now.sent.messages_total, a.sent.messages_total + 51);
    assert_eq!(now.received.messages_total, a.received.messages_total + 1);
    assert!(now.memory_bytes.unwrap() >= 65_536, "{now:?}");
    node.run(A, json!([{ "Send": { "to": HERMIT } }, { "Send": { "to": "nobody:x:y" } }]));
    let failed = counted(&node, A).failed;
    assert_eq!(failed, [(FailureReason::NotAllowed, 1), (FailureReason::NoSuchProcess, 1)].into());
}

#[test]
fn memory_and_restarts_are_seen() {
    let node = Node::with_prober();
    child_of_a(&node, "Restart");
    assert_eq!(node.last(CHILD, json!([{ "Allocate": 8 }])), true);
    assert!(counted(&node, CHILD).memory_bytes.unwrap() > 8 << 20);
    node.start_steps(CHILD, json!([{ "Panic": "on purpose" }]));
    node.wait_for_restarts(CHILD, 1);
    let restarted = counted(&node, CHILD);
    assert_eq!(restarted.restarts_total, 1);
    assert!(restarted.memory_bytes.unwrap() < 8 << 20, "{restarted:?}");
}

#[test]
fn processor_time_is_seen() {
    let node = Node::with_prober();
    let before = counted(&node, A).cpu_ms_total.unwrap();
    node.run(A, json!([{ "Compute": 200 }]));
    assert!(counted(&node, A).cpu_ms_total.unwrap() > before);
    assert_eq!(counted(&node, "kernel:distro:sys").cpu_ms_total, None);
}

#[test]
fn a_limit_that_is_reached_is_counted_and_told() {
    let node = Node::builder().settings("[packages.\"prober:test.os\".runtime]\nmemory_bytes_max = 67108864").start();
    node.install(&paths::test_package("prober:test.os"));
    let start = events(&node, None, 0).next;
    assert_eq!(node.last(A, json!([{ "Allocate": 128 }])), false);
    assert!(metrics(&node).limit_hits["memory_bytes_max"] >= 1);
    let page = scrape(&node);
    assert!(page.value("wharf_limit_hits_total", &[("limit", "memory_bytes_max")]).unwrap() >= 1.0);
    assert_eq!(page.value("wharf_limit_hits_total", &[("limit", "timers_max")]), Some(0.0));
    let told = life_of(&node, start, A, |what| matches!(what, Happening::LimitHit { .. }));
    assert_eq!(told, ["LimitHit { limit: \"memory_bytes_max\" }"]);
}

#[test]
fn the_page_for_prometheus_says_what_the_metrics_say() {
    let node = Node::with_prober();
    node.run(A, json!([{ "Flood": { "count": 20, "to": B, "body": "x" } }, { "SetState": "kept" }]));
    let (before, page, after) = (metrics(&node), scrape(&node), metrics(&node));
    let between = |name: &str, labels: &[(&str, &str)], low: u64, high: u64| {
        let value = page.value(name, labels).unwrap_or_else(|| panic!("no {name} {labels:?}"));
        assert!((low as f64..=high as f64).contains(&value), "{name} {labels:?}: {low} <= {value} <= {high}");
    };
    let of = |metrics: &NodeMetrics, id: &str| {
        metrics.processes.iter().find(|process| process.id.to_string() == id).unwrap().clone()
    };
    for id in [A, B, "kernel:distro:sys", "http-server:distro:sys"] {
        let (before, after) = (of(&before, id), of(&after, id));
        let labels = [("process", id), ("direction", "in")];
        let (low, high) = (before.received.messages_total, after.received.messages_total);
        between("wharf_process_messages_total", &labels, low, high);
        let labels = [("process", id), ("direction", "out")];
        between("wharf_process_messages_total", &labels, before.sent.messages_total, after.sent.messages_total);
    }
    assert!(of(&before, A).sent.messages_total >= 21);
    between("wharf_capabilities", &[], before.capabilities, after.capabilities);
    between("wharf_store_commits_total", &[], before.store.commits_total.max(1), after.store.commits_total);
    assert!(before.store.writes_total >= before.store.commits_total);
    assert!(page.value("wharf_http_requests_total", &[("class", "2xx")]).unwrap() >= 3.0);
    assert!(page.value("wharf_module_requests_total", &[("module", "vfs:distro:sys")]).unwrap() >= 1.0);
    assert_eq!(page.value("wharf_processes", &[("phase", "module")]), Some(before.modules.len() as f64));
}

#[test]
fn the_page_for_prometheus_is_for_the_owner_alone() {
    let node = Node::start();
    let url = format!("{}/metrics", node.url());
    let get = || node.http().get(&url);
    let status = |request: reqwest::blocking::RequestBuilder| request.send().unwrap().status().as_u16();
    assert_eq!(status(get().bearer_auth(node.token())), 200);
    assert_eq!(status(get()), 401);
    assert_eq!(status(get().bearer_auth("0123456789abcdef0123456789abcdef")), 401);
    for (header, value) in
        [("host", "evil.example"), ("x-forwarded-for", "10.0.0.1"), ("origin", "http://localhost"), ("via", "proxy")]
    {
        let request = get().bearer_auth(node.token()).header(header, value);
        assert_eq!(status(request), 403, "{header}");
    }
    assert_eq!(status(node.http().post(&url).bearer_auth(node.token())), 405);
    let page = scrape(&node);
    assert_eq!(page.value("wharf_http_requests_total", &[("class", "4xx")]), Some(7.0));
}

#[test]
fn the_page_for_prometheus_has_a_bound_on_processes() {
    let node = Node::builder().settings("[http_limits]\nmetrics_processes_max = 6").start();
    node.install(&paths::test_package("prober:test.os"));
    let page = scrape(&node);
    let shown = page.values_of("wharf_process_mailbox_messages", "process");
    assert_eq!(shown.len(), 7, "{shown:?}");
    assert!(shown.contains("other") && shown.contains("kernel:distro:sys") && !shown.contains(A), "{shown:?}");
}

/// The events of one process, shortly, up to one that `last` wants.
fn life_of(node: &Node, mut after: u64, process: &str, last: fn(&Happening) -> bool) -> Vec<String> {
    let mut told = Vec::new();
    loop {
        let page = events(node, Some(after), 30_000);
        assert_eq!(page.lost, 0);
        assert!(!page.events.is_empty(), "no more came after {told:?}");
        for event in &page.events {
            assert_eq!(event.seq, after + 1, "a number is missing");
            after = event.seq;
            if event.process.to_string() == process {
                told.push(shortly(event));
                if last(&event.what) {
                    return told;
                }
            }
        }
    }
}

fn shortly(event: &Event) -> String {
    match &event.what {
        Happening::Exited { exit } => format!("exited: {}", exit.kind()),
        Happening::Restarted { restarts } => format!("restarted {restarts}"),
        Happening::CapabilityGranted(capability) => {
            format!("granted {} {}", capability.issuer.process(), capability.params)
        }
        Happening::CapabilityDropped(capability) => {
            format!("dropped {} {}", capability.issuer.process(), capability.params)
        }
        Happening::CapabilityRevoked(capability) => {
            format!("revoked {} {}", capability.issuer.process(), capability.params)
        }
        other => format!("{other:?}"),
    }
}

#[test]
fn events_tell_the_life_of_a_process_in_order() {
    let node = Node::with_prober();
    let start = events(&node, None, 0).next;
    child_of_a(&node, "Restart");
    node.start_steps(CHILD, json!([{ "Panic": "on purpose" }]));
    node.wait_for_restarts(CHILD, 1);
    let gift = capability(A, "\"gift\"");
    for command in [
        KernelCommand::GrantCapabilities { target: CHILD.parse().unwrap(), capabilities: vec![gift.clone()] },
        KernelCommand::DropCapabilities { target: CHILD.parse().unwrap(), capabilities: vec![gift] },
        KernelCommand::GrantCapabilities { target: B.parse().unwrap(), capabilities: vec![messaging(CHILD)] },
        KernelCommand::KillProcess(CHILD.parse().unwrap()),
    ] {
        let answer = node.kernel(&command);
        assert!(!matches!(answer, KernelResponse::Err(_)), "{answer:?}");
    }
    let child = life_of(&node, start, CHILD, |what| *what == Happening::Killed);
    let own = format!("granted {CHILD} \"messaging\"");
    let of_parent = format!("granted {A} \"messaging\"");
    let expected: Vec<&str> = vec!["Created", &own, "Running", "exited: trapped", "restarted 1"];
    let without_parents: Vec<_> = child.iter().filter(|told| **told != of_parent).map(String::as_str).collect();
    assert_eq!(without_parents[..expected.len()], expected);
    let end: Vec<_> = without_parents[expected.len()..].to_vec();
    let gift = |verb: &str| format!("{verb} {A} \"gift\"");
    assert_eq!(end, [&gift("granted"), &gift("dropped"), "Killed"]);
    let b = life_of(&node, start, B, |what| matches!(what, Happening::CapabilityRevoked(_)));
    assert_eq!(b, [format!("granted {CHILD} \"messaging\""), format!("revoked {CHILD} \"messaging\"")]);
}

#[test]
fn events_tell_of_an_installed_package() {
    let node = Node::start();
    let start = events(&node, None, 0).next;
    node.install(&paths::package("counter:wharf.os"));
    let life = life_of(&node, start, COUNTER, |what| *what == Happening::Running);
    assert_eq!(life.first().unwrap(), "Created");
    assert!(life.iter().any(|told| told.starts_with("granted http-server:distro:sys")), "{life:?}");
    node.wharf(&["uninstall", "--yes", "counter:wharf.os"]).ok();
    life_of(&node, start, COUNTER, |what| *what == Happening::Killed);
}

#[test]
fn a_reader_of_events_that_is_too_slow_learns_what_it_lost() {
    let node = Node::builder().settings("[limits]\nevents_max = 5").start();
    node.install(&paths::test_package("prober:test.os"));
    let page = events(&node, Some(0), 0);
    assert_eq!(page.events.len(), 5);
    assert!(page.lost > 5, "{page:?}");
    assert_eq!(page.events[0].seq, page.lost + 1);
    assert_eq!(page.next, page.events[4].seq);
}

#[test]
fn waiting_for_events_holds_up_nobody() {
    let node = Node::with_prober();
    let after = events(&node, None, 0).next;
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| events(&node, Some(after), 30_000));
        // The same caller, the web server, asks the same module.
        for _ in 0..20 {
            node.assert_serves();
        }
        child_of_a(&node, "None");
        assert_eq!(waiting.join().unwrap().events[0].seq, after + 1);
    });
}

#[test]
fn a_trace_shows_a_request_and_its_response_with_the_time_between() {
    let node = Node::with_prober();
    assert!(trace(&node, A, 4).lines.is_empty());
    node.run(A, json!([{ "Await": { "to": B, "body": program(json!(["Our"])), "blob": "12" } }]));
    let printed = node.wharf(&["trace", "prober-a", "--json", "--count", "4", "--bodies", "4"]).ok();
    let lines: Vec<TraceLine> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [told, asked, answered, done] = lines.as_slice() else { panic!("{lines:?}") };
    let (http, b) = ("local.os@http-server:distro:sys", format!("local.os@{B}"));
    assert_eq!((told.direction, told.peer.as_str()), (Direction::In, http));
    assert!(matches!(told.kind, TracedKind::Request { expects_response: Some(60) }));
    assert_eq!(told.body, Some(TracedBody::Text("{\"Do".to_owned())));
    assert_eq!((asked.direction, asked.blob_bytes), (Direction::Out, Some(2)));
    assert!(asked.peer.ends_with(B), "{asked:?}");
    assert_eq!((answered.direction, answered.kind, &answered.peer), (Direction::In, TracedKind::Response, &b));
    assert_eq!((asked.request == answered.request, asked.request == told.request), (true, false));
    assert_eq!((done.direction, done.kind, done.peer.as_str()), (Direction::Out, TracedKind::Response, http));
    assert_eq!(done.request, told.request);
    // The inner request lies within the outer one.
    let (inner, outer) = (answered.took_us.unwrap(), done.took_us.unwrap());
    assert!(0 < inner && inner <= outer, "{inner} {outer}");
    let text = node.wharf(&["trace", A, "--count", "2"]).ok();
    assert!(text.contains("<-  request   local.os@http-server:distro:sys"), "{text}");
}

#[test]
fn a_trace_of_nobody_is_refused() {
    let node = Node::start();
    let refused = node.wharf(&["trace", "nobody:x:y"]).failed(1);
    assert!(refused.contains("nobody:x:y"), "{refused}");
    let command = KernelCommand::Trace { process: A.parse().unwrap(), after: None, wait_ms: 0, body_bytes: 0 };
    assert!(matches!(node.kernel(&command), KernelResponse::Err(reason) if reason.contains("no process")));
}

#[test]
fn one_id_follows_a_request_through_all_hops_and_into_the_log() {
    let node = Node::with_prober();
    for process in [A, B] {
        trace(&node, process, 0);
    }
    let steps = json!([
        { "Print": { "verbosity": 0, "text": "on its way" } },
        { "Send": { "to": B, "inherit": true, "body": program(json!([{ "Print": { "verbosity": 0, "text": "arrived" } }])) } },
    ]);
    let message =
        json!({ "process": A, "expects_response": 60, "body": json!({ "Do": steps, "answer": "later" }).to_string() });
    let response = node.rpc(&message).send().unwrap();
    assert_eq!(response.status(), 200);
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert!(id.len() == 16 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
    let lines = [trace(&node, A, 0).lines, trace(&node, B, 0).lines].concat();
    let of_request = lines.iter().filter(|line| line.request == id).count();
    // In and out at A, in and out at B.
    assert_eq!(of_request, 4, "{lines:?}");
    node.wait_for_log(&["on its way", A, &id]);
    node.wait_for_log(&["arrived", B, &id]);
}

#[test]
fn only_the_owner_is_told_the_id_of_a_request() {
    let node = Node::start();
    node.install(&paths::package("counter:wharf.os"));
    let url = format!("{}/{COUNTER}/api", node.url());
    let get = || eventually("it serves", || node.http().get(&url).send().ok().filter(|answer| answer.status() == 200));
    assert!(!get().headers().contains_key("x-request-id"));
    let owners = node.http().get(&url).bearer_auth(node.token()).send().unwrap();
    assert_eq!(owners.headers()["x-request-id"].len(), 16);
    let wrong = node.http().get(&url).bearer_auth("0123456789abcdef0123456789abcdef").send().unwrap();
    assert!(!wrong.headers().contains_key("x-request-id"));
    // Also when nothing comes back, which is when it is needed.
    let message = json!({ "process": "nobody:x:y", "expects_response": 5, "body": "x" });
    let refused = node.rpc(&message).send().unwrap();
    assert_eq!((refused.status().as_u16(), refused.headers()["x-request-id"].len()), (404, 16));
    let stranger = node.rpc(&message).header("host", "evil.example").send().unwrap();
    assert_eq!((stranger.status().as_u16(), stranger.headers().contains_key("x-request-id")), (403, false));
}

#[test]
fn top_shows_rates_as_json_and_as_a_table() {
    let node = Node::with_prober();
    child_of_a(&node, "None");
    let top = std::thread::scope(|scope| {
        let top = scope.spawn(|| node.wharf(&["top", "--once", "--json", "--interval", "1"]).ok());
        // Busy for the whole time that it looks.
        while !top.is_finished() {
            node.run(CHILD, json!([{ "Flood": { "count": 20, "to": B, "body": "x" } }]));
        }
        top.join().unwrap()
    });
    let top: Value = serde_json::from_str(&top).unwrap();
    assert!(top["interval_ms"].as_u64().unwrap() >= 900, "{top}");
    let processes = top["processes"].as_array().unwrap();
    let of = |id: &str| processes.iter().find(|process| process["id"] == id).unwrap_or_else(|| panic!("{id}: {top}"));
    let rate = |id: &str, which: &str| of(id)[which].as_f64().unwrap();
    assert!(rate(CHILD, "out_per_s") > 0.0 && rate(B, "in_per_s") > 0.0, "{top}");
    // Of each twenty-one messages that the child sends, twenty go to this one.
    assert!(rate(CHILD, "out_per_s") > rate(CHILD, "in_per_s"), "{top}");
    assert_eq!(rate(HERMIT, "in_per_s"), 0.0);
    assert!(of(CHILD)["memory_bytes"].as_u64().unwrap() > 0);
    let table = node.wharf(&["top", "--once", "--interval", "0.1", "--sort", "name"]).ok();
    assert!(!table.contains('\u{1b}'), "{table:?}");
    assert!(table.lines().nth(1).unwrap().starts_with("PROCESS"), "{table}");
    let rows: Vec<_> = table.lines().skip(2).collect();
    assert!(rows.is_sorted() && rows.len() == node.ps().len(), "{table}");
}
