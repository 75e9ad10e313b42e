//! What the server itself puts into answers: a status and a reason, and the id of a request.

use hyper::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode};
use serde::Serialize;
use wharf_kernel::public_id::PublicId;

use crate::body::AnswerBody;

/// JSON with a status.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response<AnswerBody> {
    // What is written here are our own types, which are always JSON.
    let mut response = Response::new(AnswerBody::from(serde_json::to_vec(value).unwrap_or_default()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// `{"error":"…"}` with a status.
pub(crate) fn refuse(status: StatusCode, error: impl std::fmt::Display) -> Response<AnswerBody> {
    json(status, &wharf_types::Failure::new(error))
}

/// [`refuse`] for what will pass, and when to try again.
pub(crate) fn try_later(status: StatusCode, error: impl std::fmt::Display) -> Response<AnswerBody> {
    let mut response = refuse(status, error);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// Tells the owner the id under which a request stands in the log and in traces. Only for requests that showed the
/// control token.
pub(crate) fn show_id(response: &mut Response<AnswerBody>, request: PublicId) {
    if let Ok(value) = HeaderValue::from_str(&request.to_string()) {
        response.headers_mut().insert("x-request-id", value);
    }
}
