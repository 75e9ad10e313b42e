//! One HTTP request: its redirects, and its answer as processes know it.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri};
use percent_encoding::percent_decode_str;
use url::Url;
use wharf_kernel::Limit;
use wharf_kernel::budget::{Budget, Taken};
use wharf_kernel::envelope::Payload;
use wharf_types::http_client::IncomingHttpResponse;
use wharf_types::http_client::OutgoingHttpRequest;

use crate::fault::Fault;
use crate::pool::{Pool, Version, chain};
use crate::rules::Permission;

/// Headers that say how a message travels rather than what it says, or whom it is for. They follow from the URL and the
/// body; a process that gives them is not heard, so that the host that is checked is the one that is asked.
pub(crate) const OF_THE_WAY: &[&str] = &[
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "upgrade",
    "te",
    "trailer",
    "http2-settings",
    "proxy-authorization",
    "proxy-connection",
];

/// Headers that are for the host they were given for, and no other.
const OF_THE_HOST: [HeaderName; 2] = [header::AUTHORIZATION, header::COOKIE];

/// A request that can be sent.
#[derive(Debug)]
pub(crate) struct Outgoing {
    method: Method,
    url: Url,
    headers: HeaderMap,
    version: Version,
    one_point_zero: Option<hyper::Version>,
    body: Bytes,
}

/// An answer, and the bytes it takes of the budget.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) head: IncomingHttpResponse,
    pub(crate) body: Vec<u8>,
    pub(crate) _taken: Taken,
}

/// Lets a blob be a body without copying it.
struct Shared(Payload);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Outgoing {
    /// Checks everything that can be checked without asking anybody.
    pub(crate) fn new(request: OutgoingHttpRequest, body: Option<Payload>) -> Result<Self, Fault> {
        let method = Method::from_bytes(request.method.as_bytes()).ok().filter(|method| *method != Method::CONNECT);
        let method = method.ok_or(Fault::Method(request.method))?;
        let version = match &request.version {
            None => Version::Either,
            Some(text) => text.parse().map_err(|()| Fault::Version(text.clone()))?,
        };
        let one_point_zero = (request.version.as_deref() == Some("HTTP/1.0")).then_some(hyper::Version::HTTP_10);
        let mut url = parse_url(&request.url, ["http", "https"])?;
        let mut headers = read_headers(&request.headers, OF_THE_WAY)?;
        if let Some(credentials) = take_credentials(&mut url) {
            headers.entry(header::AUTHORIZATION).or_insert(credentials);
        }
        let body = body.map_or_else(Bytes::new, |body| Bytes::from_owner(Shared(body)));
        Ok(Self { method, url, headers, version, one_point_zero, body })
    }

    fn request(&self) -> Result<Request<Full<Bytes>>, Fault> {
        let failed = |error: &dyn std::fmt::Display| Fault::Build(error.to_string());
        let uri: Uri = self.url.as_str().parse().map_err(|error| failed(&error))?;
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = self.headers.clone();
        if let Some(version) = self.one_point_zero {
            *request.version_mut() = version;
        }
        Ok(request)
    }

    /// Becomes the request that a redirect asks for; whether the answer is one that can be followed.
    fn follow(&mut self, response: &Response<Incoming>) -> bool {
        let status = response.status();
        let follows = matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308);
        let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
        let next = location.filter(|_| follows).and_then(|location| self.url.join(location).ok());
        let Some(mut next) = next.filter(|next| matches!(next.scheme(), "http" | "https")) else { return false };
        next.set_fragment(None);
        take_credentials(&mut next);
        if next.origin() != self.url.origin() {
            OF_THE_HOST.iter().for_each(|name| drop(self.headers.remove(name)));
        }
        let is_asking = matches!(self.method, Method::GET | Method::HEAD);
        let becomes_get = status == StatusCode::SEE_OTHER && !is_asking
            || matches!(status.as_u16(), 301 | 302) && self.method == Method::POST;
        if becomes_get {
            self.method = Method::GET;
            self.body = Bytes::new();
            self.headers.remove(header::CONTENT_TYPE);
            self.headers.remove(header::CONTENT_ENCODING);
        }
        self.url = next;
        true
    }
}

/// Sends it, follows redirects, and reads the answer. Each hop is checked as if it had been asked for.
pub(crate) async fn exchange(
    pool: &Pool,
    permission: &Permission,
    budget: &Budget,
    mut outgoing: Outgoing,
) -> Result<Answered, Fault> {
    let limits = Arc::clone(&permission.rules().limits);
    for _ in 0..=limits.redirects_max {
        permission.check(&outgoing.url)?;
        let response = pool.send(outgoing.request()?, outgoing.version).await?;
        if !outgoing.follow(&response) {
            return receive(response, limits.received_bytes_max, budget).await;
        }
    }
    Err(Fault::Redirects(limits.redirects_max))
}

async fn receive(response: Response<Incoming>, bytes_max: usize, budget: &Budget) -> Result<Answered, Fault> {
    let (head, mut incoming) = response.into_parts();
    let over = || Fault::limit(Limit::ReceivedBytes, bytes_max);
    if usize::try_from(incoming.size_hint().lower()).unwrap_or(usize::MAX) > bytes_max {
        return Err(over());
    }
    let (mut body, mut taken) = (Vec::new(), budget.begin());
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|error| Fault::Exchange(chain(&error)))?;
        let Some(data) = frame.data_ref() else { continue };
        if data.len() > bytes_max.saturating_sub(body.len()) {
            return Err(over());
        }
        if !taken.grow(data.len()) {
            return Err(Fault::limit(Limit::ReceivingBytes, budget.max()));
        }
        body.extend_from_slice(data);
    }
    let head = IncomingHttpResponse { status: head.status.as_u16(), headers: written(&head.headers) };
    Ok(Answered { head, body, _taken: taken })
}

