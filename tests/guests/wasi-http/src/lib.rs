//! Handles HTTP as a component for any host does, and does what the path of a request says.

mod outside;

use std::io::{Read, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{Fields, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam, Scheme};

struct Handler;

wasip2::http::proxy::export!(Handler);

/// Requests that this instance has handled.
static COUNT: AtomicU64 = AtomicU64::new(0);
/// What it was told to keep.
static KEPT: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

impl Guest for Handler {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        match path {
            "/about" => answer(out, &[], about(&request).as_bytes()),
            "/echo" => answer(out, &[], &body(&request)),
            "/length" => answer(out, &[], body(&request).len().to_string().as_bytes()),
            "/cookies" => answer(out, &[("set-cookie", "a=1; Path=/"), ("set-cookie", "b=2; Path=/")], b"cookies"),
            "/count" => answer(out, &[], (COUNT.fetch_add(1, Ordering::Relaxed) + 1).to_string().as_bytes()),
            "/print" => {
                println!("printed: {query}");
                answer(out, &[], b"printed");
            }
            "/bytes" => answer(out, &[], &vec![b'x'; query.parse().unwrap_or_default()]),
            "/keep" => {
                let kept = vec![1; query.parse::<usize>().unwrap_or_default() << 20];
                KEPT.lock().unwrap_or_else(|kept| kept.into_inner()).push(kept);
                answer(out, &[], b"kept");
            }
            "/file" => answer(out, &[], file(query).unwrap_or_else(|error| error.to_string()).as_bytes()),
            "/outside" => answer(out, &[], outside::ask(query, &body(&request)).as_bytes()),
            "/trap" => std::process::abort(),
            "/spin" => spin(),
            "/spin-after" => {
                answer(out, &[], b"answered");
                spin();
            }
            "/silent" => drop(out),
            "/short" => short(out),
            "/exit" => std::process::exit(0),
            _ => answer(out, &[], b"hello"),
        }
    }
}

fn spin() -> ! {
    loop {
        std::hint::spin_loop();
    }
}

fn fields(headers: &[(&str, &str)]) -> Fields {
    let fields = Fields::new();
    for (name, value) in headers {
        let _ = fields.append(name, value.as_bytes());
    }
    fields
}

fn answer(out: ResponseOutparam, headers: &[(&str, &str)], bytes: &[u8]) {
    let response = OutgoingResponse::new(fields(headers));
    let Ok(body) = response.body() else { return };
    ResponseOutparam::set(out, Ok(response));
    if let Ok(mut stream) = body.write() {
        let _ = stream.write_all(bytes);
    }
    let _ = OutgoingBody::finish(body, None);
}

/// Says that ten bytes will come, and writes three.
fn short(out: ResponseOutparam) {
    let response = OutgoingResponse::new(fields(&[("content-length", "10")]));
    let Ok(body) = response.body() else { return };
    ResponseOutparam::set(out, Ok(response));
    if let Ok(mut stream) = body.write() {
        let _ = stream.write_all(b"abc");
    }
    let _ = OutgoingBody::finish(body, None);
}

fn body(request: &IncomingRequest) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Ok(body) = request.consume()
        && let Ok(mut stream) = body.stream()
    {
        let _ = stream.read_to_end(&mut bytes);
    }
    bytes
}

fn about(request: &IncomingRequest) -> String {
    let method = match request.method() {
        Method::Get => "GET".to_owned(),
        Method::Post => "POST".to_owned(),
        Method::Other(other) => other,
        other => format!("{other:?}"),
    };
    let scheme = match request.scheme() {
        Some(Scheme::Https) => "https",
        Some(Scheme::Http) => "http",
        _ => "",
    };
    let headers: std::collections::BTreeMap<_, _> = request
        .headers()
        .entries()
        .into_iter()
        .map(|(name, value)| (name, String::from_utf8_lossy(&value).into_owned()))
        .collect();
    json!({ "method": method, "path": request.path_with_query(), "scheme": scheme, "authority": request.authority(),
        "headers": headers, "environment": std::env::vars().collect::<Vec<_>>() })
    .to_string()
}

/// Writes a file and reads it.
fn file(text: &str) -> std::io::Result<String> {
    let folder = std::env::var("TEMP_DIR").map_err(std::io::Error::other)?;
    let path = format!("{folder}/file");
    std::fs::write(&path, text)?;
    std::fs::read_to_string(&path)
}
