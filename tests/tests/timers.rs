//! Timers of `timer:distro:sys`: those of milliseconds end with their process, those by the clock last.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use wharf_tests::{Node, eventually, paths};

const A: &str = "prober-a:prober:test.os";
const B: &str = "prober-b:prober:test.os";
const TIMER: &str = "timer:distro:sys";
const HOUR_MS: u64 = 3_600_000;

fn node(settings: &str) -> Node {
    let node = Node::builder().settings(settings).start();
    node.install(&paths::test_package("prober:test.os"));
    node
}

fn unix_ms() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// What the timer answers a prober.
fn timer(node: &Node, prober: &str, body: Value) -> Value {
    let answer = node.last(prober, json!([{ "Await": { "to": TIMER, "expects": 600, "body": body } }]));
    serde_json::from_str(answer["body"].as_str().unwrap_or_else(|| panic!("{answer}"))).unwrap()
}

fn ids(node: &Node, prober: &str) -> Vec<String> {
    let list = timer(node, prober, json!(r#""List""#));
    list["List"].as_array().unwrap().iter().map(|timer| timer["id"].as_str().unwrap().to_owned()).collect()
}

/// The ids of the timers that fired at a prober, as the messages it saw tell.
fn fired(node: &Node, prober: &str) -> Vec<(String, String)> {
    let seen = node.seen(prober);
    let of = |message: &Value| {
        let notice: Value = serde_json::from_str(message["metadata"].as_str()?).ok()?;
        assert!(message["source"].as_str().unwrap().ends_with("@timer:distro:sys"), "{message}");
        assert_eq!(message["kind"], "request", "{message}");
        let body = message["body"].as_str().unwrap().to_owned();
        Some((notice["Fired"]["id"].as_str()?.to_owned(), body))
    };
    seen.iter().filter_map(of).collect()
}

fn wait_for(node: &Node, prober: &str, id: &str) -> String {
    let mut seen = Vec::new();
    eventually(&format!("`{id}` fires"), || {
        seen.extend(fired(node, prober));
        seen.iter().find(|(fired, _)| fired == id).map(|(_, body)| body.clone())
    })
}

#[test]
fn a_timer_never_comes_early_and_its_answer_is_empty() {
    let node = node("");
    for ms in [0, 1, 30, 120] {
        let before = Instant::now();
        let body = json!({ "SetTimer": ms });
        let answer = node.last(A, json!([{ "Await": { "to": TIMER, "expects": 600, "body": body, "blob": "x" } }]));
        assert!(before.elapsed() >= Duration::from_millis(ms), "{ms}");
        assert_eq!((&answer["kind"], &answer["body"]), (&json!("response"), &json!("")), "{answer}");
    }
}

/// C8: adding a huge number of milliseconds to now overflows.
#[test]
fn c8_a_timer_of_five_hundred_million_years() {
    let node = node("");
    for ms in [u64::MAX, u64::MAX - 1, i64::MAX.unsigned_abs(), 1 << 53, 1_000 * 365 * 24 * HOUR_MS] {
        let set = json!({ "Send": { "to": TIMER, "body": { "SetTimer": ms }, "expects": 1_000_000 } });
        node.run(A, json!([set]));
        let far = timer(&node, A, json!({ "At": { "id": format!("far-{ms}"), "unix_ms": ms } }));
        assert_eq!(far, json!("Ok"));
    }
    assert_eq!(node.last(A, json!([{ "Await": { "to": TIMER, "body": { "SetTimer": 5 } } }]))["kind"], "response");
    assert!(node.seen(A).is_empty());
    assert_eq!(ids(&node, A).len(), 5);
    node.assert_serves();
}

#[test]
fn timers_go_with_the_life_that_set_them() {
    let node = node("[limits]\ntimers_max = 4\n[packages.\"prober:test.os\".limits]\ntimers_per_process_max = 4\n");
    let set = json!({ "Send": { "to": TIMER, "body": { "SetTimer": HOUR_MS }, "expects": 7200 } });
    for life in 0..3 {
        node.run(A, json!([set, set, set, set]));
        // Who ends is not counted any more, neither for itself nor for the node.
        node.start_steps(A, json!([{ "Panic": "over" }]));
        node.wait_for_restarts(A, life + 1);
    }
    node.run(B, json!([set, set, set, set]));
    assert!(!node.log().contains("a timer was not set"), "{}", node.log());
    node.run(A, json!([set]));
    node.wait_for_log(&[A, "a timer was not set"]);
}

#[test]
fn a_scheduled_timer_fires_as_a_request_with_what_was_given() {
    let node = node("");
    let body: Vec<u8> = b"remember".to_vec();
    let set = |id: &str, unix_ms| timer(&node, A, json!({ "At": { "id": id, "unix_ms": unix_ms, "body": body } }));
    assert_eq!(set("soon", unix_ms() + 50), json!("Ok"));
    assert_eq!(wait_for(&node, A, "soon"), "remember");
    // What has passed comes at once.
    assert_eq!(set("past", 0), json!("Ok"));
    assert_eq!(wait_for(&node, A, "past"), "remember");
    assert_eq!(ids(&node, A), Vec::<String>::new());

    let every = json!({ "Every": { "id": "tick", "cron": "* * * * * *", "body": [120] } });
    assert_eq!(timer(&node, A, every), json!("Ok"));
    assert_eq!(wait_for(&node, A, "tick"), "x");
    assert_eq!(wait_for(&node, A, "tick"), "x");
    assert_eq!(ids(&node, A), ["tick"]);
    // Each process has its own.
    assert_eq!(ids(&node, B), Vec::<String>::new());
    let cancel = json!({ "Cancel": { "id": "tick" } });
    assert_eq!(timer(&node, B, cancel.clone()), json!({ "Err": { "NoSuchTimer": { "id": "tick" } } }));
    assert_eq!(timer(&node, A, cancel.clone()), json!("Ok"));
    assert_eq!(timer(&node, A, cancel), json!({ "Err": { "NoSuchTimer": { "id": "tick" } } }));
}

#[test]
fn scheduled_timers_survive_and_what_was_missed_comes_once() {
    let mut node = node("");
    let due = unix_ms() + 2_000;
    assert_eq!(timer(&node, A, json!({ "At": { "id": "missed", "unix_ms": due } })), json!("Ok"));
    let every = json!({ "Every": { "id": "daily", "cron": "0 6 * * *" } });
    assert_eq!(timer(&node, A, every), json!("Ok"));
    assert_eq!(timer(&node, B, json!({ "Every": { "id": "b", "cron": "@hourly" } })), json!("Ok"));
    node.kill_9();
    eventually("its time has passed", || (unix_ms() > due).then_some(()));
    node.start_again();
    wait_for(&node, A, "missed");
    assert_eq!(ids(&node, A), ["daily"]);
    node.restart();
    assert_eq!((ids(&node, A), ids(&node, B)), (vec!["daily".to_owned()], vec!["b".to_owned()]));
    let list = timer(&node, A, json!(r#""List""#));
    let next = list["List"][0]["next_unix_ms"].as_u64().unwrap();
    assert!(next > unix_ms() - HOUR_MS && next < unix_ms() + 25 * HOUR_MS && next % (24 * HOUR_MS) == 6 * HOUR_MS);
    // A process that ended by itself and was started again is the same one.
    node.start_steps(A, json!([{ "Panic": "over" }]));
    node.wait_for_restarts(A, 1);
    assert_eq!(ids(&node, A), ["daily"]);
    assert!(fired(&node, A).is_empty());
}

#[test]
fn scheduled_timers_go_with_their_process() {
    let mut node = node("");
    for prober in [A, B] {
        assert_eq!(timer(&node, prober, json!({ "Every": { "id": "x", "cron": "@daily" } })), json!("Ok"));
    }
    let zip = paths::test_package("prober:test.os");
    node.wharf(&["uninstall", "--yes", "prober:test.os"]).ok();
    node.install(&zip);
    assert_eq!(ids(&node, A), Vec::<String>::new());
    assert_eq!(timer(&node, A, json!({ "Every": { "id": "new", "cron": "@daily" } })), json!("Ok"));
    node.wharf(&["kill", B]).ok();
    node.restart();
    assert_eq!(ids(&node, A), ["new"]);
}

#[test]
fn what_is_refused_says_why() {
    let node = node("[limits]\nscheduled_per_process_max = 2\nscheduled_max = 4\nscheduled_body_bytes_max = 4\n");
    let at = |prober: &str, id: &str, body: &[u8]| {
        timer(&node, prober, json!({ "At": { "id": id, "unix_ms": unix_ms() + HOUR_MS, "body": body } }))
    };
    let too_many = |limit: &str, max: u64| json!({ "Err": { "TooMany": { "limit": limit, "max": max } } });
    assert_eq!(at(A, "1", b"1234"), json!("Ok"));
    assert_eq!(at(A, "1", b"12345"), too_many("scheduled_body_bytes_max", 4));
    assert_eq!(at(A, "2", b""), json!("Ok"));
    assert_eq!(at(A, "3", b""), too_many("scheduled_per_process_max", 2));
    assert_eq!(at(A, "2", b"new"), json!("Ok"));
    assert_eq!(at(B, "1", b""), json!("Ok"));
    // The app store has one, too, once it has begun.
    let refused = eventually("the node has as many as it may", || match at(B, "2", b"") {
        Value::String(_) => {
            assert_eq!(timer(&node, B, json!({ "Cancel": { "id": "2" } })), json!("Ok"));
            None
        }
        refused => Some(refused),
    });
    assert_eq!(refused, too_many("scheduled_max", 4));
    assert_eq!(at(A, "", b""), json!({ "Err": { "BadId": { "max": 128 } } }));
    for cron in ["", "every day", "61 * * * *", "0 0 30 2 *"] {
        let refused = timer(&node, A, json!({ "Every": { "id": "1", "cron": cron } }));
        assert_eq!(refused["Err"]["BadCron"]["cron"], cron, "{refused}");
    }
    let malformed = timer(&node, A, json!({ "Every": { "id": "1" } }));
    assert!(malformed["Err"]["Malformed"].is_object(), "{malformed}");
    // Nobody outside is a process.
    let outside = node.send(TIMER, r#"{"Every":{"id":"1","cron":"* * * * *"}}"#, None, 60).unwrap();
    assert_eq!(outside.json(), json!({ "Err": "NotAProcess" }));
}
