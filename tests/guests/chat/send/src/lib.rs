//! `send <target> <words>`: has `alice` of this package say something to a process of this node.

use kinode_process_lib::{script, Address, Message, Request};

use crate::kinode::process::chat::{Request as ChatRequest, Response as ChatResponse, SendRequest};

wit_bindgen::generate!({
    path: "../wit",
    world: "chat-test-dot-os-v0",
    generate_unused_types: true,
    additional_derives: [serde::Deserialize, serde::Serialize],
});

script!(init);
fn init(_our: Address, args: String) -> String {
    let Some((target, message)) = args.split_once(' ') else {
        return "usage: send <target> <words>".to_string();
    };
    let send = ChatRequest::Send(SendRequest { target: target.to_string(), message: message.to_string() });
    let answer = Request::to(("our", ("alice", "chat", "test.os")))
        .body(serde_json::to_vec(&send).unwrap())
        .send_and_await_response(60)
        .unwrap();
    match answer {
        Ok(Message::Response { body, .. }) => match serde_json::from_slice(&body) {
            Ok(ChatResponse::Send) => format!("{target} was told"),
            answer => format!("not sent: {answer:?}"),
        },
        answer => format!("not sent: {answer:?}"),
    }
}
