//! An authority that speaks ACME: `pebble`, with a DNS that points every name at one address.
//!
//! Each has an address of loopback of its own, so that ports need no choosing. What the authority looks at (port 5002 there)
//! is a [`Gate`], behind which is the node, once the test says so.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::json;
use tempfile::TempDir;

use crate::node::Node;
use crate::wait::eventually;

const ACME: u16 = 14_000;
const MANAGEMENT: u16 = 15_000;
const DNS: u16 = 8_053;
const CHALLENGE: u16 = 5_002;

/// Far longer than anything takes: it ends threads of tests that failed.
const QUIET: Duration = Duration::from_secs(120);

/// An authority, which runs or not.
#[derive(Debug)]
pub struct Pebble {
    address: Ipv4Addr,
    folder: TempDir,
    running: Vec<Child>,
}

impl Pebble {
    /// One that does not run yet. Its certificates are good for `validity_s`; the default is 5 years.
    pub fn new(validity_s: Option<u64>) -> Self {
        let pebble = Self { address: own_address(), folder: tempfile::tempdir().unwrap(), running: Vec::new() };
        let (certificate, key) = pebble.make_certificate();
        let mut config = json!({
            "listenAddress": pebble.at(ACME).to_string(),
            "managementListenAddress": pebble.at(MANAGEMENT).to_string(),
            "certificate": certificate,
            "privateKey": key,
            "httpPort": CHALLENGE,
            "tlsPort": 5_001,
        });
        if let Some(seconds) = validity_s {
            config["certificateValidityPeriod"] = seconds.into();
        }
        std::fs::write(pebble.path("pebble.json"), json!({ "pebble": config }).to_string()).unwrap();
        pebble
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn at(&self, port: u16) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(self.address), port)
    }

    /// An authority for its own HTTPS, and a certificate of that.
    fn make_certificate(&self) -> (PathBuf, PathBuf) {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new([self.address.to_string()]).unwrap().signed_by(&key, &authority).unwrap();
        let paths = (self.path("pebble.pem"), self.path("pebble.key"));
        std::fs::write(self.path("ca.pem"), authority.pem()).unwrap();
        std::fs::write(&paths.0, certificate.pem()).unwrap();
        std::fs::write(&paths.1, key.serialize_pem()).unwrap();
        paths
    }

    /// Starts it and waits until it listens. Of `environment` see the manual of pebble.
    pub fn start(&mut self, environment: &[(&str, &str)]) {
        assert!(self.running.is_empty(), "it runs already");
        let folder = self.folder.path().to_owned();
        let log = |name: &str| File::options().create(true).append(true).open(folder.join(name)).unwrap();
        let missing = "pebble is missing; `scripts/prepare --tests` installs it";
        let dns = Command::new("pebble-challtestsrv")
            .args(["-dns01", &self.at(DNS).to_string(), "-defaultIPv4", &self.address.to_string(), "-defaultIPv6", ""])
            .args(["-http01", "", "-https01", "", "-tlsalpn01", "", "-management", &self.at(8_055).to_string()])
            .stdin(Stdio::null())
            .stdout(log("dns.log"))
            .stderr(log("dns.log"))
            .spawn();
        self.running.push(dns.expect(missing));
        let pebble = Command::new("pebble")
            .arg("-config")
            .arg(self.path("pebble.json"))
            .args(["-dnsserver", &self.at(DNS).to_string()])
            .env("PEBBLE_VA_NOSLEEP", "1")
            .env("PEBBLE_WFE_NONCEREJECT", "0")
            .env("PEBBLE_AUTHZREUSE", "0")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(log("pebble.log"))
            .stderr(log("pebble.log"))
            .spawn();
        self.running.push(pebble.expect(missing));
        for port in [ACME, MANAGEMENT, 8_055] {
            eventually("pebble listens", || TcpStream::connect(self.at(port)).ok());
        }
    }

    /// Ends it. It forgets everything.
    pub fn stop(&mut self) {
        for mut child in self.running.drain(..) {
            // It may have ended by itself.
            let _ = child.kill();
            child.wait().unwrap();
        }
    }

    /// Settings of a node that gets a certificate for these names here.
    pub fn settings(&self, names: &[&str]) -> String {
        format!(
            "hosts = {names:?}\ntls = \"acme\"\n[acme]\ndirectory = \"https://{}/dir\"\nterms_agreed = true\n\
             ca_file = {:?}\ncontact = [\"mailto:me@node.example\"]\nretry_wait = 1\nretry_wait_max = 1\n",
            self.at(ACME),
            self.path("ca.pem"),
        )
    }

    /// What the node is told to listen at, to be asked directly, without a [`Gate`].
    pub fn challenge(&self) -> SocketAddr {
        self.at(CHALLENGE)
    }

    /// Where it says what its certificates are trusted by, at `/roots/0`: that is another one after each start.
    pub fn management(&self) -> SocketAddr {
        self.at(MANAGEMENT)
    }

    /// The certificate by which its own HTTPS is trusted.
    pub fn ca(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// Requests of a kind that came, by the path that pebble gives them, over all its starts.
    pub fn requests(&self, path: &str) -> usize {
        let log = std::fs::read_to_string(self.path("pebble.log")).unwrap_or_default();
        log.matches(&format!("POST {path} -> calling handler")).count()
    }

    /// Orders that came.
    pub fn orders(&self) -> usize {
        self.requests("/order-plz")
    }

    /// Accounts that were opened, other than those that were there already.
    pub fn accounts(&self) -> usize {
        let log = std::fs::read_to_string(self.path("pebble.log")).unwrap_or_default();
        log.lines().filter(|line| line.contains("There are now") && line.contains("accounts in memory")).count()
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        self.stop();
        if std::thread::panicking() {
            eprintln!("--- log of pebble\n{}", std::fs::read_to_string(self.path("pebble.log")).unwrap_or_default());
        }
    }
}

