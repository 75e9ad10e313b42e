//! Connections that are used again, and the HTTP spoken over them.
//!
//! Each set of rules has connections of its own: one that a package may use because of its own settings is none of
//! another's.

use std::future::Future;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Request, Response, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ClientConfig;
use tokio::sync::Semaphore;
use url::Host;
use wharf_kernel::Kernel;

use crate::dial::{Dialer, Place, Stream};
use crate::fault::Fault;
use crate::trust::Trust;

/// What may be spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// What the server prefers.
    Either,
    /// HTTP/1.0 and 1.1.
    One,
    /// HTTP/2, also without TLS.
    Two,
}

/// The connections of one set of rules.
pub(crate) struct Pool {
    either: Client<Connector, Full<Bytes>>,
    one: Client<Connector, Full<Bytes>>,
    two: Client<Connector, Full<Bytes>>,
}

impl Pool {
    pub(crate) fn new(kernel: &Kernel, dialer: &Dialer, trust: &Trust, kept: &Arc<Semaphore>) -> Self {
        let client = |version| {
            let limits = &dialer.rules.limits;
            let header_max = limits.received_header_bytes_max;
            let mut builder = Client::builder(Tasks(kernel.clone()));
            builder
                .pool_timer(TokioTimer::new())
                .timer(TokioTimer::new())
                .pool_idle_timeout(limits.idle_wait)
                // What hyper needs at least.
                .http1_max_buf_size(header_max.max(8 << 10))
                .http2_max_header_list_size(u32::try_from(header_max).unwrap_or(u32::MAX))
                .http2_only(version == Version::Two);
            builder.build(Connector { dialer: dialer.clone(), tls: trust.config(version), kept: Arc::clone(kept) })
        };
        Self { either: client(Version::Either), one: client(Version::One), two: client(Version::Two) }
    }

    /// Sends a request whose URL was checked, and waits for the header of the answer.
    pub(crate) async fn send(
        &self,
        request: Request<Full<Bytes>>,
        version: Version,
    ) -> Result<Response<Incoming>, Fault> {
        let client = match version {
            Version::Either => &self.either,
            Version::One => &self.one,
            Version::Two => &self.two,
        };
        client.request(request).await.map_err(|error| Fault::Exchange(chain(&error)))
    }
}

/// An error with what it came of: the outer ones alone say that it failed, and the innermost why.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Connections live in tasks of the kernel and end with it.
#[derive(Clone)]
struct Tasks(Kernel);

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Tasks {
    fn execute(&self, task: F) {
        let stop = self.0.stop().clone();
        self.0.run_until_stop(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = task => {}
            }
        });
    }
}

/// Opens connections for hyper.
#[derive(Clone)]
struct Connector {
    dialer: Dialer,
    tls: Arc<ClientConfig>,
    kept: Arc<Semaphore>,
}

impl Connector {
    async fn connect(self, uri: Uri) -> Result<TokioIo<Stream>, Fault> {
        let wrong = |reason| Fault::Url(uri.to_string(), reason);
        let host = uri.host().ok_or_else(|| wrong("there is no host in it"))?;
        let place = Place {
            host: Host::parse(host).map_err(|_| wrong("it has no proper host"))?,
            port: uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 }),
            tls: (uri.scheme_str() == Some("https")).then_some(self.tls),
        };
        let mut stream = self.dialer.connect(&place).await?;
        stream.kept = self.kept.try_acquire_owned().ok();
        Ok(TokioIo::new(stream))
    }
}

impl tower_service::Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = Fault;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Fault>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}

/// The version that a request asks for.
impl FromStr for Version {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "HTTP/1.0" | "HTTP/1.1" => Ok(Self::One),
            "HTTP/2.0" => Ok(Self::Two),
            _ => Err(()),
        }
    }
}
