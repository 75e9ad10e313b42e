//! Doors for fuzz targets to what reads bytes of clients and guests. No part of the interface.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use hyper::header::{HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Request};

use crate::pattern::{Pattern, normal};
use crate::{access, auth, content, guest, rpc, socket};

const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1);

/// The head of a request: a method, a target, and lines of `name: value`.
pub fn head(bytes: &[u8]) {
    let (Some(parts), Ok(node)) = (parts(bytes), "a.os".parse()) else { return };
    let _ = access::check_local_tool(PEER.ip(), &parts).is_ok();
    auth::read_head(PEER, &node, &parts);
    for len in [0, 1, 1_000] {
        content::read_head(&parts.headers, len);
    }
    socket::read_head(&parts);
}

fn parts(bytes: &[u8]) -> Option<Parts> {
    let mut lines = bytes.split(|b| *b == b'\n');
    let mut first = lines.next()?.splitn(2, |b| *b == b' ');
    let request = Request::builder().method(first.next()?).uri(first.next().unwrap_or(b"/"));
    let mut parts = request.body(()).ok()?.into_parts().0;
    parts.headers = lines.fold(HeaderMap::new(), |mut headers, line| {
        let mut halves = line.splitn(2, |b| *b == b':');
        let name = HeaderName::from_bytes(halves.next().unwrap_or_default());
        let value = HeaderValue::from_bytes(halves.next().unwrap_or_default().trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
        headers
    });
    Some(parts)
}

/// What is sent to `/login`.
pub fn login(bytes: &[u8]) {
    auth::read_form(bytes);
}

/// The body of an RPC call.
pub fn rpc(bytes: &[u8]) {
    rpc::read(bytes);
}

/// The head of an answer, as a process gives it.
pub fn answer(bytes: &[u8]) {
    let _ = guest::Answer::read(bytes);
}

/// A path that a process binds, and then one that a client asks for.
pub fn path(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (bound, asked) = text.split_once('\n').unwrap_or((&text, &text));
    let Ok(pattern) = Pattern::new(&normal(bound)) else { return };
    let mut router = matchit::Router::new();
    if router.insert(pattern.matcher, ()).is_ok() {
        let _ = router.at(&normal(asked)).is_ok();
    }
}
