//! An HTTP request and answer in the shape processes know.
//!
//! The JSON of a request is written in one pass from what the HTTP library holds; the headers of an answer are read
//! straight into its map. The shapes are those of [`wharf_types::http_server`], which the tests hold them to.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;

use hyper::StatusCode;
use hyper::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHENTICATE,
    SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use hyper::http::request::Parts;
use percent_encoding::percent_decode;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};

use crate::access::{ControlToken, split_port};
use crate::auth::{Scheme, cookies_without_ours, is_our_cookie};
use crate::routes::Match;

/// [`wharf_types::http_server::HttpServerRequest`], borrowed.
#[derive(Serialize)]
enum Message<'a> {
    Http(Incoming<'a>),
}

#[derive(Serialize)]
struct Incoming<'a> {
    source_socket_addr: SocketAddr,
    method: &'a str,
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    bound_path: &'a str,
    headers: Headers<'a>,
    url_params: UrlParams<'a>,
    query_params: Query<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<u32>,
}

/// The message to a process for a request.
pub(crate) fn message(
    (peer, scheme): (SocketAddr, Scheme),
    parts: &Parts,
    found: &Match<'_>,
    token: &ControlToken,
    stream: Option<u32>,
) -> serde_json::Result<Vec<u8>> {
    let mut json = Vec::with_capacity(512);
    let incoming = Incoming {
        source_socket_addr: SocketAddr::new(peer.ip().to_canonical(), peer.port()),
        method: parts.method.as_str(),
        url: url(parts),
        target: target(scheme, parts),
        bound_path: &found.route.bound_path,
        headers: Headers { headers: &parts.headers, with_token: token.is_in(&parts.headers) },
        url_params: UrlParams(found),
        query_params: Query(parts.uri.query().unwrap_or_default()),
        stream,
    };
    serde_json::to_writer(&mut json, &Message::Http(incoming))?;
    Ok(json)
}

/// Host and port, as the client has it.
fn authority(parts: &Parts) -> &str {
    let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
    host.or_else(|| parts.uri.authority().map(|authority| authority.as_str())).unwrap_or("localhost")
}

/// All of the URL, byte for byte, where [`url`] leaves out more than a port.
fn target(scheme: Scheme, parts: &Parts) -> Option<String> {
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let is_more = scheme != Scheme::Http || parts.uri.query().is_some() || path.ends_with('/');
    is_more.then(|| [scheme.as_str(), "://", authority(parts), path].concat())
}

/// `http://host/path`: no port, no slash at the end, no query.
fn url(parts: &Parts) -> String {
    let (host, path) = (authority(parts), parts.uri.path());
    let mut url = String::with_capacity("http://".len() + host.len() + path.len());
    url.push_str("http://");
    url.push_str(split_port(host).0);
    url.push_str(path.strip_suffix('/').unwrap_or(path));
    url
}

/// Names in lower case, of a repeated header the last value. The control token and the cookies of sessions are for the node
/// alone; HTTP/2 brings cookies in several headers, which are one.
struct Headers<'a> {
    headers: &'a HeaderMap,
    with_token: bool,
}

impl Serialize for Headers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(cookies) = cookies_without_ours(self.headers) {
            map.serialize_entry(COOKIE.as_str(), &cookies)?;
        }
        let ours = |name: &HeaderName| *name == COOKIE || (self.with_token && *name == AUTHORIZATION);
        for name in self.headers.keys().filter(|name| !ours(name)) {
            let last = self.headers.get_all(name).iter().next_back();
            map.serialize_entry(name.as_str(), last.and_then(|value| value.to_str().ok()).unwrap_or_default())?;
        }
        map.end()
    }
}

struct UrlParams<'a>(&'a Match<'a>);

impl Serialize for UrlParams<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.params())
    }
}

struct Query<'a>(&'a str);

impl Serialize for Query<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let pairs = self.0.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        // A guest that reads into a map keeps the last of equal names.
        serializer.collect_map(pairs.map(|(name, value)| (decode(name), decode(value))))
    }
}

/// Decodes a part of a query, where a plus is a blank.
fn decode(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|b| matches!(b, b'+' | b'%')) {
        return Cow::Borrowed(text);
    }
    let blanks = text.replace('+', " ");
    Cow::Owned(percent_decode(blanks.as_bytes()).decode_utf8_lossy().into_owned())
}

/// What a process answers: [`wharf_types::http_server::HttpResponse`].
#[derive(Debug, Deserialize)]
pub(crate) struct Answer {
    /// The status. A process does not speak about the connection, so it is never below 200.
    #[serde(deserialize_with = "status")]
    pub(crate) status: StatusCode,
    /// The headers that a process may set and that are valid.
    #[serde(deserialize_with = "headers")]
    pub(crate) headers: HeaderMap,
    /// The stream that the body follows by.
    #[serde(default)]
    pub(crate) stream: Option<u32>,
}

impl Answer {
    /// Reads the body of a response.
    pub(crate) fn read(body: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(body)
    }
}

