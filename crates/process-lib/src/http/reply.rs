//! What a process answers the web.

use std::collections::BTreeMap;

use serde::Serialize;
use wharf_types::LazyLoadBlob;
use wharf_types::http_server::{HeaderValues, HttpResponse};

use crate::response::Response;

/// An HTTP answer.
///
/// ```
/// use wharf_process_lib::http::Reply;
///
/// let page = Reply::html("<p>hello</p>").header("Cache-Control", "no-store");
/// let made = Reply::json(&["a", "b"]).with_status(201);
/// assert_eq!((page.status_code(), made.status_code()), (200, 201));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a reply does nothing until it is sent"]
pub struct Reply {
    pub(super) status: u16,
    /// Names in lower case.
    pub(super) headers: BTreeMap<String, HeaderValues>,
    pub(super) body: Vec<u8>,
}

impl Reply {
    /// A status without a body.
    pub fn status(status: u16) -> Self {
        Self { status, headers: BTreeMap::new(), body: Vec::new() }
    }

    /// 200 with bytes of a media type.
    pub fn bytes(mime: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..Self::status(200) }.header("Content-Type", mime)
    }

    /// 200 with plain text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::bytes("text/plain; charset=utf-8", text.into())
    }

    /// 200 with a page.
    pub fn html(html: impl Into<String>) -> Self {
        Self::bytes("text/html; charset=utf-8", html.into())
    }

    /// 200 with JSON; 500 when the value cannot be written as JSON.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => Self::bytes("application/json", body),
            Err(error) => Self::text(format!("the answer could not be written: {error}\n")).with_status(500),
        }
    }

    /// Another status.
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// A header. Given twice, the later value counts, in whichever case its name is.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.insert(name.to_ascii_lowercase(), HeaderValues::One(value.into()));
        self
    }

    /// One more value of a header that may come several times, as `Set-Cookie` does.
    ///
    /// ```
    /// use wharf_process_lib::http::Reply;
    ///
    /// let reply = Reply::text("hello").add_header("Set-Cookie", "a=1").add_header("Set-Cookie", "b=2");
    /// assert_eq!(reply.header_value("Set-Cookie"), Some("a=1"));
    /// ```
    pub fn add_header(mut self, name: &str, value: impl Into<String>) -> Self {
        match self.headers.get_mut(&name.to_ascii_lowercase()) {
            Some(values) => values.push(value.into()),
            None => return self.header(name, value),
        }
        self
    }

    /// Its status.
    pub fn status_code(&self) -> u16 {
        self.status
    }

    /// The first value of a header, by its name in any case.
    pub fn header_value(&self, name: &str) -> Option<&str> {
        self.headers.get(&name.to_ascii_lowercase())?.first()
    }

    /// Its body.
    pub fn body_bytes(&self) -> &[u8] {
        &self.body
    }

    /// Answers the HTTP request being handled.
    pub fn send(self) {
        let Self { status, headers, body } = self;
        match Response::new().json(&HttpResponse { status, headers, stream: None }) {
            Ok(response) => response.blob(LazyLoadBlob { mime: None, bytes: body }).send(),
            Err(error) => crate::print(1, &format!("an HTTP answer could not be written: {error}")),
        }
    }
}

impl From<String> for Reply {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<&str> for Reply {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

/// Whichever it is: a handler can use `?` on what refuses with a reply.
impl<T: Into<Reply>> From<Result<T, Reply>> for Reply {
    fn from(result: Result<T, Reply>) -> Self {
        result.map_or_else(|refused| refused, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_the_same_in_any_case() {
        let reply = Reply::text("x").header("content-TYPE", "a/b").header("X-A", "1").header("x-a", "2");
        assert_eq!(reply.headers.len(), 2);
        assert_eq!((reply.header_value("Content-Type"), reply.header_value("X-a")), (Some("a/b"), Some("2")));
        let cookies = reply.add_header("Set-Cookie", "a=1").add_header("set-cookie", "b=2");
        let both = HeaderValues::from(vec!["a=1".to_owned(), "b=2".to_owned()]);
        assert_eq!(cookies.headers.get("set-cookie"), Some(&both));
    }
}
