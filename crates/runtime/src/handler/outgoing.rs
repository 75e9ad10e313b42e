//! What an instance asks of the world outside.
//!
//! There is one way out, `http-client:distro:sys`: it decides whom a process may ask, and how much. So a request of
//! `wasi:http/outgoing-handler` becomes a message to it, sent by the life in the name of the process. Bodies are gathered
//! whole, since a message is.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::header::COOKIE;
use hyper::http::request::Parts;
use hyper::{HeaderMap, Request, Response, StatusCode};
use tokio::sync::oneshot;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};
use wharf_kernel::Limit;
use wharf_kernel::envelope::{Blob, Seconds};
use wharf_types::http_client::{
    HttpClientAction, HttpClientError, HttpClientReply, HttpClientResponse, IncomingHttpResponse, OutgoingHttpRequest,
};

use super::desk::{Desk, Event};
use super::instance::{Bodies, NotWhole, whole};
use super::shape::{Body, body_of};

/// How long an answer is waited for when the guest does not say. The HTTP client has a bound of its own.
const WAIT: Seconds = Seconds(600);
/// What a guest writes of a body at once. It may keep a few such chunks for each body, and they are in no budget before the
/// request is sent.
const CHUNK_BYTES: usize = 64 << 10;

/// A request to the world outside, as a message.
pub(super) struct Asked {
    pub(super) action: Vec<u8>,
    pub(super) body: Body,
    pub(super) wait: Seconds,
    /// Takes what came of it. Nobody does any more when the guest gave up, or ended.
    pub(super) answer: oneshot::Sender<Outcome>,
}

/// What came of a request to the world outside.
pub(super) enum Outcome {
    /// The HTTP client answered: its body and blob.
    Answered(Arc<Vec<u8>>, Option<Blob>),
    /// It may not be asked.
    NotAllowed,
    /// No answer came.
    Silence,
}

type Sent = (Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>);

/// The ways of an instance to the world outside.
pub(super) struct Outside {
    desk: Arc<Desk>,
    bodies: Bodies,
}

impl Outside {
    pub(super) fn new(desk: Arc<Desk>, bodies: Bodies) -> Self {
        Self { desk, bodies }
    }
}

impl WasiHttpHooks for Outside {
    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK_BYTES
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Sent, Error>> + Send> {
        let (desk, bodies) = (Arc::clone(&self.desk), self.bodies.clone());
        Box::new(async move {
            let response = send(&desk, &bodies, request, options.unwrap_or_default()).await?;
            Ok((response, Box::new(std::future::ready(Ok(()))) as Box<_>))
        })
    }
}

/// In a task that belongs to the guest's `future-incoming-response`, and ends with it.
async fn send(
    desk: &Desk,
    bodies: &Bodies,
    request: Request<WasiBody>,
    options: RequestOptions,
) -> Result<Response<WasiBody>, Error> {
    let (parts, body) = request.into_parts();
    let body = whole(body, bodies).await.map_err(|not| match not {
        NotWhole::Over(Limit::BlobBytes, max) => Error::HttpRequestBodySize(u64::try_from(max).ok()),
        NotWhole::Over(..) | NotWhole::Broken => Error::HttpRequestBodySize(None),
    })?;
    let action = serde_json::to_vec(&action(parts)).map_err(|error| Error::InternalError(Some(error.to_string())))?;
    let (answer, answered) = oneshot::channel();
    desk.put(Event::Asked(Asked { action, body, wait: wait(options), answer }));
    match answered.await {
        Ok(Outcome::Answered(reply, blob)) => response(&reply, blob, bodies),
        Ok(Outcome::NotAllowed) => Err(Error::HttpRequestDenied),
        Ok(Outcome::Silence) | Err(_) => Err(Error::HttpResponseTimeout),
    }
}

fn action(parts: Parts) -> HttpClientAction {
    HttpClientAction::Http(OutgoingHttpRequest {
        method: parts.method.to_string(),
        version: None,
        url: parts.uri.to_string(),
        headers: joined(&parts.headers),
    })
}

/// One value for each name, as the message has it.
fn joined(headers: &HeaderMap) -> BTreeMap<String, String> {
    let one = |name: &hyper::header::HeaderName| {
        let values = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        let between = if *name == COOKIE { "; " } else { ", " };
        (name.to_string(), values.collect::<Vec<_>>().join(between))
    };
    headers.keys().map(one).collect()
}

