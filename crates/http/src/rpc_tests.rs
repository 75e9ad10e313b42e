#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use super::*;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const HERE: &str = "127.0.0.1:50000";

/// A good call, but for one thing.
fn checked(peer: &str, method: &str, change: Option<(&str, Option<&str>)>) -> Result<(), RpcRefusalKind> {
    checked_for(Tools::Token, peer, method, change)
}

fn checked_for(
    tools: Tools,
    peer: &str,
    method: &str,
    change: Option<(&str, Option<&str>)>,
) -> Result<(), RpcRefusalKind> {
    let bearer = format!("Bearer {TOKEN}");
    let mut request = Request::builder().method(method).uri("/rpc:distro:sys/message").body(()).unwrap();
    for (name, value) in
        [("host", "localhost:8080"), ("authorization", bearer.as_str()), ("content-type", "application/json")]
    {
        let name = hyper::header::HeaderName::from_static(name);
        request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
    }
    if let Some((name, value)) = change {
        let name: hyper::header::HeaderName = name.parse().unwrap();
        match value {
            Some(value) => request.headers_mut().insert(name, value.parse().unwrap()),
            None => request.headers_mut().remove(name),
        };
    }
    let token = ControlToken::new(TOKEN).unwrap();
    check(peer.parse().unwrap(), &request.into_parts().0, &token, tools).map_err(|refused| refused.kind)
}

#[test]
fn a_tool_of_the_owner_is_let_in() {
    assert_eq!(checked(HERE, "POST", None), Ok(()));
    let with_charset = Some(("content-type", Some("Application/JSON; charset=utf-8")));
    assert_eq!(checked(HERE, "POST", with_charset), Ok(()));
}

/// S4: a process that reaches the endpoint through an HTTP client has no token.
#[test]
fn s4_without_the_token_nothing_is_done() {
    for value in [None, Some("Bearer wrong"), Some("Bearer "), Some(TOKEN)] {
        assert_eq!(
            checked(HERE, "POST", Some(("authorization", value))),
            Err(RpcRefusalKind::Unauthorized),
            "{value:?}"
        );
    }
}

/// A tool that knows no token is let in where the owner said so, and everything else is refused as ever.
#[test]
fn kit_compat_leaves_out_the_token_and_nothing_else() {
    let compat = |peer: &str, change| checked_for(Tools::KitCompat, peer, "POST", change);
    assert_eq!(compat(HERE, Some(("authorization", None))), Ok(()));
    assert_eq!(compat(HERE, None), Ok(()));
    assert_eq!(compat(HERE, Some(("authorization", Some("Bearer wrong")))), Err(RpcRefusalKind::Unauthorized));
    assert_eq!(compat("10.0.0.1:1", Some(("authorization", None))), Err(RpcRefusalKind::Forbidden));
    let without_token = |name: &'static str, value: &str| {
        let mut request = Request::builder().method("POST").uri("/rpc:distro:sys/message").body(()).unwrap();
        for (name, value) in [("host", "localhost:8080"), ("content-type", "application/json"), (name, value)] {
            request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
        }
        let token = ControlToken::new(TOKEN).unwrap();
        check(HERE.parse().unwrap(), &request.into_parts().0, &token, Tools::KitCompat).map_err(|refused| refused.kind)
    };
    assert_eq!(without_token("accept", "*/*"), Ok(()));
    for (name, value) in [
        ("host", "evil.example"),
        ("origin", "http://localhost:8080"),
        ("sec-fetch-site", "same-origin"),
        ("x-forwarded-for", "1.2.3.4"),
    ] {
        assert_eq!(without_token(name, value), Err(RpcRefusalKind::Forbidden), "{name}");
    }
    assert_eq!(without_token("content-type", "text/plain"), Err(RpcRefusalKind::UnsupportedMediaType));
}

/// S5: DNS rebinding, and requests that a page makes.
#[test]
fn s5_web_pages_are_refused_even_with_the_token() {
    for change in [
        ("host", Some("evil.example:8080")),
        ("host", None),
        ("origin", Some("http://evil.example")),
        ("origin", Some("null")),
        ("sec-fetch-site", Some("cross-site")),
        ("sec-fetch-site", Some("same-origin")),
    ] {
        assert_eq!(checked(HERE, "POST", Some(change)), Err(RpcRefusalKind::Forbidden), "{change:?}");
    }
    for plain in [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("application/jsonx")] {
        let refused = checked(HERE, "POST", Some(("content-type", plain)));
        assert_eq!(refused, Err(RpcRefusalKind::UnsupportedMediaType), "{plain:?}");
    }
}

/// S6: behind a proxy on this machine, every peer is loopback.
#[test]
fn s6_what_a_proxy_passes_on_is_refused() {
    assert_eq!(checked(HERE, "POST", Some(("x-forwarded-for", Some("1.2.3.4")))), Err(RpcRefusalKind::Forbidden));
}

#[test]
fn strangers_learn_nothing_but_that() {
    assert_eq!(checked("10.0.0.1:50000", "PUT", Some(("authorization", None))), Err(RpcRefusalKind::Forbidden));
    assert_eq!(checked(HERE, "PUT", Some(("authorization", None))), Err(RpcRefusalKind::Unauthorized));
    assert_eq!(checked(HERE, "PUT", Some(("content-type", None))), Err(RpcRefusalKind::MethodNotAllowed));
}

#[test]
fn a_call_of_an_existing_tool_is_understood() {
    let call = parse(
        br#"{"node":null,"process":"main:app-store:sys","inherit":false,"expects_response":15,"body":"{}",
            "metadata":null,"context":null,"mime":"application/octet-stream","data":"AQID"}"#,
    )
    .unwrap();
    assert_eq!(call.message.expects_response, Some(15));
    let blob = call.blob.unwrap();
    assert_eq!(*blob.bytes, [1, 2, 3]);
    assert_eq!(blob.mime.as_deref(), Some("application/octet-stream"));
    assert!(parse(br#"{"process":"a:b:c","mime":"text/plain"}"#).unwrap().blob.is_none());
}

#[test]
fn nonsense_is_refused_with_a_reason() {
    for body in [
        "",
        "{}",
        "[]",
        r#"{"process":"a:b"}"#,
        r#"{"process":"a:b:c","data":"=="}"#,
        r#"{"process":"a:b:c","data":"AQI"}"#,
    ] {
        assert_eq!(parse(body.as_bytes()).unwrap_err().kind, RpcRefusalKind::Malformed, "{body}");
    }
}
