//! Answers that a process gave in advance: hashed and compressed once, when they are bound.

use bytes::Bytes;
use hyper::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, RANGE,
    VARY,
};
use hyper::{Method, Response, StatusCode};
use tokio::task::spawn_blocking;
use wharf_kernel::envelope::Blob;

use super::compress::{Coding, Compressor, Effort, LARGE_BYTES};
use super::range::{self, Wanted};
use super::validate;
use crate::body::{AnswerBody, shared};

/// Bytes, and the strong tag that stands for exactly these.
#[derive(Clone, Debug)]
struct Form {
    bytes: Bytes,
    tag: HeaderValue,
}

impl Form {
    fn tag(&self) -> &str {
        self.tag.to_str().unwrap_or_default()
    }
}

/// An answer that a process gave in advance.
#[derive(Clone, Debug)]
pub(crate) struct Cached {
    mime: HeaderValue,
    plain: Form,
    /// The best first.
    packed: Vec<(Coding, Form)>,
}

impl Cached {
    /// Takes the blob of a binding. Without a usable media type it is plain text.
    pub(crate) async fn prepare(blob: Blob, compressor: &Compressor) -> Self {
        let mime = blob.mime.and_then(|mime| HeaderValue::from_str(&mime).ok());
        let mime = mime.unwrap_or(HeaderValue::from_static("text/plain"));
        let bytes = shared(blob.bytes);
        let hash = hash(bytes.clone()).await;
        let worth_it = mime.to_str().is_ok_and(|mime| compressor.is_worth_it(mime, bytes.len()));
        let mut packed = Vec::new();
        for coding in Coding::ALL.into_iter().filter(|_| worth_it) {
            if let Some(bytes) = compressor.compress(bytes.clone(), coding, Effort::Kept).await {
                // A tag stands for bytes: the compressed ones are others.
                packed.push((coding, Form { bytes, tag: tag(&hash, &format!("-{}", coding.as_str())) }));
            }
        }
        Self { mime, plain: Form { bytes, tag: tag(&hash, "") }, packed }
    }

    /// Plain text, for tests of what is above.
    #[cfg(test)]
    pub(crate) fn plain(bytes: Vec<u8>) -> Self {
        let tag = tag(&blake3::hash(&bytes), "");
        Self {
            mime: HeaderValue::from_static("text/plain"),
            plain: Form { bytes: bytes.into(), tag },
            packed: Vec::new(),
        }
    }

    /// How many bytes it keeps in memory.
    pub(crate) fn len(&self) -> usize {
        self.plain.bytes.len() + self.packed.iter().map(|(_, form)| form.bytes.len()).sum::<usize>()
    }

    /// It as the answer to GET or HEAD. The HTTP library leaves the body out of answers to HEAD.
    pub(crate) fn response(&self, method: &Method, asked: &HeaderMap) -> Response<AnswerBody> {
        let range = asked.get(RANGE).filter(|_| *method == Method::GET).and_then(|range| range.to_str().ok());
        let packed = self.packed.iter().find(|(coding, _)| range.is_none() && coding.is_accepted(asked));
        let form = packed.map_or(&self.plain, |(_, form)| form);
        if validate::has_it(asked, form.tag()) {
            return self.answer(StatusCode::NOT_MODIFIED, form, Bytes::new());
        }
        let wanted = range.filter(|_| validate::may_be_part(asked, form.tag()));
        match wanted.map_or(Wanted::Whole, |range| range::read(range, form.bytes.len())) {
            Wanted::Part(range) => self.part(form, range),
            Wanted::Nothing => {
                let mut response = self.answer(StatusCode::RANGE_NOT_SATISFIABLE, form, Bytes::new());
                set_range(&mut response, &format!("bytes */{}", form.bytes.len()));
                response
            }
            Wanted::Whole => {
                let mut response = self.answer(StatusCode::OK, form, form.bytes.clone());
                if let Some((coding, _)) = packed {
                    response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(coding.as_str()));
                }
                response
            }
        }
    }

    fn part(&self, form: &Form, range: std::ops::Range<usize>) -> Response<AnswerBody> {
        let (len, last) = (form.bytes.len(), range.end.saturating_sub(1));
        let value = format!("bytes {}-{last}/{len}", range.start);
        let mut response = self.answer(StatusCode::PARTIAL_CONTENT, form, form.bytes.slice(range));
        set_range(&mut response, &value);
        response
    }

    fn answer(&self, status: StatusCode, form: &Form, body: Bytes) -> Response<AnswerBody> {
        let mut response = Response::new(AnswerBody::new(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, self.mime.clone());
        headers.insert(ETAG, form.tag.clone());
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        if !self.packed.is_empty() {
            headers.insert(VARY, HeaderValue::from_name(ACCEPT_ENCODING));
        }
        response
    }
}

fn set_range(response: &mut Response<AnswerBody>, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(CONTENT_RANGE, value);
    }
}

async fn hash(bytes: Bytes) -> blake3::Hash {
    if bytes.len() < LARGE_BYTES {
        return blake3::hash(&bytes);
    }
    let copy = bytes.clone();
    // It fails only when the node stops.
    spawn_blocking(move || blake3::hash(&copy)).await.unwrap_or_else(|_| blake3::hash(&bytes))
}

fn tag(hash: &blake3::Hash, form: &str) -> HeaderValue {
    // Hexadecimal digits are valid in a header.
    HeaderValue::from_str(&format!("\"{}{form}\"", hash.to_hex())).unwrap_or(HeaderValue::from_static("\"\""))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed unwrap fails the test")]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::settings::HttpSettings;

    #[tokio::test]
    async fn a_cached_answer_shares_the_blob() {
        let bytes = Arc::new(vec![7; 100]);
        let blob = Blob { mime: Some("bad\nmime".into()), bytes: Arc::clone(&bytes) };
        let cached = Cached::prepare(blob, &Compressor::new(&HttpSettings::default())).await;
        let response = cached.response(&Method::GET, &HeaderMap::new());
        assert_eq!(response.headers()[CONTENT_TYPE], "text/plain");
        assert_eq!(response.into_body().into_bytes().unwrap().as_ptr(), bytes.as_ptr());
    }

    #[tokio::test]
    async fn each_form_has_its_own_tag_and_counts() {
        let text = Blob::new(Some("text/html"), vec![b'x'; 50_000]);
        let cached = Cached::prepare(text, &Compressor::new(&HttpSettings::default())).await;
        let [(Coding::Brotli, brotli), (Coding::Gzip, gzip)] = &cached.packed[..] else { unreachable!() };
        assert!(gzip.tag != cached.plain.tag && gzip.tag != brotli.tag);
        assert_eq!(cached.len(), 50_000 + gzip.bytes.len() + brotli.bytes.len());
    }
}
