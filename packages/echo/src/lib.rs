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
