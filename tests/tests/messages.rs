//! Pins what a process may rely on when it sends, receives and answers: what an answer answers, what a request that
//! inherits passes on, where blobs come from and go to, contexts, time limits, and what is not delivered. Existing
//! programs depend on every one of these rules. The prober does the steps; each test is one rule.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use serde_json::{Value, json};
use wharf_tests::prober::{A, B, C, HERMIT, address, program, silently};
use wharf_tests::{Node, eventually};
use wharf_types::kernel::{KernelCommand, KernelResponse};

/// Longer than any test may take: a failure that comes at all was told at once.
const FOREVER_S: u64 = 3600;

fn is_timeout(outcome: &Value) -> bool {
    outcome["kind"] == "error" && outcome["error"] == "Timeout"
}

#[test]
fn a_request_that_wants_no_answer_does_not_replace_what_is_being_answered() {
    let node = Node::with_prober();
    let steps = json!([{ "Send": { "to": A, "body": "aside" } }, "Receive", { "Respond": { "body": "to the first" } }]);
    assert_eq!(node.answered(A, steps, None).text(), "to the first");
}

#[test]
fn a_request_that_wants_an_answer_is_answered_before_the_one_before_it() {
    let node = Node::with_prober();
    let outcomes = node.run(
        A,
        json!([
            { "Send": { "to": A, "body": "inner", "expects": 60, "context": "kept" } },
            "Receive",
            { "Respond": { "body": "to the inner" } },
            "Receive",
        ]),
    );
    assert_eq!((&outcomes[1]["kind"], &outcomes[1]["body"]), (&json!("request"), &json!("inner")));
    assert_eq!(outcomes[3]["body"], "to the inner");
    assert_eq!(outcomes[3]["context"], "kept");
    assert_eq!(outcomes[3]["source"], address(A));
    // That the outcomes came back shows that the first request was being answered again.
}

#[test]
fn a_request_that_inherits_and_expects_nothing_is_answered_to_the_first_requester() {
    let node = Node::with_prober();
    let at_b = silently(json!([{ "Respond": { "body": "from b" } }]));
    let reply = node.answered(A, json!([{ "Send": { "to": B, "inherit": true, "body": at_b } }]), None);
    assert_eq!(reply.text(), "from b");
    assert_eq!(node.seen(A), [] as [Value; 0], "the answer does not pass through the one between");
}

#[test]
fn a_chain_of_requests_that_inherit_ends_at_the_first_requester() {
    let node = Node::with_prober();
    let at_c = silently(json!([{ "Respond": { "body": "from c" } }]));
    let at_b = silently(json!([{ "Send": { "to": C, "inherit": true, "body": at_c } }]));
    let at_a = json!([{ "Send": { "to": B, "inherit": true, "body": at_b } }]);
    assert_eq!(node.answered(A, at_a, Some("a blob")).text(), "from c");
}

#[test]
fn the_first_requester_gets_its_context_back_from_the_end_of_a_chain() {
    let node = Node::with_prober();
    let at_c = silently(json!([{ "Respond": { "body": "from c" } }]));
    let at_b = silently(json!([{ "Send": { "to": C, "inherit": true, "body": at_c } }]));
    let steps = json!([{ "Send": { "to": B, "expects": 60, "context": "of a", "body": at_b } }, "Receive"]);
    let received = node.last(A, steps);
    assert_eq!(received["source"], address(C));
    assert_eq!((&received["body"], &received["context"]), (&json!("from c"), &json!("of a")));
}

#[test]
fn a_request_that_inherits_and_expects_an_answer_gets_it_itself() {
    let node = Node::with_prober();
    let at_b = silently(json!([{ "Respond": { "body": "from b" } }]));
    let steps = json!([
        { "Send": { "to": B, "inherit": true, "expects": 60, "context": "kept", "body": at_b } },
        "Receive",
        { "Respond": { "body": "from a" } },
    ]);
    assert_eq!(node.answered(A, steps, None).text(), "from a");
    let at_b = silently(json!([{ "Respond": { "body": "from b" } }]));
    let steps = json!([{ "Await": { "to": B, "inherit": true, "body": at_b } }]);
    assert_eq!(node.last(A, steps)["body"], "from b");
}

