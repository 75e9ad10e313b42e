//! Compressing the answers of processes, which are sent once.

use bytes::Bytes;
use hyper::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, VARY,
};
use hyper::{Method, Response};

use super::compress::{Coding, Compressor, Effort};
use crate::body::AnswerBody;

/// Compresses an answer where that is worth it, the client takes it, and the process has not said otherwise.
pub(crate) async fn compressed(
    response: Response<AnswerBody>,
    method: &Method,
    asked: &HeaderMap,
    compressor: &Compressor,
) -> Response<AnswerBody> {
    let (mut parts, body) = response.into_parts();
    let bytes = match body.into_bytes() {
        Ok(bytes) => bytes,
        Err(body) => return Response::from_parts(parts, body),
    };
    if !may_be(&parts.headers, bytes.len(), compressor) {
        return Response::from_parts(parts, AnswerBody::new(bytes));
    }
    parts.headers.append(VARY, HeaderValue::from_name(ACCEPT_ENCODING));
    let Some(coding) = Coding::best(asked).filter(|_| *method != Method::HEAD) else {
        return Response::from_parts(parts, AnswerBody::new(bytes));
    };
    match compressor.compress(bytes.clone(), coding, Effort::Once).await {
        Some(smaller) => {
            parts.headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.as_str()));
            weaken_tag(&mut parts.headers);
            Response::from_parts(parts, AnswerBody::new(smaller))
        }
        None => Response::from_parts(parts, AnswerBody::new(bytes)),
    }
}

fn may_be(headers: &HeaderMap, len: usize, compressor: &Compressor) -> bool {
    let mime = headers.get(CONTENT_TYPE).and_then(|mime| mime.to_str().ok()).unwrap_or_default();
    compressor.is_worth_it(mime, len)
        && !is_as_it_is(headers)
        && !headers.contains_key(CONTENT_ENCODING)
        && !headers.contains_key(CONTENT_RANGE)
}

/// Whether the process wants its bytes to stay what they are.
fn is_as_it_is(headers: &HeaderMap) -> bool {
    let values = headers.get_all(CACHE_CONTROL).iter();
    let mut directives = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    directives.any(|directive| directive.trim_ascii().eq_ignore_ascii_case(b"no-transform"))
}

/// The process's tag stood for other bytes with the same meaning: that is a weak one.
fn weaken_tag(headers: &mut HeaderMap) {
    let Some(tag) = headers.get(ETAG).filter(|tag| !tag.as_bytes().starts_with(b"W/")) else { return };
    let weak: Bytes = [b"W/", tag.as_bytes()].concat().into();
    if let Ok(weak) = HeaderValue::from_maybe_shared(weak) {
        headers.insert(ETAG, weak);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_transform_is_heeded_wherever_it_stands() {
        let said = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CACHE_CONTROL, HeaderValue::from_static(value));
            }
            is_as_it_is(&headers)
        };
        for values in [
            &["no-transform"][..],
            &["no-transform, max-age=60"],
            &["max-age=60 , NO-Transform ,public"],
            &["public", "no-transform"],
        ] {
            assert!(said(values), "{values:?}");
        }
        for values in [&[][..], &["public"], &["x-no-transform"], &["no-transform-x, max-age=1"]] {
            assert!(!said(values), "{values:?}");
        }
    }
}
