//! Connections: accepted within bounds, each in a task of its own, ended gracefully.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Version};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wharf_kernel::budget::Budget;
use wharf_kernel::{CounterFamily, ModuleHandle};
use wharf_types::login::LOGIN_CONTROL_PATH;
use wharf_types::rpc::RPC_PATH;

use crate::access::ControlToken;
use crate::auth::{self, Arrival, Gate, Scheme};
use crate::body::AnswerBody;
use crate::content::Compressor;
use crate::module::HttpModule;
use crate::refusal::refuse;
use crate::routes::Routes;
use crate::settings::HttpSettings;
use crate::socket::Sockets;
use crate::stream::Streams;
use crate::tls::{Begun, Tls};
use crate::under_way::{Counted, Over, Spawn, UnderWay};
use crate::{incoming, prometheus, rpc};

/// Bytes for the header of a request, and headers in it.
const HEADER_BYTES_MAX: usize = 64 << 10;
const HEADERS_MAX: usize = 128;

/// Path of the counters, for programs that collect them.
const METRICS_PATH: &str = "/metrics";
/// What requests are counted by, in the order of statuses.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// How long a connection that asks nothing may take to end once it was told to, or up to twice as long.
const FAREWELL_WAIT: Duration = Duration::from_secs(2);

/// How long to wait when the system has no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: 45\r\n\
    connection: close\r\n\r\n{\"error\":\"the node has too many connections\"}";

/// Streams of HTTP/2 that a client has reset and that are not done with yet.
const HTTP2_RESETS_MAX: usize = 32;
/// Bytes of one answer that wait for a client of HTTP/2.
const HTTP2_SEND_BYTES_MAX: usize = 128 << 10;

/// Where connections come from.
pub struct Listening {
    /// The port.
    pub listener: TcpListener,
    /// With it, TLS is spoken there, and plain HTTP with this machine and trusted proxies only.
    pub tls: Option<Tls>,
    /// What is answered without TLS, at a path, to whoever asks: how an authority finds out whose a name is. `None` for
    /// all that is not under way.
    pub challenges: Option<Challenges>,
}

/// The answer at a path, if there is one.
pub type Challenges = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// The web server before it serves.
pub struct HttpServer {
    routes: Arc<Routes>,
    /// Paths at which processes take WebSockets.
    socket_routes: Arc<Routes>,
    sockets: Arc<Sockets>,
    streams: Arc<Streams>,
    buffered: Buffered,
    compressor: Compressor,
    settings: HttpSettings,
}

/// Bytes of request bodies in memory, by what they are for: whoever fills one of these leaves the others free. Each is
/// as large as the setting.
pub(crate) struct Buffered {
    /// Of all that is for processes: bodies, and messages of WebSockets that are still arriving.
    pub(crate) processes: Budget,
    /// Of login forms, which anyone may send.
    pub(crate) logins: Budget,
    /// Of the owner's tools, which have shown that they are.
    pub(crate) tools: Budget,
}

impl Buffered {
    fn new(max: usize) -> Self {
        Self { processes: Budget::new(max), logins: Budget::new(max), tools: Budget::new(max) }
    }
}

impl HttpServer {
    /// A server without any bound path.
    pub fn new(settings: HttpSettings) -> Self {
        let routes = || Arc::new(Routes::new(settings.clone()));
        let buffered = Buffered::new(settings.buffered_bytes_max);
        Self {
            routes: routes(),
            socket_routes: routes(),
            sockets: Sockets::new(settings.clone()),
            streams: Streams::new(&settings, buffered.processes.clone()),
            buffered,
            compressor: Compressor::new(&settings),
            settings,
        }
    }

    /// The module through which processes bind paths of this server.
    pub fn module(&self) -> HttpModule {
        HttpModule {
            routes: Arc::clone(&self.routes),
            socket_routes: Arc::clone(&self.socket_routes),
            sockets: Arc::clone(&self.sockets),
            streams: Arc::clone(&self.streams),
            compressor: self.compressor.clone(),
        }
    }

    #[cfg(test)]
    pub(crate) fn routes(&self) -> Arc<Routes> {
        Arc::clone(&self.routes)
    }

    #[cfg(test)]
    pub(crate) fn streams(&self) -> Arc<Streams> {
        Arc::clone(&self.streams)
    }

    #[cfg(test)]
    pub(crate) fn sockets(&self) -> Arc<Sockets> {
        Arc::clone(&self.sockets)
    }

    /// Serves until `stop`, then lets what is under way end, for a while. `handle` is that of the started
    /// [`HttpServer::module`]; `gate` knows who the owner is.
    pub async fn serve(self, listening: Listening, handle: ModuleHandle, gate: Gate, stop: CancellationToken) {
        let Listening { listener, tls, challenges } = listening;
        let stop_wait = self.settings.stop_wait;
        let requests =
            CounterFamily::new("http_requests", "HTTP requests by the class of their status", "class", &CLASSES);
        let requests = Arc::new(requests);
        handle.show_counters(Arc::clone(&requests));
        let (sockets, streams) = (self.sockets, self.streams);
        let abort = sockets.abort().clone();
        let connections = TaskTracker::new();
        if let Some(tls) = &tls {
            connections.spawn(tls.clone().watch(stop.clone()));
        }
        let server = Arc::new(Server {
            routes: self.routes,
            socket_routes: self.socket_routes,
            sockets: Arc::clone(&sockets),
            streams: Arc::clone(&streams),
            answers: Budget::new(self.settings.answers_bytes_max),
            settings: self.settings,
            handle,
            token: gate.token.clone(),
            gate,
            buffered: self.buffered,
            compressor: self.compressor,
            requests,
            tls,
            challenges,
            tasks: connections.clone(),
        });
        // Also when this future is dropped, no connection outlives it.
        let _abort_at_end = abort.clone().drop_guard();
        accept(&server, listener, &connections, &Ends { stop, abort: abort.clone() }).await;
        connections.close();
        let ended = async { tokio::join!(connections.wait(), sockets.close()) };
        if tokio::time::timeout(stop_wait, ended).await.is_err() {
            tracing::info!(connections = connections.len(), "ending connections that are still busy");
            abort.cancel();
            tokio::join!(connections.wait(), sockets.close());
        }
        streams.close().await;
    }
}

/// What every request needs.
pub(crate) struct Server {
    pub(crate) routes: Arc<Routes>,
    pub(crate) socket_routes: Arc<Routes>,
    pub(crate) sockets: Arc<Sockets>,
    pub(crate) streams: Arc<Streams>,
    pub(crate) settings: HttpSettings,
    pub(crate) handle: ModuleHandle,
    pub(crate) token: ControlToken,
    pub(crate) gate: Gate,
    pub(crate) buffered: Buffered,
    /// Bytes of answers that clients have not taken.
    pub(crate) answers: Budget,
    pub(crate) compressor: Compressor,
    requests: Arc<CounterFamily>,
    tls: Option<Tls>,
    challenges: Option<Challenges>,
    /// All that connections do.
    tasks: TaskTracker,
}

/// Cuts the connection that a request came over.
#[derive(Clone, Debug)]
pub(crate) struct Connection(pub(crate) CancellationToken);

/// The two ends of a connection.
#[derive(Clone)]
struct Ends {
    /// After the request under way.
    stop: CancellationToken,
    /// At once.
    abort: CancellationToken,
}

/// Why the server ends a connection.
enum Reason {
    Stop,
    Abort,
    Idle,
}

impl Ends {
    async fn reason(&self, connection: &Connection, under_way: &UnderWay, idle_max: Duration) -> Reason {
        tokio::select! {
            () = self.abort.cancelled() => Reason::Abort,
            () = connection.0.cancelled() => Reason::Abort,
            () = self.stop.cancelled() => Reason::Stop,
            over = under_way.over(idle_max) => match over {
                Over::Idle => Reason::Idle,
                Over::Stalled => Reason::Abort,
            },
        }
    }
}

/// Room for connections.
struct Places {
    all: Arc<Semaphore>,
    local: Arc<Semaphore>,
}

impl Places {
    fn take(&self, peer: SocketAddr) -> Option<OwnedSemaphorePermit> {
        let place = Arc::clone(&self.all).try_acquire_owned();
        let local = || peer.ip().to_canonical().is_loopback().then(|| Arc::clone(&self.local).try_acquire_owned().ok());
        place.ok().or_else(|| local().flatten())
    }
}

async fn accept(server: &Arc<Server>, listener: TcpListener, connections: &TaskTracker, ends: &Ends) {
    let places = Places {
        all: Arc::new(Semaphore::new(server.settings.connections_max.min(Semaphore::MAX_PERMITS))),
        local: Arc::new(Semaphore::new(server.settings.local_connections_max.min(Semaphore::MAX_PERMITS))),
    };
    loop {
        let accepted = tokio::select! {
            () = ends.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => match places.take(peer) {
                Some(place) => {
                    let (server, ends) = (Arc::clone(server), ends.clone());
                    connections.spawn(async move {
                        connection(server, stream, peer, ends).await;
                        drop(place);
                    });
                }
                // As much as can be said without waiting for a stranger.
                None => drop(stream.try_write(FULL)),
            },
            Err(error) => pause_after(&error, &ends.stop).await,
        }
    }
}

/// One client that broke off needs no pause; running out of something that only time brings back does.
async fn pause_after(error: &io::Error, stop: &CancellationToken) {
    if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
        return;
    }
    tracing::warn!(%error, "cannot accept a connection");
    let _ = tokio::time::timeout(ACCEPT_PAUSE, stop.cancelled()).await;
}

