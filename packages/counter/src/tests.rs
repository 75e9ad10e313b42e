//! The counter without a node: run by `cargo test`.

use serde_json::json;
use wharf_process_lib::testing::World;

use super::*;

const COUNTER: &str = "counter:counter:test.os";

#[test]
fn counts_what_comes_by_http_and_by_message() {
    let world = World::new();
    let counter = world.start(COUNTER, init);
    let page = counter.http("GET", "/", "");
    assert!(page.status == 200 && page.text().contains(">1<"), "{page:?}");
    assert_eq!(counter.http("HEAD", "/", "").status, 200);
    assert_eq!(counter.ask(&"Increment").json::<Counter>(), Counter { count: 2 });
    assert_eq!(counter.http("POST", "/api", "").json::<Counter>(), Counter { count: 3 });
    assert_eq!(counter.http("POST", "/", "").status, 405);
    assert_eq!(counter.ask(&"Get").json::<Counter>(), Counter { count: 3 });
    let refused = counter.ask(&"Decrement").failure().unwrap_or_default();
    assert!(refused.starts_with("not a request to counter: unknown variant `Decrement`"), "{refused}");
}

#[test]
fn goes_on_where_it_was() {
    let world = World::new();
    let counter = world.process(COUNTER).with_state(&json!({ "count": 41 })).start(init);
    assert_eq!(counter.ask(&"Increment").json::<Counter>(), Counter { count: 42 });
    counter.restart();
    assert_eq!(counter.ask(&"Increment").json::<Counter>(), Counter { count: 43 });
    assert_eq!(counter.state(), Some(Counter { count: 43 }));
}

#[test]
fn what_is_saved_and_not_understood_is_left_alone() {
    let world = World::new();
    let counter = world.process(COUNTER).with_state(&"much").start(init);
    assert!(counter.has_ended());
    assert!(counter.printed().concat().contains("the saved state is not understood"), "{:?}", counter.printed());
    assert_eq!(counter.state::<String>().as_deref(), Some("much"));
}
