//! What a world must do as a node does.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failure here fails the test")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::process::Spawn;
use crate::{
    Address, Capability, LazyLoadBlob, Message, OnExit, ProcessId, Request, Response, SendErrorKind, await_message,
    capability, kv, println, process, state, timer, vfs,
};

fn id(text: &str) -> ProcessId {
    text.parse().unwrap()
}

/// Passes on what it is asked, and has nothing to do with the answer.
fn passes_on(_our: Address) {
    while let Ok(Message::Request { body, .. }) = await_message() {
        Request::to_local(&id("end:app:test.os")).body(body).inherit().send();
    }
}

#[test]
fn a_request_that_is_passed_on_is_answered_to_who_asked_first() {
    let world = World::new();
    let middle = world.start("middle:app:test.os", passes_on);
    world.play("end:app:test.os", |asked| {
        assert_eq!(asked.source.to_string(), "test.os@middle:app:test.os");
        let blob = asked.blob.clone().unwrap();
        Some(Response::new().body(asked.body.clone()).blob(blob))
    });
    let first = world.actor("first:app:test.os");
    let blob = LazyLoadBlob { mime: None, bytes: b"beside".to_vec() };
    let asked = Request::to_local(middle.id()).body("body").blob(blob).context("mine");
    let answer = first.ask(asked).unwrap();
    assert_eq!((answer.source.process(), answer.body.as_slice()), (&id("end:app:test.os"), &b"body"[..]));
    assert_eq!(answer.blob.unwrap().bytes, b"beside");
}

#[test]
fn what_cannot_be_delivered_fails_at_once_and_what_is_not_answered_in_time() {
    let world = World::new();
    let silent = world.actor("silent:app:test.os");
    let asker = world.start("asker:app:test.os", |_| {
        for target in ["our@nobody:app:test.os", "other.os@main:app:other.os", "our@silent:app:test.os"] {
            let failed = Request::to(&target.parse().unwrap()).context(target).send_and_await_response(7);
            let failed = failed.unwrap_err();
            println!("{:?} {}", failed.kind, String::from_utf8(failed.context.unwrap()).unwrap());
        }
        Request::to_local(&id("silent:app:test.os")).context("later").expects_response(3).send();
        let failed = await_message().unwrap_err();
        println!("{:?} {}", failed.kind, String::from_utf8(failed.context.unwrap()).unwrap());
    });
    let said = |lines: usize| assert_eq!(asker.printed().len(), lines, "{:?}", asker.printed());
    said(2);
    world.advance(Duration::from_millis(6_999));
    said(2);
    world.advance(Duration::from_millis(1));
    said(3);
    // What comes too late is nobody's.
    let asked = silent.received();
    silent.answer(&asked[0], Response::new());
    said(3);
    world.advance(Duration::from_secs(3));
    assert_eq!(
        asker.printed(),
        [
            "Timeout our@nobody:app:test.os",
            "Offline other.os@main:app:other.os",
            "Timeout our@silent:app:test.os",
            "Timeout later"
        ]
    );
    assert!(asker.has_ended());
    assert_eq!(SendErrorKind::Timeout.to_string(), "no response in time, or it could not be delivered");
}

#[test]
fn messages_wait_while_a_process_awaits_a_response() {
    let world = World::new();
    let slow = world.actor("slow:app:test.os");
    let process = world.start("main:app:test.os", |_| {
        while let Ok(message) = await_message() {
            println!("got {}", String::from_utf8_lossy(message.body()));
            Request::to_local(&id("slow:app:test.os")).send_and_await_response(60).unwrap();
            Response::new().body("done").send();
        }
    });
    let client = world.actor("client:app:test.os");
    let [one, two] = ["one", "two"].map(|text| client.begin(Request::to_local(process.id()).body(text)));
    assert_eq!(process.printed(), ["got one"]);
    slow.answer(&slow.received()[0], Response::new());
    assert_eq!(client.answer_to(one).unwrap().unwrap().body, b"done");
    assert!(client.answer_to(two).is_none());
    slow.answer(&slow.received()[0], Response::new());
    assert_eq!(client.answer_to(two).unwrap().unwrap().body, b"done");
}

#[test]
fn only_what_is_held_or_issued_is_shown_and_only_what_was_shown_is_saved() {
    let world = World::new();
    let mine = Capability::new("test.os@giver:app:test.os".parse().unwrap(), "1");
    let others = Capability::new("test.os@vfs:distro:sys".parse().unwrap(), "2");
    let taker = world.start("taker:app:test.os", |_| {
        while let Ok(message) = await_message() {
            capability::save(message.capabilities());
            capability::save(&[Capability::new("test.os@vfs:distro:sys".parse().unwrap(), "3")]);
        }
    });
    let (given, target) = ([mine, others.clone()], taker.id().clone());
    world.run("giver:app:test.os", move |_| Request::to_local(&target).capabilities(&given).send());
    world.settle();
    let held = |process: &Process<'_>| process.capabilities().iter().map(|cap| cap.params.clone()).collect::<Vec<_>>();
    assert_eq!(held(&taker), ["1"]);
    let holder = world.process("holder:app:test.os").with_capability(others).start({
        let target = taker.id().clone();
        move |_| Request::to_local(&target).capabilities(&capability::ours()).send()
    });
    assert_eq!(held(&taker), ["1", "2"]);
    assert!(holder.has_ended());
}

