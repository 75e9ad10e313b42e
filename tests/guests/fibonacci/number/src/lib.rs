//! `number <n>`: asks the process of its package for a Fibonacci number.

use kinode_process_lib::{script, Address, Message, Request};
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

script!(init);
fn init(_our: Address, args: String) -> String {
    let Ok(number) = args.parse::<u32>() else {
        return "usage: number <n>".to_string();
    };
    let request = serde_json::to_vec(&FibonacciRequest::Number(number)).unwrap();
    let answer =
        Request::to(("our", ("fibonacci", "fibonacci", "test.os"))).body(request).send_and_await_response(5).unwrap();
    match answer {
        Ok(Message::Response { body, .. }) => {
            let FibonacciResponse::Number(number) = serde_json::from_slice(&body).unwrap();
            format!("{number}")
        }
        _ => "did not get the expected Response".to_string(),
    }
}
