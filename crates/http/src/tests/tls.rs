//! TLS and HTTP/2.

use std::sync::Arc;
use std::time::Duration;

use hyper::client::conn::{http1, http2};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::world::{TOKEN, World, gate};
use crate::body::AnswerBody;
use crate::{Certificate, HttpSettings, Tls};

/// A node that speaks TLS, and the folder with its certificate.
async fn world(settings: HttpSettings) -> (World, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let made = Certificate::self_signed(&["node.example".parse().unwrap()]).unwrap();
    let (certificate, key) = (folder.path().join("certificate.pem"), folder.path().join("key.pem"));
    std::fs::write(&certificate, made.certificate).unwrap();
    std::fs::write(&key, made.key).unwrap();
    let world = World::with(settings, gate(), Some(Tls::open(certificate, key).unwrap())).await;
    world.bind("/").await;
    (world, folder)
}

async fn connect(world: &World, folder: &TempDir, name: &'static str, alpn: &[&str]) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(folder.path().join("certificate.pem")).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(world.address).await.unwrap();
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(name).unwrap(), stream).await.unwrap()
}

fn get(url: &str) -> Request<AnswerBody> {
    Request::get(url).body(AnswerBody::default()).unwrap()
}

async fn text(response: Response<hyper::body::Incoming>) -> String {
    let mut body = Box::pin(response.into_body());
    let mut bytes = Vec::new();
    while let Some(frame) = std::future::poll_fn(|cx| hyper::body::Body::poll_frame(body.as_mut(), cx)).await {
        bytes.extend(frame.unwrap().into_data().unwrap());
    }
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn both_versions_are_spoken_over_tls() {
    let (world, folder) = world(HttpSettings::default()).await;
    for name in ["localhost", "127.0.0.1", "node.example", "x.node.example"] {
        let stream = connect(&world, &folder, name, &["h2", "http/1.1"]).await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]), "{name}");
    }
    let stream = connect(&world, &folder, "localhost", &["h2"]).await;
    let (mut send, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let several = (0..20).map(|n| send.send_request(get(&format!("https://localhost/web:distro:sys/{n}"))));
    for response in futures_util::future::join_all(several.collect::<Vec<_>>()).await {
        let response = response.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let seen: serde_json::Value = serde_json::from_str(&text(response).await).unwrap();
        assert_eq!(seen["request"]["Http"]["headers"]["host"], "localhost");
    }

    let stream = connect(&world, &folder, "localhost", &["http/1.1"]).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let (mut send, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut request = get("/web:distro:sys/x");
    request.headers_mut().insert("host", "localhost".parse().unwrap());
    assert_eq!(send.send_request(request).await.unwrap().status(), StatusCode::OK);
}

/// S21: over TLS, the cookie is for TLS.
#[tokio::test]
async fn s21_over_tls_the_cookie_is_secure() {
    let (world, folder) = world(HttpSettings::default()).await;
    let bearer = format!("Bearer {TOKEN}");
    let set = br#"{"SetPassword":{"password":"correct horse"}}"#;
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    assert_eq!(world.send("POST", "/login:distro:sys", &headers, set).await.status, 200);
    let stream = connect(&world, &folder, "localhost", &["h2"]).await;
    let (mut send, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::post("https://localhost/login").header("content-type", "application/json");
    let request = request.body(AnswerBody::from(br#"{"password":"correct horse"}"#.to_vec())).unwrap();
    let response = send.send_request(request).await.unwrap();
    let cookie = response.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.starts_with("__Host-wharf-session_a.os=") && cookie.contains("; Secure"), "{cookie}");
    world.bind_as("/mine", "owner").await;
    let pair = cookie.split(';').next().unwrap();
    let visit = |host: &str| {
        Request::get(format!("https://{host}/web:distro:sys/mine"))
            .header("cookie", pair)
            .body(AnswerBody::default())
            .unwrap()
    };
    assert_eq!(send.send_request(visit("localhost")).await.unwrap().status(), StatusCode::OK);
    assert_eq!(send.send_request(visit("evil.example")).await.unwrap().status(), StatusCode::MISDIRECTED_REQUEST);
    // The same secret under the name for plain HTTP is none.
    let plain = pair.trim_start_matches("__Host-");
    assert_eq!(world.ask("GET", "/web:distro:sys/mine", &[("Cookie", plain)]).await.status, 401);
}

#[tokio::test]
async fn this_machine_may_do_without_tls() {
    let (world, _folder) = world(HttpSettings::default()).await;
    assert_eq!(world.ask("GET", "/web:distro:sys/x", &[]).await.status, 200);
}

/// An authority looks at port 80, without TLS, and by a name that need not be ours.
#[tokio::test]
async fn a_challenge_under_way_is_answered_without_tls_and_only_there() {
    const TOKEN_PATH: &str = "/.well-known/acme-challenge/token";
    let (world, folder) = world(HttpSettings::default()).await;
    let ask = async |method: &str, path: &str| {
        world
            .raw(format!("{method} {path} HTTP/1.1\r\nHost: any.example\r\nConnection: close\r\n\r\n").as_bytes())
            .await
    };
    let answered = ask("GET", TOKEN_PATH).await;
    assert_eq!((answered.status, answered.body.as_slice()), (200, &b"token.thumb"[..]));
    for (method, path) in [("POST", TOKEN_PATH), ("GET", "/.well-known/acme-challenge/"), ("GET", "/token")] {
        assert_ne!(ask(method, path).await.status, 200, "{method} {path}");
    }
    let stream = connect(&world, &folder, "localhost", &["http/1.1"]).await;
    let (mut send, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut request = get(TOKEN_PATH);
    request.headers_mut().insert("host", "localhost".parse().unwrap());
    assert_ne!(send.send_request(request).await.unwrap().status(), StatusCode::OK);
}

/// Who has prior knowledge of it speaks HTTP/2 without TLS.
#[tokio::test]
async fn http2_is_spoken_without_tls() {
    let world = World::new(HttpSettings::default()).await;
    world.bind("/").await;
    let stream = TcpStream::connect(world.address).await.unwrap();
    let (mut send, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut request = get("http://localhost:8080/web:distro:sys/x");
    // HTTP/2 may bring cookies one by one.
    for cookie in ["a=b", "wharf-session_a.os=secret", "c=d"] {
        request.headers_mut().append("cookie", cookie.parse().unwrap());
    }
    let seen = text(send.send_request(request).await.unwrap()).await;
    let seen: serde_json::Value = serde_json::from_str(&seen).unwrap();
    assert_eq!(seen["request"]["Http"]["headers"]["cookie"], "a=b; c=d");
}

#[tokio::test]
async fn http2_has_the_bounds_of_headers_too() {
    let world = World::new(HttpSettings::default()).await;
    world.bind("/").await;
    let stream = TcpStream::connect(world.address).await.unwrap();
    let (mut send, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut many = get("http://localhost/web:distro:sys/x");
    for n in 0..200 {
        let name: hyper::header::HeaderName = format!("x-{n}").parse().unwrap();
        many.headers_mut().insert(name, "x".parse().unwrap());
    }
    let refused = send.send_request(many).await.unwrap();
    assert_eq!(refused.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    let mut long = get("http://localhost/web:distro:sys/x");
    long.headers_mut().insert("x-long", "x".repeat(100 << 10).parse().unwrap());
    assert!(
        send.send_request(long)
            .await
            .map_or(true, |refused| refused.status() == StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
    );
    assert_eq!(world.received(), 0);
}

/// One frame of HTTP/2.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A client that takes its requests back as fast as it makes them is cut off, and nobody else notices.
#[tokio::test]
async fn a_flood_of_resets_ends_the_connection() {
    let world = World::new(HttpSettings::default()).await;
    world.bind("/").await;
    let mut flood = [PREFACE, &frame(4, 0, 0, &[])].concat();
    // GET, http, /, localhost: all but the last by their numbers.
    let head = [&[0x82, 0x86, 0x84, 0x41, 9][..], b"localhost"].concat();
    for n in 0..5_000 {
        flood.extend(frame(1, 5, 2 * n + 1, &head));
        flood.extend(frame(3, 0, 2 * n + 1, &8_u32.to_be_bytes()));
    }
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    // It may be cut off before it has written everything.
    let _ = stream.write_all(&flood).await;
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said).await;
    assert_eq!(world.ask("GET", "/web:distro:sys/x", &[]).await.status, 200);
}

/// Whoever connects and says nothing, or stops in the middle, goes after a while.
#[tokio::test]
async fn silent_connections_end() {
    let brief = Duration::from_millis(100);
    let plain = World::new(HttpSettings { header_wait: brief, ..Default::default() }).await;
    let (tls, _folder) = world(HttpSettings { header_wait: brief, handshake_wait: brief, ..Default::default() }).await;
    let settings = frame(4, 0, 0, &[]);
    let half_a_head = frame(1, 1, 1, &[0x82]);
    for beginning in [
        &b""[..],
        b"G",
        b"GET / HTTP/1.1\r\nHost: loc",
        b"PRI * HTTP/2.0\r\n\r\nSM",
        PREFACE,
        &[PREFACE, &settings].concat(),
        &[PREFACE, &settings, &half_a_head].concat(),
    ] {
        for world in [&plain, &tls] {
            let mut stream = TcpStream::connect(world.address).await.unwrap();
            stream.write_all(beginning).await.unwrap();
            let mut said = Vec::new();
            let _ = stream.read_to_end(&mut said).await;
        }
    }
    let mut stream = TcpStream::connect(tls.address).await.unwrap();
    stream.write_all(&[22, 3, 1]).await.unwrap();
    let _ = stream.read_to_end(&mut Vec::new()).await;
}

#[tokio::test]
async fn http2_streams_max() {
    let world = World::new(HttpSettings { http2_streams_max: 3, ..Default::default() }).await;
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    stream.write_all(&[PREFACE, &frame(4, 0, 0, &[])].concat()).await.unwrap();
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(head[3], 4, "the first frame is of settings");
    let mut settings = vec![0; usize::from(head[2])];
    stream.read_exact(&mut settings).await.unwrap();
    assert!(settings.chunks(6).any(|setting| setting == [0, 3, 0, 0, 0, 3]), "{settings:?}");
}

#[tokio::test]
async fn stopping_ends_http2_as_well() {
    let world = World::new(HttpSettings { stop_wait: Duration::ZERO, ..Default::default() }).await;
    world.bind("/").await;
    let stream = TcpStream::connect(world.address).await.unwrap();
    let (mut send, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let client = tokio::spawn(connection);
    let busy = tokio::spawn(send.send_request(get("http://localhost/web:distro:sys/silent")));
    while world.received() == 0 {
        tokio::task::yield_now().await;
    }
    world.stop.cancel();
    world.serving.await.unwrap();
    // Answered or cut off: what matters is that both ends know.
    let _ = busy.await.unwrap();
    let _ = client.await.unwrap();
}