async fn connection(server: Arc<Server>, stream: TcpStream, peer: SocketAddr, ends: Ends) {
    // Without it, small answers wait for the client's acknowledgement. It is no more than slow when it fails.
    let _ = stream.set_nodelay(true);
    let Some(tls) = &server.tls else { return speak(&server, stream, peer, Scheme::Http, &ends).await };
    let begun = tokio::select! {
        begun = tokio::time::timeout(server.settings.handshake_wait, tls.begin(stream)) => begun,
        () = ends.stop.cancelled() => return,
    };
    match begun {
        Ok(Ok(Begun::Plain(stream))) => speak(&server, stream, peer, Scheme::Http, &ends).await,
        Ok(Ok(Begun::Tls(stream))) => speak(&server, *stream, peer, Scheme::Https, &ends).await,
        Ok(Err(error)) => tracing::debug!(%peer, %error, "no TLS"),
        Err(_) => tracing::debug!(%peer, "the TLS handshake took too long"),
    }
}

/// Speaks HTTP/1.1 or HTTP/2, as the client likes, until one side has enough.
async fn speak<S>(server: &Arc<Server>, stream: S, peer: SocketAddr, scheme: Scheme, ends: &Ends)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let under_way = UnderWay::default();
    let connection = Connection(CancellationToken::new());
    let service = service_fn(|request| {
        let (server, connection, request_under_way) = (Arc::clone(server), connection.clone(), under_way.begin());
        async move {
            let response = answer(&server, &connection, (peer, scheme), request).await;
            Ok::<_, Infallible>(response.map(|body| Counted::new(body, request_under_way)))
        }
    });
    let builder = builder(server);
    let spoken = builder.serve_connection_with_upgrades(TokioIo::new(under_way.watch(stream)), service);
    let mut spoken = pin!(spoken);
    let idle_max = server.settings.header_wait;
    // In a collection, since that polls it only when it is woken, and not with each request.
    let mut reason = FuturesUnordered::from_iter([ends.reason(&connection, &under_way, idle_max)]);
    let ended = tokio::select! {
        biased;
        ended = spoken.as_mut() => ended,
        reason = reason.select_next_some() => match reason {
            Reason::Abort => Ok(()),
            Reason::Stop => {
                spoken.as_mut().graceful_shutdown();
                tokio::select! {
                    ended = spoken => ended,
                    () = ends.abort.cancelled() => Ok(()),
                }
            }
            Reason::Idle => {
                spoken.as_mut().graceful_shutdown();
                tokio::select! {
                    ended = spoken => ended,
                    // It was told to go.
                    _ = under_way.over(idle_max.min(FAREWELL_WAIT)) => Ok(()),
                    () = ends.abort.cancelled() => Ok(()),
                }
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "connection ended");
    }
}

