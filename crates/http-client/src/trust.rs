//! Whom TLS trusts: the authorities that browsers trust, and those of the settings.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::pool::Version;

/// Certificates of the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The file is not there, or not PEM.
    #[error("`ca_files` of [http_client_limits]: {}: {reason}", .file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// The cryptography has not what TLS needs.
    #[error("TLS for requests of processes: {0}")]
    Tls(#[from] rustls::Error),
}

/// What TLS offers, for each [`Version`].
#[derive(Clone, Debug)]
pub(crate) struct Trust {
    base: ClientConfig,
}

impl Trust {
    /// Reads the files. Blocks on the disk.
    pub(crate) fn load(files: &[PathBuf]) -> Result<Self, TrustError> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        for file in files {
            let wrong = |reason: String| TrustError::File { file: file.clone(), reason };
            let certificates = CertificateDer::pem_file_iter(file).map_err(|error| wrong(error.to_string()))?;
            let mut found = 0_usize;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
                roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
                found += 1;
            }
            if found == 0 {
                return Err(wrong("there is no certificate in it".to_owned()));
            }
        }
        let base = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { base })
    }

    pub(crate) fn config(&self, version: Version) -> Arc<ClientConfig> {
        let mut config = self.base.clone();
        config.alpn_protocols = match version {
            Version::Either => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            Version::One => vec![b"http/1.1".to_vec()],
            Version::Two => vec![b"h2".to_vec()],
        };
        Arc::new(config)
    }
}
