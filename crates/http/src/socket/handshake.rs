//! What makes a request one for a WebSocket: RFC 6455, section 4.2.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hyper::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode, Version};
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};

use crate::body::AnswerBody;
use crate::refusal::refuse;

/// Appended to the key by whoever speaks the protocol.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const KEY_BYTES: usize = 16;

/// Why a request is not a good one for a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadHandshake {
    /// Not GET over HTTP/1.1 with `Connection: upgrade`.
    #[error("a WebSocket is opened with GET over HTTP/1.1, with `Connection: Upgrade` and `Upgrade: websocket`")]
    Request,
    /// Another version of the protocol.
    #[error("only version 13 of the WebSocket protocol is spoken here")]
    Version,
    /// No key, several, or one that is not 16 bytes of base64.
    #[error("`Sec-WebSocket-Key` must be 16 bytes in base64")]
    Key,
}

impl BadHandshake {
    /// It as an HTTP answer.
    pub(super) fn response(self) -> Response<AnswerBody> {
        if self != Self::Version {
            return refuse(StatusCode::BAD_REQUEST, self);
        }
        let mut response = refuse(StatusCode::UPGRADE_REQUIRED, self);
        response.headers_mut().insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        response.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
        response
    }
}

/// Whether a request asks for a WebSocket, well or badly.
pub(super) fn is_asked(headers: &HeaderMap) -> bool {
    has_token(headers, UPGRADE, "websocket")
}

/// Checks a request that asks for a WebSocket, and makes the answer that opens it.
pub(super) fn accept(parts: &Parts) -> Result<Response<AnswerBody>, BadHandshake> {
    let headers = &parts.headers;
    if parts.method != Method::GET || parts.version < Version::HTTP_11 || !has_token(headers, CONNECTION, "upgrade") {
        return Err(BadHandshake::Request);
    }
    if single(headers, SEC_WEBSOCKET_VERSION).is_none_or(|version| version.as_bytes() != b"13") {
        return Err(BadHandshake::Version);
    }
    let key = single(headers, SEC_WEBSOCKET_KEY).map(|key| key.as_bytes().trim_ascii()).ok_or(BadHandshake::Key)?;
    if !BASE64_STANDARD.decode(key).is_ok_and(|bytes| bytes.len() == KEY_BYTES) {
        return Err(BadHandshake::Key);
    }
    let accepted = HeaderValue::from_str(&accept_key(key)).map_err(|_| BadHandshake::Key)?;
    let mut response = Response::new(AnswerBody::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
    response.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
    response.headers_mut().insert(SEC_WEBSOCKET_ACCEPT, accepted);
    Ok(response)
}

/// All that is read of a request here, for [`crate::fuzzing`].
#[cfg(feature = "fuzzing")]
pub(crate) fn read_head(parts: &Parts) {
    let _ = (is_asked(&parts.headers), accept(parts).is_ok());
}

/// Shows the client that a WebSocket server read its key. It protects nothing.
fn accept_key(key: &[u8]) -> String {
    let mut sum = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    sum.update(key);
    sum.update(GUID);
    BASE64_STANDARD.encode(sum.finish())
}

fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    let values = headers.get_all(name);
    let mut tokens = values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    tokens.any(|part| part.trim().eq_ignore_ascii_case(token))
}

fn single(headers: &HeaderMap, name: HeaderName) -> Option<&HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use hyper::Request;

    use super::*;

    /// The example of the RFC, section 1.3.
    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

    fn parts(change: &[(&str, Option<&str>)]) -> Parts {
        let usual = [
            ("upgrade", "websocket"),
            ("connection", "keep-alive, Upgrade"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", KEY),
        ];
        let mut request = Request::get("/");
        for (name, value) in usual {
            match change.iter().find(|(changed, _)| *changed == name) {
                None => request = request.header(name, value),
                Some((_, Some(value))) => request = request.header(name, *value),
                Some((_, None)) => {}
            }
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn the_answer_is_that_of_the_rfc() {
        let response = accept(&parts(&[])).unwrap();
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        assert_eq!(response.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn bad_handshakes_are_refused() {
        for (change, expected) in [
            (("connection", None), BadHandshake::Request),
            (("connection", Some("keep-alive")), BadHandshake::Request),
            (("sec-websocket-version", None), BadHandshake::Version),
            (("sec-websocket-version", Some("8")), BadHandshake::Version),
            (("sec-websocket-key", None), BadHandshake::Key),
            (("sec-websocket-key", Some("c2hvcnQ=")), BadHandshake::Key),
            (("sec-websocket-key", Some("not base64")), BadHandshake::Key),
        ] {
            assert_eq!(accept(&parts(&[change])).unwrap_err(), expected, "{change:?}");
        }
        let mut post = parts(&[]);
        post.method = Method::POST;
        assert_eq!(accept(&post).unwrap_err(), BadHandshake::Request);
        let mut twice = parts(&[]);
        twice.headers.append("sec-websocket-key", HeaderValue::from_static(KEY));
        assert_eq!(accept(&twice).unwrap_err(), BadHandshake::Key);
        assert_eq!(BadHandshake::Version.response().headers()["sec-websocket-version"], "13");
    }

    #[test]
    fn what_does_not_ask_is_left_alone() {
        for (value, asked) in [("websocket", true), ("WebSocket", true), ("h2c, websocket", true), ("h2c", false)] {
            assert_eq!(is_asked(&parts(&[("upgrade", Some(value))]).headers), asked, "{value}");
        }
        assert!(!is_asked(&parts(&[("upgrade", None)]).headers));
    }
}
