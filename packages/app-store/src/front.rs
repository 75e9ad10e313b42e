//! `downloads:app-store:sys`: hands what it is asked to the process that keeps the zips, and answers with what comes back.
//!
//! The API has an address of its own, as other tools know it. There is one owner of the zips all the same, since which of
//! them must stay follows from what is installed.

use wharf_process_lib::{Message, ProcessId, Request, Response, await_message, println};

use crate::downloads_api::{DownloadsError, DownloadsResponse};

/// How long keeping a zip may take: all of it is checked.
const WAIT_S: u64 = 60;

/// Answers every request, until it is ended.
pub(crate) fn serve(main: &ProcessId) {
    loop {
        match await_message() {
            Ok(message @ Message::Request { .. }) => answer(main, &message).send(),
            Ok(Message::Response { .. }) => {}
            Err(error) => println!("{error}"),
        }
    }
}

fn answer(main: &ProcessId, message: &Message) -> Response {
    if !message.is_local() {
        // Packages are not fetched from other nodes, nor given to them.
        return refused(DownloadsError::NotMirroring, "this node gives its downloads to no other");
    }
    let mut request = Request::to_local(main).body(message.body());
    // Not inherited: of a request without a blob that would be the one from before.
    if let Some(blob) = message.blob() {
        request = request.blob(blob);
    }
    match request.send_and_await_response(WAIT_S) {
        Ok(answered) => match answered.metadata() {
            Some(metadata) => Response::new().body(answered.body()).metadata(metadata),
            None => Response::new().body(answered.body()),
        },
        Err(error) => refused(DownloadsError::Timeout, error),
    }
}

/// An answer that says why, as every failure does.
pub(crate) fn refused(error: DownloadsError, why: impl std::fmt::Display) -> Response {
    let response = Response::new().json(&DownloadsResponse::Err(error)).unwrap_or_else(|_| Response::new());
    response.failure(why)
}
