//! Opening connections: from a host to a stream, by way of the addresses that may be connected to.
//!
//! This is the only place that connects, for requests, redirects and WebSockets alike, and it connects to the very
//! addresses that it checked: a name that means something else a moment later gains nothing.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::{Connected, Connection};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::TlsConnector;
use url::Host;

use crate::fault::Fault;
use crate::resolve::Resolve;
use crate::rules::Rules;

/// Opens connections by the rules of one package.
#[derive(Clone)]
pub(crate) struct Dialer {
    pub(crate) rules: Arc<Rules>,
    pub(crate) resolver: Arc<dyn Resolve>,
}

/// Where a connection leads.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) host: Host<String>,
    pub(crate) port: u16,
    pub(crate) tls: Option<Arc<ClientConfig>>,
}

impl Dialer {
    /// Connects; within `connect_ms_max`.
    pub(crate) async fn connect(&self, place: &Place) -> Result<Stream, Fault> {
        let wait = self.rules.limits.connect_wait;
        tokio::time::timeout(wait, self.connect_at_leisure(place)).await.unwrap_or(Err(Fault::Late(wait)))
    }

    async fn connect_at_leisure(&self, Place { host, port, tls }: &Place) -> Result<Stream, Fault> {
        let failed = |error| Fault::Connect(host.to_string(), error);
        let mut problem = io::Error::other("it has no address");
        for address in self.addresses(host, *port).await? {
            match TcpStream::connect(SocketAddr::new(address, *port)).await {
                Ok(stream) => {
                    // Messages are written whole: waiting for more of them gains nothing.
                    stream.set_nodelay(true).map_err(failed)?;
                    return match tls {
                        None => Ok(Stream::new(stream, Negotiated::One)),
                        Some(tls) => secure(host, stream, Arc::clone(tls)).await.map_err(failed),
                    };
                }
                Err(error) => problem = error,
            }
        }
        Err(failed(problem))
    }

    /// The addresses that may be connected to; at least one.
    async fn addresses(&self, host: &Host<String>, port: u16) -> Result<Vec<IpAddr>, Fault> {
        let mut found = match host {
            Host::Ipv4(address) => vec![IpAddr::V4(*address)],
            Host::Ipv6(address) => vec![IpAddr::V6(*address)],
            Host::Domain(name) => {
                let found = self.resolver.addresses(name).await;
                found.map_err(|error| Fault::Lookup(name.clone(), error))?
            }
        };
        let first = found.first().copied();
        found.retain(|address| self.rules.allow(*address, port));
        match first {
            Some(refused) if found.is_empty() => Err(Fault::AddressRefused(host.to_string(), refused)),
            _ => Ok(found),
        }
    }
}

async fn secure(host: &Host<String>, stream: TcpStream, tls: Arc<ClientConfig>) -> io::Result<Stream> {
    let name = match host {
        Host::Domain(name) => ServerName::try_from(name.trim_end_matches('.').to_owned()).map_err(io::Error::other)?,
        Host::Ipv4(address) => ServerName::from(IpAddr::V4(*address)),
        Host::Ipv6(address) => ServerName::from(IpAddr::V6(*address)),
    };
    let stream = TlsConnector::from(tls).connect(name, stream).await?;
    let is_two = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    Ok(Stream::new(stream, if is_two { Negotiated::Two } else { Negotiated::One }))
}

/// What both sides agreed to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Negotiated {
    One,
    Two,
}

trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// A connection, plain or with TLS.
pub(crate) struct Stream {
    wire: Box<dyn Wire>,
    negotiated: Negotiated,
    /// A place among the connections that are kept. One without is not kept when its request is done.
    pub(crate) kept: Option<OwnedSemaphorePermit>,
}

impl Stream {
    fn new(wire: impl Wire + 'static, negotiated: Negotiated) -> Self {
        Self { wire: Box::new(wire), negotiated, kept: None }
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        let mut connected = Connected::new();
        if self.negotiated == Negotiated::Two {
            connected = connected.negotiated_h2();
        }
        if self.kept.is_none() {
            connected.poison();
        }
        connected
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.wire).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.wire).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.wire.is_write_vectored()
    }
}