#[test]
fn only_the_first_of_several_responses_is_received() {
    let node = Node::with_prober();
    let at_b = silently(json!([{ "Respond": { "body": "1" } }, { "Respond": { "body": "2" } }]));
    assert_eq!(node.last(A, json!([{ "Await": { "to": B, "body": at_b } }]))["body"], "1");
    let at_b = silently(json!([{ "Respond": { "body": "1" } }, { "Respond": { "body": "2" } }]));
    let steps = json!([{ "Send": { "to": B, "expects": 60, "body": at_b } }, "Receive"]);
    assert_eq!(node.last(A, steps)["body"], "1");
    node.run(B, json!([]));
    assert_eq!(node.seen(A), [] as [Value; 0]);
}

#[test]
fn a_response_nobody_asked_for_is_not_received() {
    let node = Node::with_prober();
    let at_b = silently(json!([{ "Respond": { "body": "unasked" } }]));
    node.run(A, json!([{ "Send": { "to": B, "body": at_b } }]));
    node.run(B, json!([]));
    assert_eq!(node.seen(A), [] as [Value; 0]);
}

#[test]
fn a_response_that_comes_too_late_is_not_received() {
    let node = Node::with_prober();
    // B answers only once A has given up and told it so.
    let at_b = silently(json!(["Receive", { "Respond": { "body": "late" } }]));
    let outcomes = node.run(
        A,
        json!([
            { "Send": { "to": B, "expects": 1, "context": "kept", "body": at_b } },
            "Receive",
            { "Send": { "to": B, "body": "go on" } },
        ]),
    );
    assert!(is_timeout(&outcomes[1]), "{outcomes:?}");
    assert_eq!(outcomes[1]["context"], "kept");
    node.run(B, json!([]));
    assert_eq!(node.seen(A), [] as [Value; 0]);
}

#[test]
fn a_request_out_of_time_comes_back_with_what_was_sent() {
    let node = Node::with_prober();
    let target = format!("our@{B}");
    let steps = json!([{ "Send": { "to": target, "expects": 1, "context": "kept", "body": "no program" } }, "Receive"]);
    let error = node.last(A, steps);
    assert!(is_timeout(&error), "{error}");
    assert_eq!(error["context"], "kept");
    assert_eq!(error["body"], "no program");
    assert_eq!(error["target"], target, "the target is named as it was written");
    let error = node.last(A, json!([{ "Await": { "to": B, "expects": 1, "body": "no program" } }]));
    assert!(is_timeout(&error), "{error}");
    assert_eq!(node.seen(B).len(), 2, "both were delivered");
}

#[test]
fn no_seconds_to_wait_are_over_at_once() {
    let node = Node::with_prober();
    let error = node.last(A, json!([{ "Send": { "to": B, "expects": 0, "body": "no program" } }, "Receive"]));
    assert!(is_timeout(&error), "{error}");
}

#[test]
fn a_request_to_nobody_fails_at_once() {
    let node = Node::with_prober();
    let nobody = "nobody:prober:test.os";
    let outcomes = node.run(
        A,
        json!([
            { "Await": { "to": nobody, "expects": FOREVER_S, "body": "x" } },
            { "Send": { "to": nobody, "expects": FOREVER_S, "context": "kept", "body": "x" } },
            "Receive",
        ]),
    );
    assert!(is_timeout(&outcomes[0]) && is_timeout(&outcomes[2]), "{outcomes:?}");
    assert_eq!(outcomes[2]["context"], "kept");
    node.wait_for_log(&[A, nobody, "no such process"]);
}

#[test]
fn a_request_without_the_messaging_capability_fails_at_once_and_is_not_delivered() {
    let node = Node::with_prober();
    let error = node.last(A, json!([{ "Await": { "to": HERMIT, "expects": FOREVER_S, "body": "x" } }]));
    assert!(is_timeout(&error), "{error}");
    assert_eq!(node.seen(HERMIT), [] as [Value; 0]);
    node.wait_for_log(&[A, HERMIT, "messaging capability"]);
}

#[test]
fn another_node_is_offline_to_those_who_may_use_the_network_and_refused_to_all_others() {
    let node = Node::with_prober();
    let request = json!([{ "Await": { "to": format!("other.os@{B}"), "expects": FOREVER_S, "body": "x" } }]);
    assert_eq!(node.last(C, request.clone())["error"], "Offline");
    assert_eq!(node.last(A, request)["error"], "Timeout");
    assert_eq!(node.seen(B), [] as [Value; 0]);
}

#[test]
fn our_means_this_node_in_a_target_and_never_in_a_source() {
    let node = Node::with_prober();
    let at_b = program(json!(["Our"]));
    let response = node.last(A, json!([{ "Await": { "to": format!("our@{B}"), "body": at_b } }]));
    assert_eq!(response["body"], json!([address(B)]).to_string());
    assert_eq!(response["source"], address(B));
}

