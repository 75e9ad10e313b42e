//! A node with a web server, and a client.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wharf_kernel::capability::Authority;
use wharf_kernel::envelope::{Blob, Content, Payload, Seconds};
use wharf_kernel::launcher::{Launcher, PrepareError, Prepared};
use wharf_kernel::persistence::{Change, Persistence, SetStateError, StateRoom, StoreError, Stored};
use wharf_kernel::{Kernel, Limits, ModuleHandle, Parts, SendAs};
use wharf_types::{Address, PackageId, ProcessId};

use super::process::{Told, Web};
use crate::auth::InMemory;
use crate::routes::Routes;
use crate::socket::Sockets;
use crate::stream::Streams;
use crate::{
    Challenges, ControlToken, Gate, GateParts, HttpServer, HttpSettings, Listening, LoginSettings, Tls, Tools,
};

pub(super) const TOKEN: &str = "0123456789abcdef0123456789abcdef";

struct Nothing;

impl Launcher for Nothing {
    fn prepare(&self, _: Payload) -> BoxFuture<'_, Result<Arc<dyn Prepared>, PrepareError>> {
        Box::pin(async { Err(PrepareError::Internal("there are no guests here".into())) })
    }
}

impl Persistence for Nothing {
    fn load(&self) -> BoxFuture<'_, Result<Stored, StoreError>> {
        Box::pin(async { Ok(Stored::default()) })
    }
    fn apply(&self, _: Vec<Change>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }
    fn get_state(&self, _: ProcessId) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        Box::pin(async { Ok(None) })
    }
    fn set_state_within(&self, _: ProcessId, _: Payload, _: StateRoom) -> BoxFuture<'_, Result<(), SetStateError>> {
        Box::pin(async { Ok(()) })
    }
    fn clear_state(&self, _: ProcessId) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }

    fn clear_states(&self, _: PackageId) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }
}

/// A gate that keeps in memory.
pub(super) fn gate() -> GateParts {
    GateParts {
        node: "a.os".parse().unwrap(),
        token: ControlToken::new(TOKEN).unwrap(),
        tools: Tools::Token,
        hosts: vec!["node.example".parse().unwrap()],
        trusted_proxies: Vec::new(),
        login: LoginSettings::default(),
        keep: Arc::new(InMemory::default()),
    }
}

/// The node.
pub(super) struct World {
    pub(super) address: SocketAddr,
    pub(super) routes: Arc<Routes>,
    pub(super) stop: CancellationToken,
    pub(super) serving: JoinHandle<()>,
    pub(super) sockets: Arc<Sockets>,
    pub(super) streams: Arc<Streams>,
    /// Closed to make the process wait.
    pub(super) gate: Arc<Semaphore>,
    web: ModuleHandle,
    received: Arc<AtomicUsize>,
    told: Mutex<UnboundedReceiver<Told>>,
}

impl World {
    pub(super) async fn new(settings: HttpSettings) -> Self {
        Self::with_all(settings, Limits::default(), gate(), None).await
    }

    pub(super) async fn with_limits(settings: HttpSettings, limits: Limits) -> Self {
        Self::with_all(settings, limits, gate(), None).await
    }

    pub(super) async fn with(settings: HttpSettings, gate: GateParts, tls: Option<Tls>) -> Self {
        Self::with_all(settings, Limits::default(), gate, tls).await
    }

    async fn with_all(settings: HttpSettings, limits: Limits, door: GateParts, tls: Option<Tls>) -> Self {
        let stop = CancellationToken::new();
        let kernel = Kernel::new(Parts {
            node: "a.os".parse().unwrap(),
            authority: Authority::from_seed(&[1; 32]).unwrap(),
            limits: limits.into(),
            persistence: Arc::new(Nothing),
            launcher: Arc::new(Nothing),
            stop: stop.child_token(),
        });
        let server = HttpServer::new(settings);
        let (routes, sockets, streams) = (server.routes(), server.sockets(), server.streams());
        let (tell, told) = unbounded_channel();
        let gate = Arc::new(Semaphore::new(1_000));
        let handle = kernel.start_module(server.module());
        let received = Arc::new(AtomicUsize::new(0));
        let web = kernel.start_module(Web { received: Arc::clone(&received), told: tell, gate: Arc::clone(&gate) });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let challenges: Challenges =
            Arc::new(|path| (path == "/.well-known/acme-challenge/token").then(|| "token.thumb".to_owned()));
        let listening = Listening { listener, tls, challenges: Some(challenges) };
        let serving = server.serve(listening, handle, Gate::open(door).unwrap(), stop.clone());
        let serving = tokio::spawn(serving);
        Self { address, routes, serving, stop, sockets, streams, gate, web, received, told: Mutex::new(told) }
    }

    /// What the process is told next of its WebSockets.
    pub(super) async fn told(&self) -> Told {
        self.told.lock().await.recv().await.unwrap()
    }

    /// Messages that reached the process.
    pub(super) fn received(&self) -> usize {
        self.received.load(Ordering::SeqCst)
    }

    /// The process sends the server an action; returns its JSON answer and the reason in the metadata.
    pub(super) async fn act(&self, action: Value, blob: Option<Blob>) -> (String, Option<String>) {
        let target: Address = "our@http-server:distro:sys".parse().unwrap();
        let content = Content::body(action.to_string().into_bytes());
        let answer = self.web.request(&target, content, blob, Seconds(30), SendAs::Module).await.unwrap();
        let body = String::from_utf8(answer.content.body.to_vec()).unwrap();
        (body, answer.content.metadata.map(|text| text.to_string()))
    }

    /// [`World::act`] for what is answered with a blob.
    pub(super) async fn act_for_blob(&self, action: Value) -> (String, Option<Vec<u8>>) {
        let target: Address = "our@http-server:distro:sys".parse().unwrap();
        let content = Content::body(action.to_string().into_bytes());
        let answer = self.web.request(&target, content, None, Seconds(30), SendAs::Module).await.unwrap();
        let body = String::from_utf8(answer.content.body.to_vec()).unwrap();
        (body, answer.blob.map(|blob| blob.bytes.to_vec()))
    }

    /// The process binds a path for everyone.
    pub(super) async fn bind(&self, path: &str) {
        self.bind_as(path, "anyone").await;
    }

    pub(super) async fn bind_as(&self, path: &str, kind: &str) {
        let action = serde_json::json!({"Bind": {
            "path": path, "authenticated": kind == "owner", "local_only": kind == "local", "cache": false}});
        assert_eq!(self.act(action, None).await.0, r#"{"Ok":null}"#);
    }

    /// Sends a request without a body.
    pub(super) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.send(method, path, headers, b"").await
    }

    /// Sends a request.
    pub(super) async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let mut text = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        let has = |name: &str| headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
        if !has("host") {
            text.push_str("Host: localhost:8080\r\n");
        }
        if !body.is_empty() && !has("content-length") && !has("transfer-encoding") {
            text.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        self.raw(&[text.as_bytes(), body].concat()).await
    }

    /// Sends bytes and reads until the server closes.
    pub(super) async fn raw(&self, bytes: &[u8]) -> Reply {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // A server that refuses early may close before it has read everything.
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        Reply::parse(&answer)
    }
}

/// An HTTP answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: BTreeMap<String, String>,
    /// The same, with those that come several times.
    pub(super) all: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Reply {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("an answer has a header");
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.map(|line| line.split_once(": ").unwrap());
        let all: Vec<_> = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
        Self { status, headers: all.iter().cloned().collect(), all, body: bytes[end + 4..].to_vec() }
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}
