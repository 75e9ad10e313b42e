//! Answers every request with the body, metadata and blob it brought.

use wharf_process_lib::{Address, Message, Response, await_message, println};

fn init(_our: Address) {
    loop {
        match await_message() {
            Ok(message @ Message::Request { .. }) => answer(message),
            // A late answer to nothing we asked, or a request of ours that failed: we send none.
            Ok(Message::Response { .. }) => {}
            Err(error) => println!("{error}"),
        }
    }
}

fn answer(message: Message) {
    // The blob is sent back by the node; its bytes never come here. `inherit` sends the blob received last, so it is
    // only for a request that has one.
    let mut response = if message.has_blob() { Response::new().inherit() } else { Response::new() };
    if let Some(metadata) = message.metadata() {
        response = response.metadata(metadata);
    }
    response.body(message.body()).send();
}

wharf_process_lib::main!(init);

/// Without a node: run by `cargo test`.
#[cfg(test)]
mod tests {
    use wharf_process_lib::testing::World;
    use wharf_process_lib::{LazyLoadBlob, Request};

    use super::*;

    #[test]
    fn what_came_is_sent_back() {
        let world = World::new();
        let (echo, asker) = (world.start("echo:echo:test.os", init), world.actor("asker:tests:test.os"));
        let blob = LazyLoadBlob { mime: Some("text/plain".to_owned()), bytes: b"beside".to_vec() };
        let asked = Request::to_local(echo.id()).body("not JSON").metadata("meta").blob(blob.clone());
        let answer = asker.ask(asked);
        assert!(answer.is_ok_and(|answer| {
            (answer.body.as_slice(), answer.metadata.as_deref(), answer.blob) == (b"not JSON", Some("meta"), Some(blob))
        }));
        let without = asker.ask(Request::to_local(echo.id()).body("1"));
        assert!(without.is_ok_and(|answer| answer.metadata.is_none() && answer.blob.is_none()));
    }
}
