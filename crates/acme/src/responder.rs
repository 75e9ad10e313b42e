//! A port that answers challenges and nothing else, open while there are any.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::challenges::Challenges;

/// Connections at the same time: an authority comes from a few places at once.
const CONNECTIONS_MAX: usize = 128;
/// How long one connection may last: it is for one small answer.
const CONNECTION_MAX: Duration = Duration::from_secs(10);
/// Bytes for the header of a request; the least that hyper takes.
const HEADER_BYTES_MAX: usize = 8 << 10;
/// How long to wait when the system has no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Opens the port.
pub(crate) async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Answers for as long as it is polled; dropping it ends every connection.
pub(crate) async fn serve(listener: TcpListener, challenges: Challenges) -> Infallible {
    let mut connections = JoinSet::new();
    loop {
        while connections.len() >= CONNECTIONS_MAX {
            connections.join_next().await;
        }
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(tokio::time::timeout(CONNECTION_MAX, connection(stream, challenges.clone())));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, challenges: Challenges) {
    let service = service_fn(|request| {
        let response = answer(&challenges, &request);
        async move { Ok::<_, Infallible>(response) }
    });
    let mut http = http1::Builder::new();
    http.keep_alive(false).max_buf_size(HEADER_BYTES_MAX).header_read_timeout(None);
    let served = pin!(http.serve_connection(TokioIo::new(stream), service));
    if let Err(error) = served.await {
        tracing::debug!(%error, "a connection for a challenge ended");
    }
}

fn answer(challenges: &Challenges, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let found = if request.method() == Method::GET { challenges.answer_path(request.uri().path()) } else { None };
    let is_known = found.is_some();
    let mut response = Response::new(Full::from(found.unwrap_or_else(|| "not here\n".to_owned())));
    if !is_known {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    response
}
