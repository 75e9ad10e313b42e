//! Both ends and their workers without a node: run by `cargo test`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failure here fails the test")]

use std::time::Duration;

use serde_json::{Value, json};
use wharf_process_lib::Response;
use wharf_process_lib::testing::{Process, World};

use super::*;
use crate::share::PIECE_BYTES_MAX;

const COMPONENT: &str = "/file-transfer:test.os/pkg/file-transfer.wasm";
const SOURCE: &str = "file-transfer:file-transfer:test.os";

fn world() -> World {
    let world = World::new();
    world.component(COMPONENT, init);
    world
}

fn fetch(mirror: &Process<'_>, from: &str, name: &str) {
    let asked = mirror.ask(&json!({ "Fetch": { "from": format!("our@{from}"), "name": name } }));
    assert_eq!(asked.failure(), None);
}

fn text_of(world: &World, name: &'static str) -> Option<String> {
    let path = format!("/file-transfer:test.os/mirror-files/{name}");
    world.run("reader:file-transfer:test.os", move |_| vfs::read_to_string(&path).ok())
}

fn own<'a>(world: &'a World, name: &str) -> Process<'a> {
    world.start(&format!("{name}:file-transfer:test.os"), init)
}

#[test]
fn a_file_comes_piece_by_piece_and_whole() {
    let world = world();
    let (source, mirror) = (own(&world, "file-transfer"), own(&world, "mirror"));
    let text = "0123456789".repeat(PIECE_BYTES_MAX / 4);
    source.ask(&json!({ "Save": { "name": "a.txt", "text": &text } })).json::<Value>();
    fetch(&mirror, SOURCE, "a.txt");
    assert_eq!(mirror.ask(&"Transfers").json::<Value>(), json!({ "a.txt": "Done" }));
    assert_eq!(text_of(&world, "a.txt").as_deref(), Some(text.as_str()));
    assert_eq!(mirror.state::<Value>(), Some(json!({})));
}

#[test]
fn a_transfer_goes_on_where_it_was_when_the_process_starts_again() {
    let world = world();
    let mirror = own(&world, "mirror");
    let source = world.actor("source:elsewhere:test.os");
    let file = vec![b'x'; PIECE_BYTES_MAX + 10];
    fetch(&mirror, "source:elsewhere:test.os", "x.bin");
    let asked = source.received().remove(0);
    assert_eq!(asked.json::<Value>(), json!({ "Describe": { "name": "x.bin" } }));
    let described = Response::new().json(&json!({ "bytes": file.len(), "hash": "00".repeat(32) })).unwrap();
    source.answer(&asked, described.clone());
    let asked = source.received().remove(0);
    assert_eq!(asked.json::<Value>(), json!({ "Read": { "name": "x.bin", "offset": 0 } }));
    let piece = |bytes: &[u8]| {
        let blob = wharf_process_lib::LazyLoadBlob { mime: None, bytes: bytes.to_vec() };
        Response::new().json(&bytes.len()).unwrap().blob(blob)
    };
    source.answer(&asked, piece(&file[..PIECE_BYTES_MAX]));
    assert_eq!(source.received().len(), 1, "the rest is asked for, and is not answered");
    // Its worker, which is another process, knows nothing of that; what it does besides does no harm.
    mirror.restart();
    let asked = source.received().remove(0);
    source.answer(&asked, described);
    let asked = source.received().remove(0);
    assert_eq!(asked.json::<Value>(), json!({ "Read": { "name": "x.bin", "offset": PIECE_BYTES_MAX } }));
    source.answer(&asked, piece(&file[PIECE_BYTES_MAX..]));
    // Not what was described, which is found out at the end.
    let transfers: Value = mirror.ask(&"Transfers").json();
    assert!(transfers["x.bin"]["Failed"].as_str().unwrap().contains("another file (65546 bytes)"), "{transfers}");
}

#[test]
fn who_does_not_answer_is_asked_again_and_then_given_up() {
    let world = world();
    let mirror = own(&world, "mirror");
    let silent = world.actor("silent:elsewhere:test.os");
    fetch(&mirror, "silent:elsewhere:test.os", "a.txt");
    // Five times ten seconds, and the pauses between them.
    world.advance(Duration::from_secs(59));
    assert_eq!(mirror.ask(&"Transfers").json::<Value>(), json!({ "a.txt": { "Fetching": { "bytes": 0, "of": 0 } } }));
    world.advance(Duration::from_secs(1));
    assert_eq!(silent.received().len(), 5);
    let transfers: Value = mirror.ask(&"Transfers").json();
    assert!(transfers["a.txt"]["Failed"].as_str().unwrap().contains("no response in time"), "{transfers}");
    assert!(text_of(&world, "a.txt").is_none());
}

#[test]
fn strangers_read_what_is_shared_and_nothing_else() {
    let world = world();
    let source = own(&world, "file-transfer");
    let stranger = world.actor("main:strange:test.os");
    let ask =
        |what: Value| stranger.ask(wharf_process_lib::Request::to_local(source.id()).json(&what).unwrap()).unwrap();
    let refused = ask(json!({ "Save": { "name": "a.txt", "text": "mine" } })).failure();
    assert_eq!(refused.as_deref(), Some("only the node's owner and this package may do that"));
    assert_eq!(ask(json!({ "Done": { "name": "a.txt" } })).failure().as_deref(), Some("only workers report"));
    for name in ["../secret", "", ".part-0", "a/b"] {
        let why = ask(json!({ "Describe": { "name": name } })).failure().unwrap();
        assert!(why.contains("is no name of a file"), "{why}");
    }
    let why = ask(json!({ "Describe": { "name": "none.txt" } })).failure().unwrap();
    assert!(why.contains("No such file"), "{why}");
}
