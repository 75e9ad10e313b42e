//! Pins certificates of an authority, with pebble: got, kept, renewed, and what happens when they cannot be had.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme, StreamOwned};
use serde_json::Value;
use wharf_tests::pebble::Gate;
use wharf_tests::{Node, Pebble, Web, eventually};

const NAMES: [&str; 2] = ["a.node.example", "node.example"];

type Tls = StreamOwned<ClientConnection, TcpStream>;

/// Takes any certificate and remembers it.
#[derive(Debug)]
struct Anything {
    schemes: Vec<SignatureScheme>,
    seen: Mutex<Option<CertificateDer<'static>>>,
}

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.seen.lock().unwrap() = Some(certificate.clone().into_owned());
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}

fn connect(node: &Node, verifier: Arc<dyn ServerCertVerifier>, name: &'static str) -> std::io::Result<Tls> {
    let address = node.url().trim_start_matches("http://").parse().unwrap();
    connect_at(address, verifier, ServerName::try_from(name).unwrap())
}

fn connect_at(
    address: SocketAddr,
    verifier: Arc<dyn ServerCertVerifier>,
    name: ServerName<'static>,
) -> std::io::Result<Tls> {
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().dangerous();
    let config = config.with_custom_certificate_verifier(verifier).with_no_client_auth();
    let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = TcpStream::connect(address)?;
    connection.complete_io(&mut stream)?;
    Ok(StreamOwned::new(connection, stream))
}

/// A connection by whatever certificate there is, and that.
fn connect_anyhow(node: &Node) -> (Tls, CertificateDer<'static>) {
    let schemes = rustls::crypto::ring::default_provider().signature_verification_algorithms.supported_schemes();
    let verifier = Arc::new(Anything { schemes, seen: Mutex::default() });
    let stream = connect(node, Arc::<Anything>::clone(&verifier), "node.example").unwrap();
    let seen = verifier.seen.lock().unwrap().clone().unwrap();
    (stream, seen)
}

/// Status of a page over a connection that stays open.
fn status(stream: &mut Tls) -> u16 {
    write!(stream, "HEAD /login HTTP/1.1\r\nHost: node.example\r\nAccept: text/html\r\n\r\n").unwrap();
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap().split(' ').nth(1).unwrap().parse().unwrap()
}

fn verifier(certificate: CertificateDer<'static>) -> Arc<dyn ServerCertVerifier> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap()
}

