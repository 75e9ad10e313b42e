//! Pins TLS: the node's own certificate, one that is given, one that changes; and that the command line needs none.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use wharf_tests::{Node, eventually};

/// A connection to a node that is trusted by this certificate, under a name.
fn connect(
    node: &Node,
    certificate: &Path,
    name: &'static str,
) -> std::io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    let mut connection =
        ClientConnection::new(Arc::new(config.with_no_client_auth()), ServerName::try_from(name).unwrap()).unwrap();
    let mut stream = TcpStream::connect(node.url().trim_start_matches("http://")).unwrap();
    connection.complete_io(&mut stream)?;
    Ok(StreamOwned::new(connection, stream))
}

fn get(node: &Node, certificate: &Path, name: &'static str, path: &str) -> std::io::Result<String> {
    let mut stream = connect(node, certificate, name)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {name}\r\nAccept: text/html\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[test]
fn a_node_makes_a_certificate_for_itself_and_keeps_it() {
    let mut node = Node::builder().settings("tls = \"self-signed\"\nhosts = [\"node.example\"]\n").start();
    let certificate = node.home().certificate();
    assert_eq!(std::fs::metadata(node.home().certificate_key()).unwrap().permissions().mode() & 0o777, 0o600);
    for name in ["localhost", "127.0.0.1", "node.example", "app-sys.node.example"] {
        let page = get(&node, &certificate, name, "/login").unwrap();
        assert!(page.starts_with("HTTP/1.1 "), "{name}: {page}");
    }
    assert!(get(&node, &certificate, "other.example", "/login").is_err());
    assert!(get(&node, &certificate, "localhost", "/login").unwrap().contains("no password yet"));
    // The command line speaks to it without.
    assert!(node.wharf(&["status"]).ok().contains(node.url()));

    let before = std::fs::read(&certificate).unwrap();
    node.restart();
    assert_eq!(std::fs::read(&certificate).unwrap(), before);
    assert!(get(&node, &certificate, "localhost", "/login").is_ok());
}

#[test]
fn a_certificate_that_is_given_may_change_while_the_node_runs() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("certificate.pem"), folder.path().join("key.pem"));
    let take = |from: &Node| {
        std::fs::copy(from.home().certificate(), &certificate).unwrap();
        std::fs::copy(from.home().certificate_key(), &key).unwrap();
    };
    let [one, other] = ["one.example", "other.example"]
        .map(|host| Node::builder().settings(&format!("tls = \"self-signed\"\nhosts = [\"{host}\"]\n")).start());
    take(&one);
    let settings = format!("tls = {{ certificate = {certificate:?}, key = {key:?} }}\n");
    let node = Node::builder().settings(&settings).start();
    assert!(get(&node, &one.home().certificate(), "one.example", "/login").is_ok());
    assert!(get(&node, &other.home().certificate(), "other.example", "/login").is_err());
    take(&other);
    eventually("the new certificate is in use", || {
        get(&node, &other.home().certificate(), "other.example", "/login").is_ok().then_some(())
    });
    assert!(get(&node, &one.home().certificate(), "one.example", "/login").is_err());
    // One that is no good changes nothing.
    std::fs::write(&certificate, "nonsense").unwrap();
    node.wait_for_log(&["the old one stays in use"]);
    assert!(get(&node, &other.home().certificate(), "other.example", "/login").is_ok());
}

#[test]
fn a_certificate_that_cannot_be_used_is_a_wrong_setting() {
    for settings in [
        "tls = { certificate = \"/nowhere/c.pem\", key = \"/nowhere/k.pem\" }\n",
        "tls = \"none\"\n",
        "hosts = [\"https://node.example\"]\n",
        "trusted_proxies = [\"proxy\"]\n",
    ] {
        let output = Node::builder().settings(settings).fail();
        assert_eq!(output.status.code(), Some(6), "{settings}: {output:?}");
    }
}
