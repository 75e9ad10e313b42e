//! Asked to run by the tester, asks `echo` of another package for something, and says whether that came back.

use kinode_process_lib::{await_message, call_init, println, Address, Message, Request, Response};
use serde::{Deserialize, Serialize};

wit_bindgen::generate!({
    path: "../../../../wit",
    world: "process-v1",
});

#[derive(Debug, Deserialize)]
enum TesterRequest {
    Run {
        #[allow(dead_code)]
        input_node_names: Vec<String>,
        test_names: Vec<String>,
        #[allow(dead_code)]
        test_timeout: u64,
    },
}

#[derive(Debug, Serialize)]
enum TesterResponse {
    Run(Result<(), FailResponse>),
}

#[derive(Debug, Serialize)]
struct FailResponse {
    test: String,
    file: String,
    line: u32,
    column: u32,
}

macro_rules! fail {
    ($test:expr) => {
        Err(FailResponse { test: $test.to_string(), file: file!().to_string(), line: line!(), column: column!() })
    };
}

fn test() -> Result<(), FailResponse> {
    let asked = Request::to(("our", ("echo", "echo", "test.os"))).body(b"is it there?");
    let Ok(Ok(answer)) = asked.send_and_await_response(60) else { return fail!("echo-test") };
    if answer.body() != b"is it there?" {
        return fail!("echo-test");
    }
    Ok(())
}

call_init!(init);
fn init(_our: Address) {
    loop {
        let Ok(Message::Request { body, .. }) = await_message() else { continue };
        let TesterRequest::Run { test_names, .. } = serde_json::from_slice(&body).unwrap();
        println!("running {test_names:?}");
        Response::new().body(serde_json::to_vec(&TesterResponse::Run(test())).unwrap()).send().unwrap();
    }
}