/// Reads the URL of a request. The one that was read is the one that is asked.
pub(crate) fn parse_url(text: &str, schemes: [&str; 2]) -> Result<Url, Fault> {
    let bad = |reason| Fault::Url(text.to_owned(), reason);
    let mut url = Url::parse(text).map_err(|_| bad("it is no URL"))?;
    if !schemes.contains(&url.scheme()) {
        return Err(bad("its scheme is another"));
    }
    if url.host().is_none() {
        return Err(bad("there is no host in it"));
    }
    url.set_fragment(None);
    Ok(url)
}

/// `user:password@` becomes the header it stands for.
pub(crate) fn take_credentials(url: &mut Url) -> Option<HeaderValue> {
    let decode = |text: &str| percent_decode_str(text).collect::<Vec<u8>>();
    let credentials = (!url.username().is_empty() || url.password().is_some()).then(|| {
        let both = [decode(url.username()), decode(url.password().unwrap_or_default())].join(&b':');
        format!("Basic {}", BASE64_STANDARD.encode(both))
    });
    // Only a URL without a host refuses these.
    url.set_username("").unwrap_or_default();
    url.set_password(None).unwrap_or_default();
    let mut value = HeaderValue::try_from(credentials?).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Reads headers as processes write them, except those that are not theirs to give.
pub(crate) fn read_headers(given: &BTreeMap<String, String>, except: &[&str]) -> Result<HeaderMap, Fault> {
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        let bad = || Fault::Build(format!("`{name}` is no header that can be sent"));
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
        let value = HeaderValue::from_str(value).map_err(|_| bad())?;
        if !except.contains(&name.as_str()) {
            headers.try_append(name, value).map_err(|_| bad())?;
        }
    }
    Ok(headers)
}

/// Headers as processes read them: one line each, names Like-This. Of several `Set-Cookie`, which cannot be joined, it is
/// the last.
fn written(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut written = BTreeMap::new();
    for name in headers.keys() {
        let mut values = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        let value = match *name {
            header::SET_COOKIE => values.next_back().unwrap_or_default().into_owned(),
            _ => values.collect::<Vec<_>>().join(", "),
        };
        written.insert(like_this(name.as_str()), value);
    }
    written
}

/// `content-type` becomes `Content-Type`.
fn like_this(name: &str) -> String {
    let mut starts = true;
    let letter = |letter: char| {
        let written = if starts { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() };
        starts = letter == '-';
        written
    };
    name.chars().map(letter).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    fn request(method: &str, url: &str, version: Option<&str>, headers: &[(&str, &str)]) -> OutgoingHttpRequest {
        OutgoingHttpRequest {
            method: method.into(),
            version: version.map(Into::into),
            url: url.into(),
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        }
    }

    #[test]
    fn what_cannot_be_sent_is_refused_in_the_words_of_the_protocol() {
        fn error(method: &str, url: &str, version: Option<&str>, headers: &[(&str, &str)]) -> serde_json::Value {
            let refused = Outgoing::new(request(method, url, version, headers), None).unwrap_err();
            serde_json::to_value(refused.of_request()).unwrap()
        }
        let url = "http://a.example/";
        for method in ["", "G T", "CONNECT", "É"] {
            assert_eq!(error(method, url, None, &[]), serde_json::json!({"BadMethod": {"method": method}}));
        }
        for url in [
            "",
            "a.example",
            "ftp://a.example/",
            "file:///etc/passwd",
            "http://",
            "http://a b/",
            "http://1.2.3.4.5/",
            "data:x",
        ] {
            assert_eq!(error("GET", url, None, &[]), serde_json::json!({"BadUrl": {"url": url}}));
        }
        for version in ["HTTP/0.9", "HTTP/3.0", "HTTP/1", ""] {
            assert_eq!(error("GET", url, Some(version), &[]), serde_json::json!({"BadVersion": {"version": version}}));
        }
        for header in [("a b", "x"), ("", "x"), ("a", "x\r\nb: y"), ("a", "\0")] {
            let error = error("GET", url, None, &[header]);
            assert!(error.get("BuildRequestFailed").is_some(), "{error}");
        }
    }

    #[test]
    fn the_host_that_is_checked_is_the_one_that_is_asked() {
        let given =
            [("Host", "evil.example"), ("Content-Length", "5"), ("Transfer-Encoding", "chunked"), ("X-Own", "1")];
        let url = "http://a:b%3A@0x7f.1:81/p#f";
        let outgoing = Outgoing::new(request("GET", url, None, &given), None).unwrap();
        let request = outgoing.request().unwrap();
        assert_eq!(request.uri(), "http://127.0.0.1:81/p");
        let headers: Vec<_> =
            request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(headers, [("x-own", "1"), ("authorization", "Basic YTpiOg==")]);
    }

    #[test]
    fn names_are_written_like_this() {
        let mut headers = HeaderMap::new();
        for (name, value) in
            [("content-type", "a"), ("x-a", "1"), ("x-a", "2"), ("set-cookie", "a=1"), ("set-cookie", "b=2")]
        {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let written: Vec<_> = written(&headers).into_iter().collect();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(written, [pair("Content-Type", "a"), pair("Set-Cookie", "b=2"), pair("X-A", "1, 2")]);
    }

    proptest::proptest! {
        #[test]
        fn no_request_panics(method in "\\PC{0,8}", url in "(http://)?\\PC{0,30}", name in "\\PC{0,8}", value in "\\PC{0,8}") {
            drop(Outgoing::new(request(&method, &url, None, &[(&name, &value)]), None).and_then(|ok| ok.request()));
        }
    }
}