fn status<'de, D: Deserializer<'de>>(deserializer: D) -> Result<StatusCode, D::Error> {
    let status = u16::deserialize(deserializer)?;
    let status = StatusCode::from_u16(status).ok().filter(|status| !status.is_informational());
    status.ok_or_else(|| serde::de::Error::custom("not the status of an answer"))
}

fn headers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<HeaderMap, D::Error> {
    struct IntoMap;
    impl<'de> Visitor<'de> for IntoMap {
        type Value = HeaderMap;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map of headers")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<HeaderMap, A::Error> {
            let mut headers = HeaderMap::new();
            while let Some((name, values)) = entries.next_entry::<Text<'de>, Values<'de>>()? {
                let Ok(name) = HeaderName::from_bytes(name.0.as_bytes()) else { continue };
                if is_the_processes(&name) {
                    values.put(&name, &mut headers);
                }
            }
            Ok(headers)
        }
    }
    deserializer.deserialize_map(IntoMap)
}

fn is_session(name: &[u8]) -> bool {
    std::str::from_utf8(name).is_ok_and(is_our_cookie)
}

/// Text that is borrowed when it has no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// [`wharf_types::http_server::HeaderValues`], borrowed.
enum Values<'a> {
    One(Cow<'a, str>),
    Many(Vec<Text<'a>>),
}

impl Values<'_> {
    /// Puts them in the place of what a header had, leaving out what is invalid. Fails beyond 32,768 headers: those are
    /// dropped too.
    fn put(&self, name: &HeaderName, headers: &mut HeaderMap) {
        match self {
            Self::One(value) => {
                if let Some(value) = value_of(name, value) {
                    let _ = headers.try_insert(name, value);
                }
            }
            Self::Many(values) => {
                headers.remove(name);
                for value in values.iter().filter_map(|value| value_of(name, &value.0)) {
                    let _ = headers.try_append(name, value);
                }
            }
        }
    }
}

/// A value that a process may give this header. One that set a session would log the owner out, or in as the process likes.
fn value_of(name: &HeaderName, text: &str) -> Option<HeaderValue> {
    let sets_session =
        *name == SET_COOKIE && text.split('=').next().is_some_and(|cookie| is_session(cookie.trim().as_bytes()));
    HeaderValue::from_str(text).ok().filter(|_| !sets_session)
}

impl<'de> Deserialize<'de> for Values<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> Visitor<'de> for OneOrMany {
            type Value = Values<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text, or a list of texts")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Values::One(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Values::One(Cow::Owned(text.to_owned())))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut texts: A) -> Result<Self::Value, A::Error> {
                let mut values = Vec::new();
                while let Some(text) = texts.next_element()? {
                    values.push(text);
                }
                Ok(Values::Many(values))
            }
        }
        deserializer.deserialize_any(OneOrMany)
    }
}

