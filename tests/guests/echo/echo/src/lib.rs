//! Answers each request with its own body, and the blob that came with it.

use kinode_process_lib::{await_message, call_init, println, Address, Message, Response};

wit_bindgen::generate!({
    path: "../../../../wit",
    world: "process-v1",
});

call_init!(init);
fn init(our: Address) {
    println!("{}: begin", our.package());
    loop {
        match await_message() {
            Ok(message @ Message::Request { .. }) => {
                let mut response = Response::new().body(message.body());
                if let Some(blob) = message.blob() {
                    response = response.blob(blob);
                }
                response.send().unwrap();
            }
            Ok(Message::Response { .. }) => {}
            Err(error) => println!("{error:?}"),
        }
    }
}
