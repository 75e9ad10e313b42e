//! Answers that the server gives in its own name: a status and a reason.

use hyper::header::{CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode};
use serde::Serialize;

use crate::body::Whole;

/// JSON with a status.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response<Whole> {
    // What is written here are our own types, which are always JSON.
    let mut response = Response::new(Whole::from(serde_json::to_vec(value).unwrap_or_default()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// `{"error":"…"}` with a status.
pub(crate) fn refuse(status: StatusCode, error: impl std::fmt::Display) -> Response<Whole> {
    json(status, &wharf_types::Failure::new(error))
}
