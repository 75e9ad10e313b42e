//! HTTPS to the authority: one connection for each request, since there are a dozen in two months.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use instant_acme::{BodyWrapper, BytesResponse, HttpClient};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// How long one request may take.
const REQUEST_MAX: Duration = Duration::from_secs(60);
/// Bytes of one answer.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// The authority cannot be spoken with.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The certificates by which it is to be trusted cannot be used.
    #[error("`ca_file` of [acme]: {}: {reason}", .file.display())]
    CaFile {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// The cryptography has not what TLS needs.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The authority named a place without TLS.
    #[error("{0} is not a URL that begins with https://")]
    NotHttps(String),
    /// Nobody is there, or TLS does not come about.
    #[error("{host} cannot be reached: {reason}")]
    Unreachable {
        /// Host and port.
        host: String,
        /// Why.
        reason: String,
    },
    /// It answered nothing that can be used.
    #[error("{host} did not answer: {reason}")]
    NoAnswer {
        /// Host and port.
        host: String,
        /// Why.
        reason: String,
    },
}

/// Speaks with authorities. Clones share everything.
#[derive(Clone, Debug)]
pub struct Transport {
    tls: Arc<ClientConfig>,
}

impl Transport {
    /// One that trusts the certificates of this file, or else the authorities that browsers trust. Blocks on the disk.
    pub fn open(ca_file: Option<&Path>) -> Result<Self, TransportError> {
        let roots = match ca_file {
            None => RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() },
            Some(file) => {
                read_roots(file).map_err(|reason| TransportError::CaFile { file: file.to_owned(), reason })?
            }
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        Ok(Self { tls: Arc::new(tls.with_root_certificates(roots).with_no_client_auth()) })
    }

    async fn ask(self, request: Request<BodyWrapper<Bytes>>) -> Result<Response<Full<Bytes>>, TransportError> {
        let target = Target::of(request.uri())?;
        let late = || TransportError::NoAnswer {
            host: target.authority.clone(),
            reason: format!("it took longer than {} s", REQUEST_MAX.as_secs()),
        };
        tokio::time::timeout(REQUEST_MAX, self.exchange(&target, request)).await.map_err(|_| late())?
    }

    async fn exchange(
        &self,
        target: &Target,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Result<Response<Full<Bytes>>, TransportError> {
        let unreachable = |error: &dyn std::fmt::Display| TransportError::Unreachable {
            host: target.authority.clone(),
            reason: error.to_string(),
        };
        let no_answer = |error: &dyn std::fmt::Display| TransportError::NoAnswer {
            host: target.authority.clone(),
            reason: error.to_string(),
        };
        let stream = TcpStream::connect((target.host.as_str(), target.port)).await.map_err(|e| unreachable(&e))?;
        let tls = TlsConnector::from(Arc::clone(&self.tls)).connect(target.name.clone(), stream);
        let stream = tls.await.map_err(|error| unreachable(&error))?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| no_answer(&error))?;
        let request = target.in_origin_form(request);
        let answer = async move {
            let (parts, body) = sender.send_request(request).await.map_err(|error| error.to_string())?.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(|error| error.to_string())?;
            // The sender is gone with this block, and the connection ends.
            Ok(Response::from_parts(parts, Full::new(body.to_bytes())))
        };
        let (answer, _) = tokio::join!(answer, connection);
        answer.map_err(|reason: String| no_answer(&reason))
    }
}

fn read_roots(file: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| error.to_string())? {
        roots.add(certificate.map_err(|error| error.to_string())?).map_err(|error| error.to_string())?;
    }
    if roots.is_empty() { Err("there is no certificate in it".to_owned()) } else { Ok(roots) }
}

/// Where a request goes.
struct Target {
    host: String,
    port: u16,
    name: ServerName<'static>,
    authority: String,
}

impl Target {
    fn of(uri: &Uri) -> Result<Self, TransportError> {
        let wrong = || TransportError::NotHttps(uri.to_string().chars().take(200).collect());
        let (Some("https"), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(wrong()) };
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(host.clone()).map_err(|_| wrong())?;
        Ok(Self { host, port: authority.port_u16().unwrap_or(443), name, authority: authority.to_string() })
    }

    /// As HTTP/1.1 wants a request: the path alone, and the host in a header.
    fn in_origin_form(&self, mut request: Request<BodyWrapper<Bytes>>) -> Request<BodyWrapper<Bytes>> {
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = path.map_or_else(Uri::default, Uri::from);
        if let Ok(host) = HeaderValue::from_str(&self.authority) {
            request.headers_mut().insert(HOST, host);
        }
        request
    }
}

impl HttpClient for Transport {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, instant_acme::Error>> + Send>> {
        let asked = self.clone().ask(request);
        Box::pin(async move {
            let answered = asked.await.map_err(|error| instant_acme::Error::Other(Box::new(error)))?;
            Ok(BytesResponse::from(answered))
        })
    }
}
