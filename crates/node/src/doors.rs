//! What the web server needs from the home and the settings to know whom to let in: who the owner is, and a certificate.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use wharf_home::Home;
use wharf_http::{Certificate, CertificateError, ControlToken, Gate, GateParts, HostName, Keep, Tls};

use crate::acme::Acme;
use crate::exit::Stopped;
use crate::home::{Taken, make_folder, write_private};
use crate::settings::{Settings, Source, TlsSettings};

/// `login.json` in the home.
struct InHome(PathBuf);

impl Keep for InHome {
    fn load(&self) -> io::Result<Option<Vec<u8>>> {
        match fs::read(&self.0) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn save(&self, document: &[u8]) -> io::Result<()> {
        write_private(&self.0, document)
    }
}

/// What decides who is let in. Blocks.
pub(crate) fn gate(settings: &Settings, taken: &Taken) -> Result<Gate, Stopped> {
    let token = ControlToken::new(&taken.token).map_err(|error| Stopped::Failed(error.to_string()))?;
    let path = settings.home.login();
    let parts = GateParts {
        node: taken.node.clone(),
        token,
        tools: settings.tools,
        hosts: settings.hosts.clone(),
        trusted_proxies: settings.trusted_proxies.clone(),
        login: settings.login.clone(),
        keep: Arc::new(InHome(path.clone())),
    };
    Gate::open(parts).map_err(|error| Stopped::HomeUnusable(format!("{}: {error}", path.display())))
}

/// TLS, if it is asked for, and what keeps its certificate, if that is the node's to get. Blocks.
pub(crate) fn tls(settings: &Settings) -> Result<(Option<Tls>, Option<Acme>), Stopped> {
    let wrong = |error: CertificateError| Stopped::BadSettings(format!("tls: {error}"));
    let (certificate, key) = match &settings.tls {
        None => return Ok((None, None)),
        Some(TlsSettings::Files { certificate, key }) => (certificate.clone(), key.clone()),
        Some(TlsSettings::Named(Source::SelfSigned)) => self_signed(&settings.home, &settings.hosts)?,
        Some(TlsSettings::Named(Source::Acme)) => {
            let (certificate, key) = self_signed(&settings.home, &settings.hosts)?;
            let (tls, acme) = Acme::open(settings, &certificate, &key)?;
            return Ok((Some(tls), Some(acme)));
        }
    };
    Ok((Some(Tls::open(certificate, key).map_err(wrong)?), None))
}

/// The certificate that the node made for itself, made now if there is none.
fn self_signed(home: &Home, hosts: &[HostName]) -> Result<(PathBuf, PathBuf), Stopped> {
    let (certificate, key) = (home.certificate(), home.certificate_key());
    if !certificate.exists() || !key.exists() {
        let made = Certificate::self_signed(hosts).map_err(|error| Stopped::Failed(error.to_string()))?;
        let unusable = |error: io::Error| Stopped::HomeUnusable(format!("{}: {error}", home.tls().display()));
        make_folder(&home.tls()).map_err(unusable)?;
        write_private(&key, &made.key).map_err(unusable)?;
        write_private(&certificate, &made.certificate).map_err(unusable)?;
        tracing::info!(certificate = %certificate.display(), "a certificate was made");
    }
    Ok((certificate, key))
}