/// An address of loopback that no other test has: one for each process and each call.
fn own_address() -> Ipv4Addr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let n = std::process::id().wrapping_mul(8).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
    // 127.1.0.0 and up; 127.0.0.x is everybody's.
    let [_, a, b, c] = n.to_be_bytes();
    Ipv4Addr::new(127, a % 254 + 1, b, c)
}

/// Where a gate leads, once it is open.
#[derive(Debug, Default)]
struct Door {
    to: Mutex<Option<SocketAddr>>,
    opened: Condvar,
}

/// The port that the authority looks at. What comes waits until the test opens it.
#[derive(Debug)]
pub struct Gate {
    to: Arc<Door>,
    came: Arc<AtomicUsize>,
}

impl Gate {
    /// A closed one.
    pub fn of(pebble: &Pebble) -> Self {
        let listener = TcpListener::bind(pebble.challenge()).unwrap();
        let gate = Self { to: Arc::default(), came: Arc::default() };
        let (to, came) = (Arc::clone(&gate.to), Arc::clone(&gate.came));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                came.fetch_add(1, Ordering::SeqCst);
                let to = Arc::clone(&to);
                // The authority goes away when it has waited for too long.
                std::thread::spawn(move || drop(pass(stream, &to)));
            }
        });
        gate
    }

    /// Whoever comes, and came, gets to this node's own port.
    pub fn open(&self, node: &Node) {
        self.open_to(node.url().trim_start_matches("http://").parse().unwrap());
    }

    /// The same, for any port.
    pub fn open_to(&self, to: SocketAddr) {
        *self.to.to.lock().unwrap() = Some(to);
        self.to.opened.notify_all();
    }

    /// Connections that came.
    pub fn came(&self) -> usize {
        self.came.load(Ordering::SeqCst)
    }
}

fn pass(mut from: TcpStream, door: &Door) -> std::io::Result<()> {
    let to = door.opened.wait_while(door.to.lock().unwrap(), |to| to.is_none()).unwrap().unwrap();
    let mut target = TcpStream::connect(to)?;
    from.set_read_timeout(Some(QUIET))?;
    target.set_read_timeout(Some(QUIET))?;
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        from.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    target.write_all(&head)?;
    std::io::copy(&mut target, &mut from)?;
    from.shutdown(Shutdown::Both)
}