/// What pebble's certificates are trusted by. It says so itself.
fn trust(pebble: &Pebble) -> Arc<dyn ServerCertVerifier> {
    let own = verifier(CertificateDer::from_pem_file(pebble.ca()).unwrap());
    let address = pebble.management();
    let mut stream = connect_at(address, own, ServerName::IpAddress(address.ip().into())).unwrap();
    write!(stream, "GET /roots/0 HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    // Not everybody says goodbye in TLS.
    let _ = stream.read_to_end(&mut answer);
    verifier(CertificateDer::from_pem_slice(&answer).unwrap())
}

fn wait_for_certificate(node: &Node, pebble: &Pebble) {
    let trust = trust(pebble);
    for name in NAMES {
        eventually(&format!("there is a certificate for {name}"), || connect(node, Arc::clone(&trust), name).ok());
    }
}

/// What is shown of the certificate.
fn shown(node: &Node) -> Value {
    let status: Value = serde_json::from_str(&node.wharf(&["--json", "status"]).ok()).unwrap();
    status["certificate"].clone()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn node(pebble: &Pebble, more: &str) -> Node {
    Node::builder().settings(&format!("{}{more}", pebble.settings(&NAMES))).start()
}

#[test]
fn a_certificate_is_got_and_kept_and_connections_stay() {
    let mut pebble = Pebble::new(None);
    pebble.start(&[]);
    let gate = Gate::of(&pebble);
    let mut node = node(&pebble, "");
    eventually("the authority looks at the node", || (gate.came() > 0).then_some(()));
    // Nothing is for strangers who guess.
    let (status_of_guess, _) = node.get("/.well-known/acme-challenge/guess");
    assert_ne!(status_of_guess, 200);
    let (mut before, own) = connect_anyhow(&node);
    assert_eq!(status(&mut before), 200);
    assert!(node.wharf(&["status"]).ok().contains("none was issued yet"));

    gate.open(&node);
    wait_for_certificate(&node, &pebble);
    assert_ne!(connect_anyhow(&node).1, own);
    assert_eq!(status(&mut before), 200, "the connection of before is still there");
    let folder = node.home().acme();
    assert_eq!(mode(&folder), 0o700);
    eventually("the order is done with", || (!folder.join("order.json").exists()).then_some(()));
    let kept: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(kept.len(), 2, "{kept:?}");
    assert!(kept.iter().all(|path| mode(path) == 0o600));
    eventually("the status says so", || node.wharf(&["status"]).ok().contains("good for").then_some(()));
    assert!(!node.wharf(&["doctor"]).stdout.contains("PROBLEM  certificate"));

    // One, unless the authority had to wait for too long.
    let orders = pebble.orders();
    // Another start has it at once and asks nobody, and neither does one without the authority.
    let (_, issued) = connect_anyhow(&node);
    node.restart();
    assert_eq!(connect_anyhow(&node).1, issued);
    pebble.stop();
    node.kill_9();
    node.start_again();
    assert_eq!(connect_anyhow(&node).1, issued);
    let shown = eventually("the status is there", || Some(shown(&node)).filter(|shown| !shown.is_null()));
    assert_eq!(shown["problem"], Value::Null, "{shown}");
    assert_eq!((pebble.orders(), pebble.accounts()), (orders, 1), "a start asks for nothing");
}

#[test]
fn a_certificate_that_ends_soon_is_renewed() {
    let mut pebble = Pebble::new(Some(20));
    pebble.start(&[("PEBBLE_AUTHZREUSE", "50")]);
    let node = node(&pebble, &format!("challenge = \"{}\"\n", pebble.challenge()));
    let mut seen = vec![connect_anyhow(&node).1];
    // The node's own, and two of the authority; or three of the authority.
    while seen.len() < 3 {
        seen.push(eventually("there is another certificate", || {
            Some(connect_anyhow(&node).1).filter(|now| !seen.contains(now))
        }));
    }
    assert_eq!(pebble.accounts(), 1);
    node.assert_serves();
}

#[test]
fn a_refusal_is_told_and_tried_again() {
    let mut pebble = Pebble::new(None);
    pebble.start(&[]);
    let (gate, elsewhere) = (Gate::of(&pebble), Web::start());
    gate.open_to(elsewhere.host().parse().unwrap());
    let node = node(&pebble, "");
    let shown = eventually("the refusal is shown", || Some(shown(&node)).filter(|shown| shown["problem"].is_string()));
    let problem = shown["problem"].as_str().unwrap();
    assert!(problem.contains("node.example") && problem.contains("404"), "{problem}");
    assert!(shown["next_try"].is_i64() && shown["valid_until"].is_null(), "{shown}");
    let doctor = eventually("the doctor has it", || {
        Some(node.wharf(&["doctor"]).stdout).filter(|said| said.contains("PROBLEM  certificate"))
    });
    assert!(doctor.contains("port 80"), "{doctor}");
    node.wait_for_log(&["no certificate from", "404"]);
    assert_eq!(status(&mut connect_anyhow(&node).0), 200, "the node serves meanwhile");

    gate.open(&node);
    wait_for_certificate(&node, &pebble);
}

#[test]
fn an_authority_that_comes_late_and_stumbles_is_found() {
    let mut pebble = Pebble::new(None);
    let mut node = node(&pebble, &format!("challenge = \"{}\"\n", pebble.challenge()));
    node.wait_for_log(&["no certificate from", "cannot be reached"]);
    assert_eq!(status(&mut connect_anyhow(&node).0), 200);
    pebble.start(&[("PEBBLE_WFE_NONCEREJECT", "30")]);
    wait_for_certificate(&node, &pebble);
    // Stopping does not wait for it.
    node.stop();
}

#[test]
fn what_a_kill_cuts_off_goes_on() {
    let mut pebble = Pebble::new(None);
    pebble.start(&[]);
    let gate = Gate::of(&pebble);
    let mut node = node(&pebble, "");
    eventually("the authority looks at the node", || (gate.came() > 0).then_some(()));
    assert!(node.home().acme().join("order.json").exists());
    node.kill_9();
    node.start_again();
    // The authority waits for so long only. What it has given up by now is ordered anew, by the same account.
    gate.open(&node);
    wait_for_certificate(&node, &pebble);
    eventually("the order is done with", || (!node.home().acme().join("order.json").exists()).then_some(()));
    assert_eq!(pebble.accounts(), 1);
    // What was cut off after that changes nothing: the files are whole.
    node.kill_9();
    node.start_again();
    assert!(connect(&node, trust(&pebble), "node.example").is_ok());
}

#[test]
fn damaged_files_cost_a_new_certificate_and_no_start() {
    let mut pebble = Pebble::new(None);
    pebble.start(&[]);
    let mut node = node(&pebble, &format!("challenge = \"{}\"\n", pebble.challenge()));
    wait_for_certificate(&node, &pebble);
    let orders = pebble.orders();
    node.stop();
    let folder = node.home().acme();
    std::fs::write(folder.join("account.pem"), "nonsense").unwrap();
    std::fs::write(folder.join("certificate.json"), "{\"format\":1}").unwrap();
    std::fs::write(folder.join("order.json"), "nonsense").unwrap();
    node.start_again();
    wait_for_certificate(&node, &pebble);
    assert!(pebble.orders() > orders);
    assert_eq!(std::fs::read_to_string(folder.join("account.pem.bad")).unwrap(), "nonsense");
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let pebble = Pebble::new(None);
    let good = pebble.settings(&NAMES);
    for (from, to, named) in [
        ("terms_agreed = true", "terms_agreed = false", "terms_agreed"),
        ("https://", "http://", "https://"),
        ("ca.pem", "missing.pem", "missing.pem"),
        ("mailto:", "", "contact"),
        ("\"node.example\"", "\"node\"", "node"),
        ("retry_wait ", "retry ", "retry"),
    ] {
        let output = Node::builder().settings(&good.replace(from, to)).fail();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(6), "{to}: {said}");
        assert!(said.contains(named), "{to}: {said}");
    }
}
