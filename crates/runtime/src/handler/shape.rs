//! Between the messages of the web server and HTTP as a handler sees it.
//!
//! A handler is written as if it were the only thing at its server: its paths begin at `/`. So `/<process id>` is taken off the
//! path, and told in `x-forwarded-prefix`, for those that make absolute links.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{HeaderMap, Method, Request, StatusCode, Uri};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wharf_kernel::budget::{Budget, Taken};
use wharf_kernel::envelope::{Blob, Payload};
use wharf_types::{Failure, ProcessId};

/// Where below the site the handler is.
const PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

/// What the web server sends that a handler takes: [`wharf_types::http_server::HttpServerRequest`], borrowed.
#[derive(Deserialize)]
enum Message<'a> {
    #[serde(borrow)]
    Http(Incoming<'a>),
}

#[derive(Deserialize)]
struct Incoming<'a> {
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    url: Cow<'a, str>,
    /// All of the URL, where `url` leaves something out.
    #[serde(borrow, default)]
    target: Option<Cow<'a, str>>,
    #[serde(deserialize_with = "headers")]
    headers: HeaderMap,
}

/// A request that cannot be shown to a handler.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotShown {
    /// Something else than a request: nobody waits for an answer.
    #[error("it is no HTTP request")]
    Other,
    /// Its parts are no request.
    #[error("it cannot be shown to a handler: {0}")]
    Parts(hyper::http::Error),
    /// The handler's instances keep too much already.
    #[error("the handler holds too many bytes of other bodies, try again")]
    Busy,
}

/// A request for a handler.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) request: Request<Full<Bytes>>,
    pub(super) scheme: Scheme,
}

/// Reads a message of the web server to this process.
pub(super) fn request(
    message: &[u8],
    blob: Option<Blob>,
    process: &ProcessId,
    budget: &Budget,
) -> Result<Shown, NotShown> {
    let Ok(Message::Http(incoming)) = serde_json::from_slice(message) else { return Err(NotShown::Other) };
    let prefix = format!("/{process}");
    let url = incoming.target.as_ref().unwrap_or(&incoming.url);
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let path = rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default();
    let host = incoming.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let uri = Uri::builder().scheme(scheme).authority(host).path_and_query(below(path, &prefix).as_ref());
    let body = body_of(blob, budget).ok_or(NotShown::Busy)?;
    let method = Method::from_bytes(incoming.method.as_bytes()).map_err(|error| NotShown::Parts(error.into()))?;
    let uri = uri.build().map_err(NotShown::Parts)?;
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = incoming.headers;
    // What a client sent under that name is not the server's word.
    request.headers_mut().remove(PREFIX);
    if let Ok(prefix) = HeaderValue::try_from(prefix) {
        let _ = request.headers_mut().try_insert(PREFIX, prefix);
    }
    Ok(Shown { request, scheme: if scheme == "https" { Scheme::Https } else { Scheme::Http } })
}

/// The path as the handler sees it.
fn below<'a>(path: &'a str, prefix: &str) -> Cow<'a, str> {
    match path.strip_prefix(prefix) {
        Some(rest) if rest.starts_with('/') => Cow::Borrowed(rest),
        Some(rest) if rest.is_empty() || rest.starts_with('?') => Cow::Owned(format!("/{rest}")),
        _ => Cow::Borrowed(path),
    }
}

fn headers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<HeaderMap, D::Error> {
    struct IntoMap;
    impl<'de> Visitor<'de> for IntoMap {
        type Value = HeaderMap;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map of headers")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<HeaderMap, A::Error> {
            let mut headers = HeaderMap::with_capacity(entries.size_hint().unwrap_or(8));
            while let Some((name, value)) = entries.next_entry::<Text<'de>, Text<'de>>()? {
                if let (Ok(name), Ok(value)) = (HeaderName::try_from(&*name.0), HeaderValue::try_from(&*value.0)) {
                    // Beyond what a map takes they are dropped.
                    let _ = headers.try_insert(name, value);
                }
            }
            Ok(headers)
        }
    }
    deserializer.deserialize_map(IntoMap)
}

/// Text that is borrowed when it has no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The bytes of a blob as a body, without a copy: counted for as long as a guest keeps them. `None` if that is too much.
pub(super) fn body_of(blob: Option<Blob>, budget: &Budget) -> Option<Bytes> {
    struct Shared(Payload, #[expect(dead_code, reason = "given back when it is dropped")] Taken);
    impl AsRef<[u8]> for Shared {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    let Some(blob) = blob.filter(|blob| !blob.bytes.is_empty()) else { return Some(Bytes::new()) };
    let mut taken = budget.begin();
    taken.grow(blob.bytes.len()).then(|| Bytes::from_owner(Shared(blob.bytes, taken)))
}

/// A whole body, counted against its budget until it is sent.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    /// What it has of the budget; the node's own words have nothing.
    pub(super) held: Option<Taken>,
}

/// What is answered to a request.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
}

/// [`wharf_types::http_server::HttpResponse`], borrowed.
#[derive(Serialize)]
struct Head<'a> {
    status: u16,
    headers: Headers<'a>,
}