#[test]
fn what_arrives_while_a_response_is_awaited_is_received_afterwards_in_order() {
    let node = Node::with_prober();
    let at_b = silently(json!([
        { "Send": { "to": A, "body": "one" } },
        { "Send": { "to": A, "body": "two", "blob": "of two" } },
        { "Send": { "to": A, "body": "three" } },
        { "Respond": { "body": "done" } },
    ]));
    let outcomes = node.run(
        A,
        json!([{ "Await": { "to": B, "body": at_b } }, "HasBlob", "Receive", "Receive", "GetBlob", "Receive", "LastBlob"]),
    );
    assert_eq!(outcomes[0]["body"], "done");
    assert_eq!(outcomes[1], false, "what waits does not touch the blob");
    let bodies: Vec<_> = [2, 3, 5].iter().map(|n| outcomes[*n]["body"].clone()).collect();
    assert_eq!(bodies, ["one", "two", "three"]);
    assert_eq!((&outcomes[4], &outcomes[6]), (&json!("of two"), &json!("of two")));
}

#[test]
fn messages_from_one_sender_arrive_in_order() {
    let node = Node::with_prober();
    let numbers: Vec<_> = (0..500).map(|n| n.to_string()).collect();
    let steps: Vec<_> = numbers.iter().map(|n| json!({ "Send": { "to": B, "body": n } })).collect();
    node.run(A, json!(steps));
    let seen: Vec<_> = node.seen(B).iter().map(|message| message["body"].as_str().unwrap().to_owned()).collect();
    assert_eq!(seen, numbers);
}

