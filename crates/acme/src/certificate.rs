//! What a certificate says of itself.

use rustls::client::verify_server_name;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;

use crate::der;

/// A certificate is none that could be used.
#[derive(Debug, thiserror::Error)]
pub enum BadCertificate {
    /// Not PEM.
    #[error("it is not PEM: {0}")]
    Pem(String),
    /// No certificate, or one that TLS does not take with this key.
    #[error("TLS does not take it: {0}")]
    Tls(String),
    /// Not X.509.
    #[error("it is not X.509: {0}")]
    X509(String),
    /// Not for what it was asked for.
    #[error("it is not for {0}")]
    OtherName(String),
}

/// When a certificate is good, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// From then on.
    pub not_before: i64,
    /// Until then.
    pub not_after: i64,
}

/// Checks that TLS can use certificate and key, and that they are for these names.
pub(crate) fn check(certificate: &str, key: &str, names: &[String]) -> Result<Validity, BadCertificate> {
    let pem = |error: rustls::pki_types::pem::Error| BadCertificate::Pem(error.to_string());
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(certificate.as_bytes()).collect::<Result<_, _>>().map_err(pem)?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(pem)?;
    let first =
        chain.first().cloned().ok_or_else(|| BadCertificate::Pem("there is no certificate in it".to_owned()))?;
    let provider: CryptoProvider = rustls::crypto::ring::default_provider();
    CertifiedKey::from_der(chain, key, &provider).map_err(|error| BadCertificate::Tls(error.to_string()))?;
    let parsed = ParsedCertificate::try_from(&first).map_err(|error| BadCertificate::X509(error.to_string()))?;
    let is_for = |name: &String| {
        ServerName::try_from(name.as_str()).is_ok_and(|name| verify_server_name(&parsed, &name).is_ok())
    };
    if let Some(missing) = names.iter().find(|name| !is_for(name)) {
        return Err(BadCertificate::OtherName(missing.clone()));
    }
    der::validity(&first).ok_or_else(|| BadCertificate::X509("it does not say until when it is good".to_owned()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_for_its_names_and_its_key() {
        let made = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
        let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let names = |name: &str| [name.to_owned()];
        let validity = check(&certificate, &key, &names("a.example")).unwrap();
        assert!(validity.not_before < validity.not_after);
        assert!(matches!(check(&certificate, &key, &names("b.example")), Err(BadCertificate::OtherName(_))));
        let other = rcgen::KeyPair::generate().unwrap().serialize_pem();
        assert!(matches!(check(&certificate, &other, &names("a.example")), Err(BadCertificate::Tls(_))));
        assert!(matches!(check("", &key, &[]), Err(BadCertificate::Pem(_))));
        assert!(matches!(check(&certificate, "", &[]), Err(BadCertificate::Pem(_))));
        let not_x509 = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(check(not_x509, &key, &[]).is_err());
    }
}
