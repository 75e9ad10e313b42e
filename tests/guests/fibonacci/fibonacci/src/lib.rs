//! Answers `{"Number":n}` with `{"Number":<the n-th Fibonacci number>}`.

use kinode_process_lib::{await_message, call_init, println, Address, Message, Response};
use serde::{Deserialize, Serialize};

wit_bindgen::generate!({
    path: "../../../../wit",
    world: "process-v1",
    generate_unused_types: true,
    additional_derives: [serde::Deserialize, serde::Serialize],
});

#[derive(Debug, Serialize, Deserialize)]
enum FibonacciRequest {
    Number(u32),
}

#[derive(Debug, Serialize, Deserialize)]
enum FibonacciResponse {
    Number(u128),
}

fn fibonacci(n: u32) -> u128 {
    (0..n).fold((0, 1), |(a, b): (u128, u128), _| (b, a.wrapping_add(b))).0
}

fn handle(message: &Message) -> Result<(), Box<dyn std::error::Error>> {
    if let Message::Request { body, .. } = message {
        let FibonacciRequest::Number(n) = serde_json::from_slice(body)?;
        Response::new().body(serde_json::to_vec(&FibonacciResponse::Number(fibonacci(n)))?).send()?;
    }
    Ok(())
}

call_init!(init);
fn init(_our: Address) {
    loop {
        match await_message() {
            Ok(message) => {
                if let Err(error) = handle(&message) {
                    println!("{error}");
                }
            }
            Err(error) => println!("{error:?}"),
        }
    }
}