#[test]
fn every_request_gets_its_own_context_back() {
    let node = Node::with_prober();
    let answer = |text: &str| silently(json!([{ "Respond": { "body": text } }]));
    let mut received = node.run(
        A,
        json!([
            { "Send": { "to": B, "expects": 60, "context": "for b", "body": answer("b") } },
            { "Send": { "to": C, "expects": 60, "context": "for c", "body": answer("c") } },
            "Receive",
            "Receive",
        ]),
    );
    let (second, first) = (received.pop().unwrap(), received.pop().unwrap());
    let mut pairs = [first, second].map(|m| format!("{} {}", m["body"], m["context"]));
    pairs.sort();
    assert_eq!(pairs, [r#""b" "for b""#, r#""c" "for c""#]);
}

#[test]
fn a_process_that_awaits_itself_is_ended_and_starts_again() {
    let node = Node::with_prober();
    node.start_steps(A, json!([{ "Await": { "to": address(A), "expects": FOREVER_S, "body": "x" } }]));
    node.wait_for_restarts(A, 1);
    node.wait_for_log(&[A, "wait for ever"]);
    assert_eq!(node.last(A, json!(["Our"])), address(A));
}

#[test]
fn a_request_that_inherits_passes_on_the_blob_unless_it_has_its_own() {
    let node = Node::with_prober();
    let ask = |request: Value| {
        let mut request = request;
        request["to"] = json!(B);
        request["body"] = program(json!(["GetBlob"]));
        let outcomes = node.run_with_blob(A, json!([{ "Await": request }]), Some("first"));
        serde_json::from_str::<Value>(outcomes[0]["body"].as_str().unwrap()).unwrap()[0].clone()
    };
    assert_eq!(ask(json!({ "inherit": true })), "first");
    assert_eq!(ask(json!({ "inherit": true, "blob": "own" })), "own");
    assert_eq!(ask(json!({ "blob": "own" })), "own");
    assert_eq!(ask(json!({})), Value::Null);
}

#[test]
fn a_response_that_inherits_sends_the_blob_received_last_and_never_its_own() {
    let node = Node::with_prober();
    let answer = |respond: Value| node.answered(A, json!([{ "Respond": respond }]), Some("received")).blob_text();
    assert_eq!(answer(json!({ "inherit": true, "blob": "own" })).as_deref(), Some("received"));
    assert_eq!(answer(json!({ "inherit": true })).as_deref(), Some("received"));
    assert_eq!(answer(json!({ "blob": "own" })).as_deref(), Some("own"));
    assert_eq!(answer(json!({})), None);
}

#[test]
fn the_last_blob_survives_messages_without_one() {
    let node = Node::with_prober();
    let ask_b = json!({ "to": B, "inherit": true, "body": program(json!(["GetBlob"])) });
    let steps = json!([
        "HasBlob", "GetBlob", "GetBlob",
        { "Send": { "to": A, "body": "no blob" } }, "Receive",
        "HasBlob", "GetBlob", "LastBlob",
        { "Await": ask_b },
    ]);
    let outcomes = node.run_with_blob(A, steps, Some("kept"));
    assert_eq!(outcomes[..3], [json!(true), json!("kept"), json!("kept")], "reading a blob does not use it up");
    assert_eq!(outcomes[5..8], [json!(false), Value::Null, json!("kept")]);
    assert_eq!(outcomes[8]["body"], r#"["kept"]"#, "what is inherited is the blob received last");
}

#[test]
fn saving_state_and_spawning_leave_the_blob_alone() {
    let node = Node::with_prober();
    let child = json!({ "path": wharf_tests::prober::WASM, "on_exit": "None" });
    let steps = json!([
        { "SetState": "saved" }, "GetBlob", "GetState", "GetBlob", "ClearState", "GetState", { "Spawn": child }, "GetBlob",
    ]);
    let outcomes = node.run_with_blob(A, steps, Some("kept"));
    assert_eq!(outcomes[1], "kept");
    assert_eq!(outcomes[2..4], [json!("saved"), json!("kept")]);
    assert_eq!(outcomes[5], Value::Null);
    assert_eq!(outcomes[7], "kept", "{outcomes:?}");
}

#[test]
fn an_error_has_no_blob_and_keeps_what_is_being_answered() {
    let node = Node::with_prober();
    let steps = json!([
        { "Send": { "to": "nobody:prober:test.os", "expects": FOREVER_S, "body": "x" } },
        "Receive", "HasBlob", "LastBlob", { "Respond": { "body": "still answered" } },
    ]);
    assert_eq!(node.answered(A, steps, Some("kept")).text(), "still answered");
    assert_eq!(node.results(A)[2..4], [json!(false), json!("kept")]);
}

#[test]
fn a_module_answers_with_the_metadata_it_was_sent() {
    let node = Node::with_prober();
    let metadata = json!({ "path": "/prober:test.os/pkg/manifest.json", "action": "Metadata" });
    let steps = json!([{ "Await": { "to": "vfs:distro:sys", "metadata": "mine", "body": metadata } }]);
    let response = node.last(A, steps);
    assert_eq!(response["metadata"], "mine", "{response}");
}

#[test]
fn a_module_answers_a_process_that_granted_it_nothing() {
    let node = Node::with_prober();
    let response = node.last(HERMIT, json!([{ "Await": { "to": "timer:distro:sys", "body": { "SetTimer": 1 } } }]));
    assert_eq!((&response["kind"], &response["body"]), (&json!("response"), &json!("")));
}

#[test]
fn what_is_sent_to_a_process_before_it_runs_is_received_once_it_does() {
    let node = Node::with_prober();
    let id = "waiting:prober:test.os";
    let wasm = wharf_tests::packages::read_entry(&wharf_tests::paths::test_package("prober:test.os"), "prober.wasm");
    let new = KernelCommand::InitializeProcess {
        id: id.parse().unwrap(),
        wasm_bytes_handle: wharf_tests::prober::WASM.to_owned(),
        wit_version: Some(1),
        on_exit: wharf_types::OnExit::None,
        initial_capabilities: Vec::new(),
        public: true,
    };
    let created = node.kernel_with_blob(&new, Some(&wasm));
    assert!(matches!(created, KernelResponse::InitializedProcess), "{created:?}");
    for n in 0..200 {
        node.tell(id, &n.to_string());
    }
    let run = KernelCommand::RunProcess(id.parse().unwrap());
    assert!(matches!(node.kernel(&run), KernelResponse::StartedProcess));
    assert_eq!(node.seen(id).len(), 200, "and the kernel's own `run` is not among them");
    assert!(matches!(node.kernel(&run), KernelResponse::RunProcessError), "it runs already");
    assert_eq!(node.seen(id), [] as [Value; 0]);
}

#[test]
fn a_requester_learns_of_the_end_of_its_target_by_its_own_time_limit() {
    let node = Node::with_prober();
    let child = json!({ "name": "mayfly", "path": wharf_tests::prober::WASM, "on_exit": "None", "public": true });
    node.run(A, json!([{ "Spawn": child }]));
    let request = json!({ "to": "mayfly:prober:test.os", "expects": 1, "body": silently(json!(["Return"])) });
    assert!(is_timeout(&node.last(A, json!([{ "Await": request }]))));
    eventually("the child is gone", || node.process("mayfly:prober:test.os").is_none().then_some(()));
}