#[test]
fn children_are_processes_and_what_they_leave_behind_is_sent() {
    let world = World::new();
    world.component("/app:test.os/pkg/child.wasm", |our| {
        let last = crate::types::Request { body: b"gone".to_vec(), ..Default::default() };
        process::set_on_exit(OnExit::Requests(vec![("our@main:app:test.os".parse().unwrap(), last, None)]));
        println!("{our}");
    });
    let parent = world.start("main:app:test.os", |_| {
        let spawn = || Spawn::new("/app:test.os/pkg/child.wasm").name("child");
        let child = spawn().start().unwrap();
        assert_eq!(spawn().start(), Err(process::SpawnError::NameTaken));
        assert_eq!(Spawn::new("/none").start(), Err(process::SpawnError::NoFileAtPath));
        let message = await_message().unwrap();
        println!("{child} is {}", String::from_utf8_lossy(message.body()));
    });
    assert_eq!(parent.printed(), ["child:app:test.os is gone"]);
    assert_eq!(world.running("child:app:test.os").printed(), ["test.os@child:app:test.os"]);
}

#[test]
fn a_panic_of_a_process_is_one_of_the_test_and_a_world_that_is_dropped_ends_what_waits() {
    struct Tells(std::sync::Arc<std::sync::atomic::AtomicBool>);
    impl Drop for Tells {
        fn drop(&mut self) {
            // A message while the process ends is no harm.
            Request::to_module("vfs").body("{}").send_and_await_response(1).unwrap_err();
            self.0.store(true, std::sync::atomic::Ordering::SeqCst);
        }
    }
    let ended = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let world = World::new();
    let tells = std::sync::Arc::clone(&ended);
    world.start("waits:app:test.os", move |_| {
        let _tells = Tells(std::sync::Arc::clone(&tells));
        while await_message().is_ok() {}
    });
    let said = catch_unwind(AssertUnwindSafe(|| world.start("bad:app:test.os", |_| assert_eq!(1, 2, "no"))));
    let said = said.unwrap_err();
    assert!(said.downcast_ref::<String>().unwrap().starts_with("bad:app:test.os panicked: assertion"), "{said:?}");
    assert!(!ended.load(std::sync::atomic::Ordering::SeqCst));
    drop(world);
    assert!(ended.load(std::sync::atomic::Ordering::SeqCst));
}

#[test]
fn a_test_that_can_never_go_on_says_why() {
    let world = World::new();
    let said = catch_unwind(AssertUnwindSafe(|| world.run("main:app:test.os", |_| await_message().is_ok())));
    let said = said.unwrap_err().downcast::<String>().unwrap();
    assert_eq!(*said, "main:app:test.os waits for a message, which never comes");
    let world = World::new();
    let deaf = world.start("deaf:app:test.os", |_| while await_message().is_ok() {});
    let said = catch_unwind(AssertUnwindSafe(|| deaf.ask(&1))).unwrap_err().downcast::<String>().unwrap();
    assert_eq!(*said, "deaf:app:test.os does not answer: it waits for a message");
}

#[test]
fn outside_a_world_the_library_says_what_is_missing() {
    let said = std::thread::spawn(state::get_bytes).join().unwrap_err();
    assert!(said.downcast_ref::<&str>().unwrap().contains("run it with wharf_process_lib::testing::World"));
}

