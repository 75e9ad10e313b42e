//! A home with a node in it that answers what a test says, and the real `wharf` run against it.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use serde_json::{Value, json};
use tempfile::TempDir;

/// The token that the node of a test wants.
pub const TOKEN: &str = "right-token";

/// What the node answers to a message: status and body.
pub type Handler = fn(&Value) -> (u16, Value);

/// A node that a test made up. It lives as long as this value.
pub struct Node {
    home: TempDir,
    url: String,
    seen: Arc<Mutex<Vec<Value>>>,
    server: Option<JoinHandle<()>>,
}

impl Node {
    pub fn start(handler: Handler) -> Self {
        let home = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        fs::create_dir(home.path().join("run")).unwrap();
        fs::write(home.path().join("run/http"), format!("{url}\n")).unwrap();
        fs::write(home.path().join("run/token"), format!("{TOKEN}\n")).unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let server = thread::spawn({
            let seen = Arc::clone(&seen);
            move || {
                for connection in listener.incoming() {
                    // The end of the test is an empty connection.
                    let Some(()) = serve(connection.unwrap(), handler, &seen) else { return };
                }
            }
        });
        Self { home, url, seen, server: Some(server) }
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    pub fn wharf(&self, arguments: &[&str]) -> Output {
        wharf(self.home(), arguments)
    }

    /// Every message that came, in order.
    pub fn seen(&self) -> Vec<Value> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        drop(TcpStream::connect(self.url.trim_start_matches("http://")));
        if let Some(server) = self.server.take() {
            let ended = server.join();
            assert!(ended.is_ok() || thread::panicking(), "the made-up node panicked");
        }
    }
}

/// Answers one message. `None` for an empty connection.
fn serve(connection: TcpStream, handler: Handler, seen: &Mutex<Vec<Value>>) -> Option<()> {
    let mut reader = BufReader::new(connection);
    let mut head = Vec::new();
    while reader.read_until(b'\n', &mut head).unwrap() > 2 {}
    if head.is_empty() {
        return None;
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    assert!(head.starts_with("post /rpc:distro:sys/message "), "{head}");
    assert!(head.contains("content-type: application/json\r\n"), "{head}");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let message: Value = serde_json::from_slice(&body).unwrap();
    // Before the answer: whoever has that looks at what came.
    seen.lock().unwrap().push(message.clone());
    let (status, answer) = match head.contains(&format!("authorization: bearer {TOKEN}\r\n")) {
        true => handler(&message),
        false => (401, json!({"kind": "unauthorized", "error": "the control token is wrong"})),
    };
    let answer = if answer.is_null() { String::new() } else { answer.to_string() };
    let length = answer.len();
    let response = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{answer}");
    reader.get_mut().write_all(response.as_bytes()).unwrap();
    Some(())
}

/// Runs `wharf` with nothing of this machine's settings, and no terminal.
pub fn wharf(home: &Path, arguments: &[&str]) -> Output {
    command(home, arguments).output().unwrap()
}

pub fn command(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wharf"));
    command.env_clear().env("WHARF_HOME", home).env("HTTP_PROXY", "http://127.0.0.1:1").args(arguments);
    command.stdin(Stdio::null());
    command
}

/// A reply whose body is this JSON.
pub fn reply(body: &Value) -> (u16, Value) {
    (200, json!({"body": body.to_string().into_bytes(), "lazy_load_blob": null}))
}

/// The same, with a reason in the metadata.
pub fn reply_with_reason(body: &Value, reason: &str) -> (u16, Value) {
    let metadata = json!({"error": reason}).to_string();
    (200, json!({"body": body.to_string().into_bytes(), "lazy_load_blob": null, "metadata": metadata}))
}

/// The kernel's answer about processes: the kernel, and two guests.
pub fn processes() -> Value {
    let info = |id: &str, phase: &str| {
        json!({"id": id, "phase": phase, "public": false, "on_exit": "none", "restarts": 0, "mailbox": 0,
               "last_exit": null, "capabilities": 2})
    };
    json!({"Processes": [
        info("kernel:distro:sys", "Module"), info("echo:echo:wharf.os", "Running"), info("main:chat:wharf.os", "Failed"),
    ]})
}

pub fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Asserts the exit code, showing what was said when it is another.
#[track_caller]
pub fn assert_code(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "stdout: {}\nstderr: {}", out(output), err(output));
}