struct Headers<'a>(&'a HeaderMap);

impl Serialize for Headers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = |value: &'_ HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let mut map = serializer.serialize_map(Some(self.0.keys_len()))?;
        for name in self.0.keys() {
            let mut values = self.0.get_all(name).iter();
            match (values.next(), values.next()) {
                (Some(one), None) => map.serialize_entry(name.as_str(), &String::from_utf8_lossy(one.as_bytes()))?,
                _ => {
                    let all: Vec<_> = self.0.get_all(name).iter().map(text).collect();
                    map.serialize_entry(name.as_str(), &all)?;
                }
            }
        }
        map.end()
    }
}

impl Answer {
    /// One in place of the handler's.
    pub(super) fn failed(status: StatusCode, why: &str) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        let body = Body { bytes: Failure::new(why).to_metadata().into_bytes(), held: None };
        Self { status, headers, body }
    }

    /// As a response to the web server.
    pub(super) fn into_message(self) -> (Vec<u8>, Blob) {
        // Plain data with names.
        let head = serde_json::to_vec(&Head { status: self.status.as_u16(), headers: Headers(&self.headers) });
        (head.unwrap_or_default(), Blob::new(None, self.body.bytes))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn process() -> ProcessId {
        "main:app:a.os".parse().unwrap()
    }

    fn shown(url: &str, target: Option<&str>, headers: Value) -> Shown {
        let http = json!({ "source_socket_addr": "127.0.0.1:1", "method": "PATCH", "url": url, "target": target,
            "bound_path": "/", "headers": headers, "url_params": {}, "query_params": { "a": "1" } });
        request(&serde_json::to_vec(&json!({ "Http": http })).unwrap(), None, &process(), &Budget::new(0)).unwrap()
    }

    #[test]
    fn paths_begin_below_the_process() {
        let plain = |path: &str| format!("http://a.example{path}");
        for (path, seen) in [
            ("/main:app:a.os", "/"),
            ("/main:app:a.os/", "/"),
            ("/main:app:a.os?x", "/?x"),
            ("/main:app:a.os/x/?a=%20&a=2", "/x/?a=%20&a=2"),
            ("/main:app:a.osx/y", "/main:app:a.osx/y"),
        ] {
            let request = shown("http://a.example", Some(&plain(path)), json!({ "host": "a.example:8080" })).request;
            assert_eq!(request.uri().to_string(), format!("http://a.example:8080{seen}"));
            assert_eq!(request.headers().get(PREFIX).unwrap(), "/main:app:a.os");
        }
    }

    #[test]
    fn a_request_keeps_its_method_headers_and_scheme() {
        let headers = json!({ "host": "b.example", "x-one": "\u{e9}", "x-forwarded-prefix": "/evil" });
        let Shown { request, scheme } =
            shown("http://b.example/main:app:a.os/x", Some("https://b.example/main:app:a.os/x"), headers);
        assert_eq!((request.method().as_str(), request.headers().len()), ("PATCH", 3));
        assert!(matches!(scheme, Scheme::Https) && request.uri() == "https://b.example/x");
        assert_eq!(request.headers().get(PREFIX).unwrap(), "/main:app:a.os");
        assert!(matches!(shown("http://b.example/main:app:a.os/x", None, json!({})).scheme, Scheme::Http));
    }

    #[test]
    fn several_cookies_are_a_list() {
        let mut headers = HeaderMap::new();
        headers.append("set-cookie", HeaderValue::from_static("a=1"));
        headers.append("set-cookie", HeaderValue::from_static("b=2"));
        headers.append("x", HeaderValue::from_bytes("\u{e9}".as_bytes()).unwrap());
        let answer =
            Answer { status: StatusCode::CREATED, headers, body: Body { bytes: b"body".to_vec(), held: None } };
        let (head, blob) = answer.into_message();
        let head: Value = serde_json::from_slice(&head).unwrap();
        assert_eq!(head, json!({ "status": 201, "headers": { "set-cookie": ["a=1", "b=2"], "x": "\u{e9}" } }));
        assert_eq!(*blob.bytes, b"body");
    }

    #[test]
    fn what_a_guest_keeps_is_counted_until_it_is_dropped() {
        let budget = Budget::new(10);
        let blob = || Some(Blob::new(None, vec![0; 6]));
        let kept = body_of(blob(), &budget).unwrap();
        let part = kept.slice(1..2);
        drop(kept);
        assert!(body_of(blob(), &budget).is_none());
        drop(part);
        assert!(body_of(blob(), &budget).is_some());
    }

    proptest! {
        /// Whatever comes as a message is shown, or is no request.
        #[test]
        fn any_message_is_read_or_refused(url in ".{0,40}", method in ".{0,8}", host in ".{0,12}", name in ".{0,8}") {
            let http = json!({ "method": method, "url": url, "headers": { "host": host, name: "x" } });
            let message = serde_json::to_vec(&json!({ "Http": http })).unwrap();
            let _ = request(&message, None, &process(), &Budget::new(0));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            prop_assert!(request(&bytes, None, &process(), &Budget::new(0)).is_err());
        }
    }
}
