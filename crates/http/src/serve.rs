//! Connections: accepted within bounds, each in a task of its own, ended gracefully.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wharf_kernel::{CounterFamily, ModuleHandle};
use wharf_types::rpc::RPC_PATH;

use crate::access::ControlToken;
use crate::body::{Budget, Whole};
use crate::content::Compressor;
use crate::module::HttpModule;
use crate::routes::Routes;
use crate::settings::HttpSettings;
use crate::socket::Sockets;
use crate::{incoming, prometheus, rpc};

/// Bytes for the header of a request, and headers in it.
const HEADER_BYTES_MAX: usize = 64 << 10;
const HEADERS_MAX: usize = 128;

/// Path of the counters, for programs that collect them.
const METRICS_PATH: &str = "/metrics";
/// What requests are counted by, in the order of statuses.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// How long to wait when the system has no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: 45\r\n\
    connection: close\r\n\r\n{\"error\":\"the node has too many connections\"}";

/// The web server before it serves.
pub struct HttpServer {
    routes: Arc<Routes>,
    /// Paths at which processes take WebSockets.
    socket_routes: Arc<Routes>,
    sockets: Arc<Sockets>,
    compressor: Compressor,
    settings: HttpSettings,
}

impl HttpServer {
    /// A server without any bound path.
    pub fn new(settings: HttpSettings) -> Self {
        let routes = || Arc::new(Routes::new(settings.clone()));
        Self {
            routes: routes(),
            socket_routes: routes(),
            sockets: Sockets::new(settings.clone()),
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
            compressor: self.compressor.clone(),
        }
    }

    #[cfg(test)]
    pub(crate) fn routes(&self) -> Arc<Routes> {
        Arc::clone(&self.routes)
    }

    #[cfg(test)]
    pub(crate) fn sockets(&self) -> Arc<Sockets> {
        Arc::clone(&self.sockets)
    }

    /// Serves until `stop`, then lets what is under way end, for a while. `handle` is that of the started
    /// [`HttpServer::module`]; `token` shows who the owner is.
    pub async fn serve(
        self,
        listener: TcpListener,
        handle: ModuleHandle,
        token: ControlToken,
        stop: CancellationToken,
    ) {
        let budget = Budget::new(self.settings.buffered_bytes_max);
        let stop_wait = self.settings.stop_wait;
        let requests =
            CounterFamily::new("http_requests", "HTTP requests by the class of their status", "class", &CLASSES);
        let requests = Arc::new(requests);
        handle.show_counters(Arc::clone(&requests));
        let sockets = self.sockets;
        let abort = sockets.abort().clone();
        let server = Arc::new(Server {
            routes: self.routes,
            socket_routes: self.socket_routes,
            sockets: Arc::clone(&sockets),
            settings: self.settings,
            handle,
            token,
            budget,
            compressor: self.compressor,
            requests,
        });
        let connections = TaskTracker::new();
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
    }
}

/// What every request needs.
pub(crate) struct Server {
    pub(crate) routes: Arc<Routes>,
    pub(crate) socket_routes: Arc<Routes>,
    pub(crate) sockets: Arc<Sockets>,
    pub(crate) settings: HttpSettings,
    pub(crate) handle: ModuleHandle,
    pub(crate) token: ControlToken,
    pub(crate) budget: Arc<Budget>,
    pub(crate) compressor: Compressor,
    requests: Arc<CounterFamily>,
}

/// The two ends of a connection.
#[derive(Clone)]
struct Ends {
    /// After the request under way.
    stop: CancellationToken,
    /// At once.
    abort: CancellationToken,
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
    let header_wait = server.settings.header_wait;
    let service = service_fn(|request| {
        let server = Arc::clone(&server);
        async move { Ok::<_, Infallible>(answer(&server, peer, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_wait)
        .max_buf_size(HEADER_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = ends.stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = connection => ended,
                () = ends.abort.cancelled() => Ok(()),
            }
        }
        () = ends.abort.cancelled() => Ok(()),
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "connection ended");
    }
}

async fn answer(server: &Server, peer: SocketAddr, request: Request<Incoming>) -> Response<Whole> {
    let response = match request.uri().path() {
        RPC_PATH => rpc::answer(server, peer, request).await,
        METRICS_PATH => prometheus::answer(server, peer, request),
        _ => incoming::answer(server, peer, request).await,
    };
    server.requests.add(usize::from(response.status().as_u16() / 100).saturating_sub(1));
    response
}