#[test]
fn the_stand_in_for_kv_keeps_transactions_apart() {
    let world = World::new();
    let error = world.run("main:app:test.os", |our| {
        let package = our.process().package_id();
        let database = kv::open(&package, "accounts").unwrap();
        database.set_json("ann", &1).unwrap();
        let first = database.begin().unwrap();
        first.set(b"bob", *b"2").unwrap();
        assert_eq!(first.get(b"bob").unwrap().as_deref(), Some(&b"2"[..]));
        assert_eq!(database.get(b"bob").unwrap(), None);
        first.commit().unwrap();
        let second = database.begin().unwrap();
        second.get(b"bob").unwrap();
        assert!(database.compare_and_set(b"bob", Some(b"2"), Some(b"3".to_vec())).unwrap());
        second.set(b"eve", *b"4").unwrap();
        let conflict = second.commit().unwrap_err();
        assert_eq!(database.get(b"eve").unwrap(), None);
        database.batch([(b"a".to_vec(), Some(b"x".to_vec())), (b"bob".to_vec(), None)]).unwrap();
        let page = database.page(kv::Scan::all().limit(1)).unwrap();
        assert_eq!(page, kv::Page { entries: vec![(br#""ann""#.to_vec(), b"1".to_vec())], next: Some(b"a".to_vec()) });
        let down = database.page(kv::Scan::prefix("a").descending()).unwrap();
        assert_eq!(down, kv::Page { entries: vec![(b"a".to_vec(), b"x".to_vec())], next: None });
        conflict.to_string()
    });
    assert_eq!(
        error,
        "commit to database accounts of app:test.os: what the transaction read has changed; nothing was committed"
    );
    let refused = world.run("main:other:test.os", |_| {
        let package = "app:test.os".parse().unwrap();
        (kv::open(&package, "accounts").is_err(), kv::of_others(&package, "accounts").get(b"a").is_err())
    });
    assert_eq!(refused, (true, true));
}

#[test]
fn the_stand_in_for_the_vfs_has_files_as_a_node_has() {
    use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
    let world = World::new();
    world.run("main:app:test.os", |our| {
        let drive = vfs::create_drive(&our.process().package_id(), "notes").unwrap();
        let path = |name: &str| format!("{drive}/{name}");
        assert_eq!(vfs::read(&path("a")).unwrap_err().kind(), ErrorKind::NotFound);
        vfs::create_dir_all(&path("deep/deeper")).unwrap();
        vfs::write(&path("deep/a"), "hello").unwrap();
        let mut file = vfs::OpenOptions::new().read(true).write(true).open(&path("deep/a")).unwrap();
        file.seek(SeekFrom::End(-1)).unwrap();
        file.write_all(b"p me").unwrap();
        file.seek(SeekFrom::Start(1)).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "ellp me");
        let hash = vfs::hash(&path("deep/a")).unwrap();
        vfs::copy(&path("deep/a"), &path("b")).unwrap();
        assert_eq!(vfs::hash(&path("b")).unwrap(), hash);
        assert_eq!(vfs::remove_dir(&path("deep")).unwrap_err().kind(), ErrorKind::DirectoryNotEmpty);
        vfs::rename(&path("deep"), &path("moved")).unwrap();
        let names: Vec<_> = vfs::read_dir(&drive).unwrap().into_iter().map(|entry| entry.path).collect();
        assert_eq!(names, ["app:test.os/notes/b", "app:test.os/notes/moved"]);
        assert_eq!(vfs::metadata(&path("moved/a")).unwrap().len, 8);
        vfs::remove_dir_all(&path("moved")).unwrap();
        assert!(!vfs::exists(&path("moved/a")).unwrap());
    });
    let kind = world.run("main:other:test.os", |_| vfs::read("/app:test.os/notes/b").unwrap_err().kind());
    assert_eq!(kind, ErrorKind::PermissionDenied);
}

#[test]
fn timers_fire_in_order_and_when_the_world_says_so() {
    let world = World::new();
    let soon = world.now_unix_ms() + 1_500;
    let process = world.start("main:app:test.os", move |_| {
        timer::at("call", soon, "ring").unwrap();
        timer::set_timer(2_000, "late").unwrap();
        timer::set_timer(1_000, "early").unwrap();
        while let Ok(message) = await_message() {
            match timer::fired(&message) {
                Some(fired) => println!("{} {}", fired.id, String::from_utf8_lossy(message.body())),
                None => println!("{}", String::from_utf8_lossy(message.context().unwrap())),
            }
        }
    });
    assert!(process.printed().is_empty());
    world.advance(Duration::from_secs(10));
    assert_eq!(process.printed(), ["early", "call ring", "late"]);
    // To sleep takes no time of the test's.
    let slept = world.run("sleeper:app:test.os", |_| timer::sleep(86_400_000).is_ok());
    assert!(slept && world.now_unix_ms() >= soon + 86_400_000);
}

#[test]
fn what_is_bound_in_advance_is_answered_without_the_process() {
    let world = World::new();
    let process = world.start("main:app:test.os", |_| {
        crate::http::bind_static("/about", crate::http::Access::Anyone, "text/plain", b"it counts".to_vec()).unwrap();
    });
    let page = process.http("GET", "/about", "");
    assert_eq!(
        (page.status, page.header("Content-Type"), page.text().as_str()),
        (200, Some("text/plain"), "it counts")
    );
}

#[test]
fn bodies_and_queries_reach_the_web_handlers() {
    let world = World::new();
    let process = world.start("main:app:test.os", |_| {
        crate::http::Router::new(Vec::<String>::new())
            .post("/notes/*rest", crate::http::Access::Anyone, |notes, asked| {
                notes.push(asked.json::<String>()?);
                Ok::<_, crate::http::Reply>(crate::http::Reply::json(&json!([
                    asked.url_params["rest"],
                    asked.query,
                    notes
                ])))
            })
            .serve()
    });
    let answer = process.http("POST", "/notes/a/b?n=1", r#""milk""#);
    assert_eq!(answer.json::<serde_json::Value>(), json!(["a/b", { "n": "1" }, ["milk"]]));
    assert_eq!(process.http("POST", "/notes/a", "{").status, 400);
    let other = process.ask(&1).failure();
    assert_eq!(other.as_deref(), Some("main takes no requests of processes"));
}
