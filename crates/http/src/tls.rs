//! Certificates, and connections with TLS: rustls on ring, TLS 1.2 and 1.3.
//!
//! The port that speaks TLS also takes plain HTTP, which the first byte tells apart: this machine's tools need no
//! certificate, and browsers that come without TLS are sent on to it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use crate::auth::HostName;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// First byte of a TLS connection: a record of the handshake.
const HANDSHAKE: u8 = 22;

/// A certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("cannot read {}: {error}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: String,
    },
    /// Certificate and key are not what TLS wants.
    #[error("{} and {} are not a certificate and its key: {error}", .certificate.display(), .key.display())]
    Unusable {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
        /// Why.
        error: String,
    },
    /// None could be made.
    #[error("cannot make a certificate: {0}")]
    NotMade(String),
    /// One that was handed over is not what TLS wants.
    #[error("the certificate and its key cannot be used: {0}")]
    NotUsable(String),
}

/// A certificate and its key, in PEM.
pub struct Certificate {
    /// The certificate.
    pub certificate: String,
    /// Its private key: a secret.
    pub key: String,
}

impl Certificate {
    /// One that vouches for itself, for `localhost`, its addresses, and `hosts` with their subdomains. Browsers ask their
    /// user once whether to trust it.
    pub fn self_signed(hosts: &[HostName]) -> Result<Self, CertificateError> {
        let hosts = hosts.iter().map(HostName::as_str).flat_map(|name| [name.to_owned(), format!("*.{name}")]);
        // `*.localhost` is not among them: browsers accept no wildcard right below the root.
        let names: Vec<_> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into_iter().chain(hosts).collect();
        let made = rcgen::generate_simple_self_signed(names);
        let made = made.map_err(|error| CertificateError::NotMade(error.to_string()))?;
        Ok(Self { certificate: made.cert.pem(), key: made.signing_key.serialize_pem() })
    }
}

impl Certificate {
    fn load(&self, provider: &rustls::crypto::CryptoProvider) -> Result<CertifiedKey, CertificateError> {
        let unusable = |error: &dyn fmt::Display| CertificateError::NotUsable(error.to_string());
        let chain = CertificateDer::pem_slice_iter(self.certificate.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| unusable(&error))?;
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).map_err(|error| unusable(&error))?;
        CertifiedKey::from_der(chain, key, provider).map_err(|error| unusable(&error))
    }
}

/// Where certificate and key are.
#[derive(Clone, Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

/// What tells one version of a file from the next.
type Stamp = Option<(SystemTime, u64)>;

impl Files {
    /// Blocks.
    fn load(&self, provider: &rustls::crypto::CryptoProvider) -> Result<CertifiedKey, CertificateError> {
        let unreadable = |path: &Path, error: &dyn fmt::Display| CertificateError::Unreadable {
            path: path.to_owned(),
            error: error.to_string(),
        };
        let chain = CertificateDer::pem_file_iter(&self.certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| unreadable(&self.certificate, &error))?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| unreadable(&self.key, &error))?;
        CertifiedKey::from_der(chain, key, provider).map_err(|error| CertificateError::Unusable {
            certificate: self.certificate.clone(),
            key: self.key.clone(),
            error: error.to_string(),
        })
    }

    /// Blocks.
    fn stamps(&self) -> [Stamp; 2] {
        [&self.certificate, &self.key].map(|path| {
            let file = std::fs::metadata(path).ok()?;
            Some((file.modified().ok()?, file.len()))
        })
    }
}

/// The certificate of the moment.
#[derive(Debug)]
struct Current {
    /// Where it comes from; without files, from whoever calls [`Tls::replace`].
    files: Option<Files>,
    provider: Arc<rustls::crypto::CryptoProvider>,
    key: ArcSwap<CertifiedKey>,
    /// Of the files when they were last tried.
    seen: Mutex<[Stamp; 2]>,
}

impl Current {
    /// Takes changed files. Those that are no good leave what there was. Blocks.
    fn look(&self) {
        let Some(files) = &self.files else { return };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let stamps = files.stamps();
        if *seen == stamps {
            return;
        }
        *seen = stamps;
        match files.load(&self.provider) {
            Ok(key) => {
                self.key.store(Arc::new(key));
                tracing::info!(certificate = %files.certificate.display(), "the new certificate is in use");
            }
            Err(error) => tracing::warn!(%error, "the certificate changed, and the old one stays in use"),
        }
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.key.load_full())
    }
}

/// TLS for a listener.
#[derive(Clone)]
pub struct Tls {
    current: Arc<Current>,
    acceptor: TlsAcceptor,
}

