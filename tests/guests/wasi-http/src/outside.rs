//! Asking the world outside.

use std::io::{Read, Write};

use wasip2::http::outgoing_handler;
use wasip2::http::types::{ErrorCode, Fields, IncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme};

/// Posts a body to a URL that begins with `http://`: the status and the body of the answer, or why there is none.
pub(crate) fn ask(url: &str, body: &[u8]) -> String {
    match answer(url, body) {
        Ok(answer) => answer,
        Err(error) => format!("refused: {error:?}"),
    }
}

fn answer(url: &str, body: &[u8]) -> Result<String, ErrorCode> {
    let rest = url.strip_prefix("http://").ok_or(ErrorCode::HttpRequestUriInvalid)?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let fields = Fields::new();
    let _ = fields.append("x-from", b"a handler");
    let request = OutgoingRequest::new(fields);
    let invalid = |()| ErrorCode::HttpRequestUriInvalid;
    request.set_method(&Method::Post).map_err(invalid)?;
    request.set_scheme(Some(&Scheme::Http)).map_err(invalid)?;
    request.set_authority(Some(authority)).map_err(invalid)?;
    request.set_path_with_query(Some(&format!("/{path}"))).map_err(invalid)?;
    let out = request.body().map_err(invalid)?;
    let future = outgoing_handler::handle(request, None)?;
    if let Ok(mut stream) = out.write() {
        let _ = stream.write_all(body);
    }
    OutgoingBody::finish(out, None)?;
    future.subscribe().block();
    let response = future.get().ok_or(ErrorCode::HttpResponseTimeout)?.map_err(|()| ErrorCode::LoopDetected)??;
    Ok(format!("{} {}", response.status(), String::from_utf8_lossy(&whole(&response))))
}

fn whole(response: &IncomingResponse) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Ok(body) = response.consume()
        && let Ok(mut stream) = body.stream()
    {
        let _ = stream.read_to_end(&mut bytes);
    }
    bytes
}