/// Both versions, with the same bounds. HTTP/2 has some of its own: a client that resets its streams as fast as it opens
/// them is cut off (CVE-2023-44487, CVE-2025-8671).
fn builder(server: &Server) -> auto::Builder<Spawn> {
    let mut builder = auto::Builder::new(Spawn::new(server.tasks.clone()));
    // No timer for headers: each request would pay for it, and connections that ask nothing are ended anyway.
    builder.http1().header_read_timeout(None).max_buf_size(HEADER_BYTES_MAX).max_headers(HEADERS_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(server.settings.http2_streams_max)
        .max_header_list_size(u32::try_from(HEADER_BYTES_MAX).unwrap_or(u32::MAX))
        .max_send_buf_size(HTTP2_SEND_BYTES_MAX)
        .max_pending_accept_reset_streams(HTTP2_RESETS_MAX)
        .max_local_error_reset_streams(HTTP2_RESETS_MAX)
        .keep_alive_interval(server.settings.header_wait)
        .keep_alive_timeout(server.settings.header_wait);
    builder
}

async fn answer(
    server: &Server,
    connection: &Connection,
    (peer, scheme): (SocketAddr, Scheme),
    mut request: Request<Incoming>,
) -> Response<AnswerBody> {
    let response = match prepare(server, scheme, peer, &mut request) {
        Err(response) => *response,
        Ok(arrival) => match request.uri().path() {
            RPC_PATH => rpc::answer(server, &arrival, request).await,
            METRICS_PATH => prometheus::answer(server, &arrival, request),
            LOGIN_CONTROL_PATH => auth::answer_control(server, &arrival, request).await,
            path if auth::is_login_path(path) => auth::answer_login(server, &arrival, request).await,
            _ => incoming::answer(server, connection, &arrival, request).await,
        },
    };
    server.requests.add(usize::from(response.status().as_u16() / 100).saturating_sub(1));
    response
}

/// Makes requests of both versions alike, and looks at where this one comes from.
fn prepare(
    server: &Server,
    scheme: Scheme,
    peer: SocketAddr,
    request: &mut Request<Incoming>,
) -> Result<Arrival, Box<Response<AnswerBody>>> {
    if request.headers().len() > HEADERS_MAX {
        let error = format!("a request has at most {HEADERS_MAX} headers");
        return Err(Box::new(refuse(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, error)));
    }
    if let Some(answer) = challenge(server, scheme, request) {
        return Err(Box::new(answer));
    }
    if request.version() == Version::HTTP_2 && !request.headers().contains_key(HOST) {
        let host = request.uri().authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
        if let Some(host) = host {
            request.headers_mut().insert(HOST, host);
        }
    }
    let arrival = server.gate.arrival(peer, scheme, request);
    let is_ours = peer.ip().to_canonical().is_loopback() || server.gate.is_proxy(peer.ip());
    if server.tls.is_some() && scheme == Scheme::Http && !is_ours {
        return Err(Box::new(to_tls(&arrival, request)));
    }
    Ok(arrival)
}

/// What an authority for certificates asks, if it is that.
fn challenge(server: &Server, scheme: Scheme, request: &Request<Incoming>) -> Option<Response<AnswerBody>> {
    if scheme != Scheme::Http || request.method() != Method::GET {
        return None;
    }
    let answer = server.challenges.as_ref()?(request.uri().path())?;
    let mut response = Response::new(AnswerBody::from(answer.into_bytes()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    Some(response)
}

/// What came without TLS where TLS is spoken.
fn to_tls(arrival: &Arrival, request: &Request<Incoming>) -> Response<AnswerBody> {
    let is_look = matches!(*request.method(), Method::GET | Method::HEAD);
    match &arrival.authority {
        Some(authority) if is_look => {
            let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
            auth::go_on(StatusCode::PERMANENT_REDIRECT, &format!("https://{authority}{path}"))
        }
        _ => refuse(StatusCode::FORBIDDEN, "this node speaks HTTPS here"),
    }
}
