//! What people see: small pages without a script, and without anything from elsewhere.

use std::fmt::Write;
use std::sync::LazyLock;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};
use wharf_types::NodeName;

use super::form::Form;
use super::password::CHARS_MIN;
use super::secret::sha256;
use crate::body::AnswerBody;

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:16px/1.5 system-ui,sans-serif;max-width:22rem;margin:18vh auto;padding:0 1rem}\
h1{font-size:1.25rem}\
input,button{font:inherit;box-sizing:border-box;width:100%;padding:.5rem;margin:.25rem 0}\
.error{border-left:.25rem solid #c33;padding-left:.75rem}";

/// Nothing is loaded, nothing runs, nobody shows the page inside another one, and forms go nowhere else.
static POLICY: LazyLock<Option<HeaderValue>> = LazyLock::new(|| {
    let style = BASE64_STANDARD.encode(sha256(STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    );
    HeaderValue::from_str(&policy).ok()
});

/// Text as it stands in HTML, also inside quotes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

fn page(status: StatusCode, head: &str, title: &str, body: &str) -> Response<AnswerBody> {
    let title = escaped(title);
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>{head}<style>{STYLE}</style></head>\
         <body><h1>{title}</h1>{body}</body></html>\n"
    );
    let mut response = Response::new(AnswerBody::from(html.into_bytes()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // With `no-referrer`, forms would be sent without an origin to check.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    if let Some(policy) = &*POLICY {
        headers.insert(CONTENT_SECURITY_POLICY, policy.clone());
    }
    response
}

/// What the page is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// The password.
    Password,
    /// A new password, with a one-time link.
    NewPassword,
    /// Only a press of the button, with a one-time link: programs that look at links do not press it.
    Nothing,
}

/// The form for logging in.
pub(crate) fn form(
    status: StatusCode,
    node: &NodeName,
    ask: Ask,
    form: &Form,
    error: Option<&str>,
) -> Response<AnswerBody> {
    let mut body = String::new();
    if let Some(error) = error {
        // Writing to a string cannot fail.
        let _ = write!(body, "<p class=\"error\" role=\"alert\">{}</p>", escaped(error));
    }
    body.push_str("<form method=\"post\" action=\"/login\">");
    for (name, value) in [("redirect", &form.redirect), ("to", &form.to), ("link", &form.link)] {
        if !value.is_empty() {
            let _ = write!(body, "<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escaped(value));
        }
    }
    body.push_str(&match ask {
        Ask::Password => "<label>Password <input type=\"password\" name=\"password\" required autofocus \
                          autocomplete=\"current-password\"></label>"
            .to_owned(),
        Ask::NewPassword => format!(
            "<p>This node has no password yet. Choose one of at least {CHARS_MIN} characters.</p><label>New password \
             <input type=\"password\" name=\"password\" required minlength=\"{CHARS_MIN}\" autofocus \
             autocomplete=\"new-password\"></label>"
        ),
        Ask::Nothing => String::new(),
    });
    body.push_str("<button>Log in</button></form>");
    page(status, "", &format!("Log in to {node}"), &body)
}

/// Words, and no form.
pub(crate) fn note(status: StatusCode, title: &str, text: &str) -> Response<AnswerBody> {
    page(status, "", title, &format!("<p>{}</p>", escaped(text)))
}

/// Sends the browser on, in its own name: what it sends there is not made by another site.
pub(crate) fn bounce(to: &str) -> Response<AnswerBody> {
    let to = escaped(to);
    let head = format!("<meta http-equiv=\"refresh\" content=\"0; url={to}\">");
    page(StatusCode::OK, &head, "One moment", &format!("<p><a href=\"{to}\">Go on</a></p>"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use hyper::body::Body;
    use proptest::prelude::*;

    use super::*;

    async fn text(response: Response<AnswerBody>) -> String {
        let mut body = Box::pin(response.into_body());
        let mut bytes = Vec::new();
        while let Some(frame) = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
            bytes.extend_from_slice(&frame.unwrap().into_data().unwrap());
        }
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn nothing_runs_or_is_loaded() {
        let response = note(StatusCode::OK, "a", "b");
        let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"));
    }

    proptest! {
        #[test]
        fn text_of_others_stays_text(redirect in "(\\PC|[<>\"'&]){0,20}") {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let node: NodeName = "a.os".parse().unwrap();
            let sent = Form { redirect: redirect.clone(), link: redirect.clone(), ..Form::default() };
            let page = runtime.block_on(text(form(StatusCode::OK, &node, Ask::Nothing, &sent, Some(&redirect))));
            let plain = runtime.block_on(text(form(StatusCode::OK, &node, Ask::Nothing, &Form { redirect: "x".to_owned(), link: "x".to_owned(), ..Form::default() }, Some("x"))));
            let marks = |text: &str| text.chars().filter(|c| matches!(c, '<' | '>' | '"')).count();
            if !redirect.is_empty() {
                prop_assert_eq!(marks(&page), marks(&plain), "{}", page);
            }
        }
    }
}