/// The client knows one time, from asking to the last byte. A guest that names the two before the first byte waits as
/// long as both.
fn wait(options: RequestOptions) -> Seconds {
    let named = [options.connect_timeout, options.first_byte_timeout];
    match named.into_iter().flatten().reduce(Duration::saturating_add) {
        Some(wait) => Seconds(wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).clamp(1, WAIT.0)),
        None => WAIT,
    }
}

fn response(reply: &[u8], blob: Option<Blob>, bodies: &Bodies) -> Result<Response<WasiBody>, Error> {
    let broken = || Error::InternalError(Some("the HTTP client answered with something else".to_owned()));
    match serde_json::from_slice::<HttpClientReply>(reply).map_err(|_| broken())? {
        Ok(HttpClientResponse::Http(head)) => {
            let len = blob.as_ref().and_then(|blob| u64::try_from(blob.bytes.len()).ok());
            let bytes = body_of(blob, &bodies.budget).ok_or(Error::HttpResponseBodySize(len))?;
            let body = Full::new(bytes).map_err(Error::from);
            let mut response = Response::new(body.boxed_unsync());
            *response.status_mut() = StatusCode::from_u16(head.status).map_err(|_| broken())?;
            *response.headers_mut() = headers(head);
            Ok(response)
        }
        Ok(HttpClientResponse::WebSocketAck) => Err(broken()),
        Err(HttpClientError::BadMethod { .. }) => Err(Error::HttpRequestMethodInvalid),
        Err(HttpClientError::BadUrl { .. }) => Err(Error::HttpRequestUriInvalid),
        Err(error) => Err(Error::InternalError(Some(error.to_string()))),
    }
}

fn headers(head: IncomingHttpResponse) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in head.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<hyper::header::HeaderName>(), value.parse()) {
            // Beyond what a map takes they are dropped.
            let _ = headers.try_insert(name, value);
        }
    }
    headers
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use wharf_kernel::budget::Budget;

    use super::*;

    #[test]
    fn a_request_becomes_a_message_to_the_client() {
        let request = Request::post("https://a.example:8443/x?y=%20")
            .header("x-twice", "one")
            .header("x-twice", "two")
            .header("cookie", "a=1")
            .header("cookie", "b=2");
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let HttpClientAction::Http(action) = action(parts) else { unreachable!() };
        assert_eq!((action.method.as_str(), action.url.as_str()), ("POST", "https://a.example:8443/x?y=%20"));
        let expected = [("cookie", "a=1; b=2"), ("x-twice", "one, two")];
        assert_eq!(action.headers, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    }

    #[test]
    fn times_are_rounded_up_and_bounded() {
        let options = |connect: Option<u64>, first: Option<u64>| RequestOptions {
            connect_timeout: connect.map(Duration::from_millis),
            first_byte_timeout: first.map(Duration::from_millis),
            between_bytes_timeout: None,
        };
        assert_eq!(wait(options(None, None)), WAIT);
        assert_eq!(wait(options(Some(1), None)), Seconds(1));
        assert_eq!(wait(options(Some(1_500), Some(2_000))), Seconds(4));
        assert_eq!(wait(options(Some(u64::MAX), Some(u64::MAX))), WAIT);
    }

    #[test]
    fn answers_of_the_client_become_answers_or_reasons() {
        let bodies = Bodies { budget: Budget::new(0), bytes_max: 0 };
        let of = |reply: HttpClientReply| response(&serde_json::to_vec(&reply).unwrap(), None, &bodies);
        let headers = [("Set-Cookie", "a=1"), ("Bad Name", "x")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let answer = of(Ok(HttpClientResponse::Http(IncomingHttpResponse { status: 204, headers }))).unwrap();
        assert_eq!((answer.status().as_u16(), answer.headers().len()), (204, 1));
        let refused = of(Err(HttpClientError::ExecuteRequestFailed("not that host".to_owned())));
        assert!(matches!(refused, Err(Error::InternalError(Some(why))) if why.contains("not that host")));
        assert!(matches!(of(Err(HttpClientError::BadUrl { url: String::new() })), Err(Error::HttpRequestUriInvalid)));
        assert!(matches!(response(b"{}", None, &bodies), Err(Error::InternalError(_))));
    }
}
