//! The guests that `wharf-bench` measures a node with: one component whose part is told by the name of its process.
//!
//! | name | part |
//! |---|---|
//! | `driver`, `pair-N` | does what a [`protocol::Command`] says, and tells how long it took |
//! | `echo`, `echo-N` | answers as `echo:echo:wharf.os` does, through the guest library |
//! | `bare`, `bare-N` | answers with the body, through the generated bindings |
//! | `blob` | takes the blob in and sends it back |
//! | `hello-N` | says hello to the driver and ends |
//! | `idle-N` | waits, and answers with nothing |
//! | `deaf`, `spin`, `flood`, `crash` | what nobody wants beside him, see `neighbours` |
//! | `gone` | ends at once |
//! | `saver-N` | saves its state as often as it is told |
//! | `setter-N` | sets keys as often as it is told |
//! | `http` | answers every GET with the same text; at `/bytes` gives and takes bodies of any length |

mod blocks;
mod bodies;
mod children;
mod databases;
mod driver;
mod echo;
mod files;
mod neighbours;
mod protocol;
mod round_trips;

use wharf_process_lib::http::Access;
use wharf_process_lib::{Address, Message, Request, Response, await_message, http, println};

fn init(our: Address) {
    let name = our.process().process();
    match name.split_once('-').map_or(name, |(part, _)| part) {
        "driver" | "pair" | "saver" | "setter" => driver::serve(&our),
        "echo" => echo::with_library(),
        "bare" => echo::bare(),
        "blob" => echo::blobs(),
        "hello" => say_hello(&our),
        "idle" => wait(),
        "http" => serve_page(),
        "deaf" => neighbours::never_read(),
        "spin" => neighbours::compute_for_ever(),
        "flood" => neighbours::flood(&our),
        "crash" => neighbours::crash(),
        "gone" => {}
        other => println!("there is no part called {other}"),
    }
}

fn say_hello(our: &Address) {
    match children::sibling(our, "driver") {
        Ok(driver) => Request::to(&driver).body("hello").send(),
        Err(error) => println!("{error}"),
    }
}

fn wait() {
    loop {
        match await_message() {
            Ok(Message::Request { .. }) => Response::new().send(),
            Ok(Message::Response { .. }) => {}
            Err(error) => println!("{error}"),
        }
    }
}

fn serve_page() {
    let bound = http::bind("/", Access::Anyone).and_then(|()| http::bind_stream("/bytes", Access::Anyone));
    if let Err(error) = bound {
        return println!("{error}");
    }
    loop {
        match await_message() {
            Ok(message) => {
                if let Some(request) = http::HttpRequest::read(&message) {
                    match request.stream() {
                        Some(stream) => bodies::serve(&request, stream),
                        None => http::Reply::bytes("text/plain", protocol::PAGE).send(),
                    }
                }
            }
            Err(error) => println!("{error}"),
        }
    }
}

wharf_process_lib::main!(init);