/// Whether a process may set a header. Those about the connection and the length of the body are the server's: with
/// them, a process could make the client take a part of its answer for the answer to someone else's request. A service
/// worker stays below the path of its script: with a wider scope, a page of one process would stand between the browser
/// and all others of its origin, and the login page, for good.
fn is_the_processes(name: &HeaderName) -> bool {
    const SERVERS: [HeaderName; 7] =
        [CONNECTION, CONTENT_LENGTH, PROXY_AUTHENTICATE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];
    !SERVERS.contains(name) && !matches!(name.as_str(), "keep-alive" | "proxy-connection" | "service-worker-allowed")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use std::sync::Arc;

    use hyper::Request;
    use wharf_types::http_server::{HeaderValues, HttpResponse, HttpServerRequest, IncomingHttpRequest};

    use super::*;
    use crate::routes::{Audience, Binding, Origin, Routes, Serves};
    use crate::settings::HttpSettings;

    const TOKEN: &str = "0123456789abcdef0123456789abcdef";

    fn read_back(request: Request<()>) -> IncomingHttpRequest {
        let routes = Arc::new(Routes::new(HttpSettings::default()));
        let binding = Binding { audience: Audience::Anyone, origin: Origin::Anywhere, serves: Serves::Process };
        routes.bind(&"a.os@chess:chess:sys".parse().unwrap(), "/games/:id/*rest", binding, |_| true).unwrap();
        let (parts, ()) = request.into_parts();
        let path = parts.uri.path().to_owned();
        let found = routes.find(&path).unwrap();
        let token = ControlToken::new(TOKEN).unwrap();
        let client = ("[::ffff:127.0.0.1]:51234".parse().unwrap(), Scheme::Http);
        let json = message(client, &parts, &found, &token, None).unwrap();
        match serde_json::from_slice(&json).unwrap() {
            HttpServerRequest::Http(incoming) => incoming,
            other => unreachable!("{other:?}"),
        }
    }

    #[test]
    fn a_request_has_the_shape_processes_know() {
        let request = Request::post("/chess:chess:sys/games/1/a/b/?id=1&q=a+b%26&id=2&flag&=")
            .header("Host", "node.example:8080")
            .header("X-Twice", "one")
            .header("X-Twice", "two")
            .header("X-Odd", HeaderValue::from_bytes(b"\xff").unwrap());
        let incoming = read_back(request.body(()).unwrap());
        assert_eq!(incoming.source_socket_addr.as_deref(), Some("127.0.0.1:51234"));
        assert_eq!(incoming.method, "POST");
        assert_eq!(incoming.url, "http://node.example/chess:chess:sys/games/1/a/b");
        let target = "http://node.example:8080/chess:chess:sys/games/1/a/b/?id=1&q=a+b%26&id=2&flag&=";
        assert_eq!(incoming.target.as_deref(), Some(target));
        assert_eq!(read_back(Request::get("/chess:chess:sys/games/1/a").body(()).unwrap()).target, None);
        assert_eq!(incoming.bound_path, "/chess:chess:sys/games/:id/*rest");
        let pairs = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        assert_eq!(incoming.headers, pairs(&[("host", "node.example:8080"), ("x-odd", ""), ("x-twice", "two")]));
        assert_eq!(incoming.url_params, pairs(&[("id", "1"), ("rest", "a/b")]));
        assert_eq!(incoming.query_params, pairs(&[("", ""), ("flag", ""), ("id", "2"), ("q", "a b&")]));
    }

    /// Whoever holds the control token owns the node: no process may see it, on any path.
    #[test]
    fn the_control_token_reaches_no_process() {
        for (value, kept) in [(format!("Bearer {TOKEN}"), false), ("Bearer of-the-app".to_owned(), true)] {
            let request = Request::get("/chess:chess:sys/games/1/x").header("authorization", value);
            let incoming = read_back(request.body(()).unwrap());
            assert_eq!(incoming.headers.contains_key("authorization"), kept);
        }
    }

    /// S21: nor may it see or set a session.
    #[test]
    fn s21_sessions_are_not_the_processes() {
        let request = Request::get("/chess:chess:sys/games/1/x")
            .header("cookie", "a=b; wharf-session_a.os=secret")
            .header("cookie", "__Host-wharf-session_a.os=secret; c=d");
        assert_eq!(read_back(request.body(()).unwrap()).headers.get("cookie").unwrap(), "a=b; c=d");
        for cookie in ["wharf-session_a.os=x", " __host-wharf-session_a.os =x; Path=/", "WHARF-session_b=x"] {
            assert!(answer(200, &[("Set-Cookie", cookie)]).unwrap().headers.is_empty(), "{cookie}");
        }
        assert_eq!(answer(200, &[("Set-Cookie", "mine=wharf-session_a.os=x")]).unwrap().headers.len(), 1);
    }

    #[test]
    fn a_service_worker_stays_below_its_path() {
        for name in ["Service-Worker-Allowed", "service-worker-allowed"] {
            assert!(answer(200, &[(name, "/")]).unwrap().headers.is_empty());
        }
    }

    fn answer(status: u16, headers: &[(&str, &str)]) -> serde_json::Result<Answer> {
        let headers = headers.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        Answer::read(&serde_json::to_vec(&HttpResponse { status, headers, stream: None }).unwrap())
    }

    #[test]
    fn an_answer_keeps_its_valid_headers() {
        let cookie = "a=b; HttpOnly; SameSite=Strict";
        let read =
            answer(201, &[("Content-Type", "a/b"), ("bad name", "x"), ("X", "a\nb"), ("Set-Cookie", cookie)]).unwrap();
        assert_eq!(read.status, StatusCode::CREATED);
        assert_eq!(read.headers.len(), 2);
        assert_eq!(read.headers.get("set-cookie").unwrap(), cookie);
    }

    #[test]
    fn a_header_may_have_several_values() {
        let cookies = HeaderValues::from(vec!["a=1; Path=/".to_owned(), "b\n=2".to_owned(), "c=\u{e9}".to_owned()]);
        let headers = [("set-cookie".to_owned(), HeaderValues::from("old=1")), ("Set-Cookie".to_owned(), cookies)];
        let answer = HttpResponse { status: 200, headers: headers.into_iter().rev().collect(), stream: None };
        let read = Answer::read(&serde_json::to_vec(&answer).unwrap()).unwrap();
        assert_eq!(read.headers.get_all("set-cookie").iter().count(), 1, "of several spellings the last counts");
        let json =
            br#"{"status":200,"headers":{"Set-Cookie":["a=1","b\u003d2"],"Transfer-Encoding":["chunked"],"X":[]}}"#;
        let read = Answer::read(json).unwrap();
        let cookies: Vec<_> = read.headers.get_all("set-cookie").iter().collect();
        assert_eq!(cookies, ["a=1", "b=2"]);
        assert_eq!(read.headers.len(), 2);
        assert!(Answer::read(br#"{"status":200,"headers":{"X":1}}"#).is_err());
    }

    #[test]
    fn a_process_cannot_speak_about_the_connection() {
        for name in ["Content-Length", "transfer-encoding", "Connection", "Upgrade", "Keep-Alive", "TE", "Trailer"] {
            assert!(answer(200, &[(name, "1")]).unwrap().headers.is_empty(), "{name}");
        }
        for status in [0, 99, 100, 101, 199, 1000] {
            assert!(answer(status, &[]).is_err(), "{status}");
        }
    }
}