impl Tls {
    /// With these files, in PEM: the certificate, followed by those that vouch for it, and its key. Changed files are
    /// taken while the node runs. Blocks for as long as reading takes.
    pub fn open(certificate: PathBuf, key: PathBuf) -> Result<Self, CertificateError> {
        let files = Files { certificate, key };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let seen = Mutex::new(files.stamps());
        let key = ArcSwap::from_pointee(files.load(&provider)?);
        Self::new(Current { files: Some(files), provider, key, seen })
    }

    /// With this certificate, until it is replaced.
    pub fn of(certificate: &Certificate) -> Result<Self, CertificateError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = ArcSwap::from_pointee(certificate.load(&provider)?);
        Self::new(Current { files: None, provider, key, seen: Mutex::new([None; 2]) })
    }

    /// Uses another certificate for new connections. One that cannot be used changes nothing.
    pub fn replace(&self, certificate: &Certificate) -> Result<(), CertificateError> {
        let key = certificate.load(&self.current.provider)?;
        self.current.key.store(Arc::new(key));
        Ok(())
    }

    fn new(current: Current) -> Result<Self, CertificateError> {
        let unusable = |error: rustls::Error| CertificateError::NotMade(error.to_string());
        let config = ServerConfig::builder_with_provider(Arc::clone(&current.provider));
        let config = config.with_safe_default_protocol_versions().map_err(unusable)?.with_no_client_auth();
        let current = Arc::new(current);
        let mut config = config.with_cert_resolver(Arc::<Current>::clone(&current));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { current, acceptor: TlsAcceptor::from(Arc::new(config)) })
    }

    /// Looks at the files from time to time, until `stop`.
    pub(crate) async fn watch(self, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
            let current = Arc::clone(&self.current);
            let _ = tokio::task::spawn_blocking(move || current.look()).await;
        }
    }

    /// Begins a connection, with TLS or without.
    pub(crate) async fn begin(&self, stream: TcpStream) -> io::Result<Begun> {
        let mut first = [0];
        stream.peek(&mut first).await?;
        if first == [HANDSHAKE] {
            Ok(Begun::Tls(Box::new(self.acceptor.accept(stream).await?)))
        } else {
            Ok(Begun::Plain(stream))
        }
    }
}

/// A connection that has begun.
pub(crate) enum Begun {
    /// Without TLS.
    Plain(TcpStream),
    /// With it.
    Tls(Box<TlsStream<TcpStream>>),
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    fn write(folder: &Path, hosts: &[HostName]) -> (PathBuf, PathBuf) {
        let made = Certificate::self_signed(hosts).unwrap();
        let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
        std::fs::write(&certificate, made.certificate).unwrap();
        std::fs::write(&key, made.key).unwrap();
        (certificate, key)
    }

    #[test]
    fn changed_files_are_taken_and_bad_ones_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = write(folder.path(), &[]);
        let tls = Tls::open(certificate.clone(), key).unwrap();
        let now = || tls.current.key.load_full().cert.first().unwrap().clone();
        let first = now();
        tls.current.look();
        assert_eq!(now(), first);

        write(folder.path(), &["node.example".parse().unwrap()]);
        tls.current.look();
        let second = now();
        assert_ne!(second, first);

        for bad in ["", "nonsense", &Certificate::self_signed(&[]).unwrap().certificate] {
            std::fs::write(&certificate, bad).unwrap();
            tls.current.look();
            assert_eq!(now(), second, "{bad}");
        }
    }

    #[test]
    fn a_certificate_that_is_handed_over_is_used_and_a_bad_one_is_not() {
        let made = || Certificate::self_signed(&[]).unwrap();
        let tls = Tls::of(&made()).unwrap();
        let now = || tls.current.key.load_full().cert.first().unwrap().clone();
        let first = now();
        tls.replace(&made()).unwrap();
        let second = now();
        assert_ne!(second, first);
        for bad in [Certificate { key: made().key, ..made() }, Certificate { certificate: String::new(), ..made() }] {
            assert!(tls.replace(&bad).is_err());
            assert_eq!(now(), second);
        }
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = write(folder.path(), &[]);
        let missing = folder.path().join("missing.pem");
        let said = |certificate: &Path, key: &Path| {
            Tls::open(certificate.to_owned(), key.to_owned()).err().unwrap().to_string()
        };
        assert!(said(&missing, &key).contains("missing.pem"));
        assert!(said(&certificate, &missing).contains("missing.pem"));
        assert!(said(&certificate, &certificate).contains("certificate.pem"));
    }
}
