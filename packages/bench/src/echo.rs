//! The side that answers.

use wharf_process_lib::bindings::kinode::process::standard as bindings;
use wharf_process_lib::{Message, Response, await_message, println};

/// Answers as the package `echo` does.
pub(crate) fn with_library() {
    answer_all(|message| {
        let response = if message.has_blob() { Response::new().inherit() } else { Response::new() };
        response.body(message.body()).send();
    });
}

/// Takes the blob into this process and sends it back from here.
pub(crate) fn blobs() {
    answer_all(|message| {
        let response = Response::new().body(message.body());
        match message.blob() {
            Some(blob) => response.blob(blob).send(),
            None => response.send(),
        }
    });
}

fn answer_all(answer: impl Fn(&Message)) {
    loop {
        match await_message() {
            Ok(message @ Message::Request { .. }) => answer(&message),
            Ok(Message::Response { .. }) => {}
            Err(error) => println!("{error}"),
        }
    }
}

/// Sends the body back with nothing in between.
pub(crate) fn bare() {
    loop {
        match bindings::receive() {
            Ok((_, bindings::Message::Request(request))) => {
                let response =
                    bindings::Response { inherit: false, body: request.body, metadata: None, capabilities: Vec::new() };
                bindings::send_response(&response, None);
            }
            Ok((_, bindings::Message::Response(_))) => {}
            Err(_) => println!("a request failed, though this process sends none"),
        }
    }
}
