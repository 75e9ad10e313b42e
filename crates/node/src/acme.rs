//! Certificates of an authority: between the task that gets them, the home that keeps them and the web server that uses
//! them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wharf_acme::{Challenges, Deploy, Issued, Keep, Keeper, KeeperParts, Status, Transport};
use wharf_http::{Certificate, HostName, Tls};

use crate::exit::Stopped;
use crate::home::{make_folder, remove_file, write_private};
use crate::settings::Settings;

/// What gets and uses certificates.
pub(crate) struct Acme {
    keeper: Keeper,
    used: Arc<Used>,
    challenges: Challenges,
}

impl Acme {
    /// Begins with what there is: the certificate that was issued last, or else the one in these files, which the node made
    /// for itself. Blocks.
    pub(crate) fn open(settings: &Settings, certificate: &Path, key: &Path) -> Result<(Tls, Self), Stopped> {
        let wrong = |error: &dyn std::fmt::Display| Stopped::BadSettings(format!("tls = \"acme\": {error}"));
        let unusable = |path: &Path, error: io::Error| Stopped::HomeUnusable(format!("{}: {error}", path.display()));
        let names = settings.acme.check(settings.hosts.iter().map(HostName::as_str)).map_err(|error| wrong(&error))?;
        let transport = Transport::open(settings.acme.ca_file.as_deref()).map_err(|error| wrong(&error))?;
        let folder = settings.home.acme();
        make_folder(&folder).map_err(|error| unusable(&folder, error))?;
        let challenges = Challenges::default();
        let keeper = Keeper::open(KeeperParts {
            settings: settings.acme.clone(),
            names,
            transport,
            challenges: challenges.clone(),
            keep: Arc::new(InFolder(folder)),
        });
        let read = |path: &Path| fs::read_to_string(path).map_err(|error| unusable(path, error));
        let own = Certificate { certificate: read(certificate)?, key: read(key)? };
        // One that was issued was looked at when it was read.
        let tls = Tls::of(&keeper.issued().map_or(own, of_issued)).map_err(|error| wrong(&error))?;
        let used = Arc::new(Used { tls: tls.clone(), status: settings.home.certificate_status() });
        Ok((tls, Self { keeper, used, challenges }))
    }

    /// What the web server answers to the authority.
    pub(crate) fn challenges(&self) -> wharf_http::Challenges {
        let challenges = self.challenges.clone();
        Arc::new(move |path| challenges.answer_path(path))
    }

    /// Gets certificates in time, until `stop`.
    pub(crate) fn keep(self, stop: CancellationToken) -> JoinHandle<()> {
        tokio::spawn(self.keeper.keep(self.used, stop))
    }
}

fn of_issued(issued: &Issued) -> Certificate {
    Certificate { certificate: issued.certificate.clone(), key: issued.key.clone() }
}

/// A folder of the home.
struct InFolder(PathBuf);

impl Keep for InFolder {
    fn load(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.0.join(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn save(&self, name: &str, document: &[u8]) -> io::Result<()> {
        write_private(&self.0.join(name), document)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        remove_file(&self.0.join(name))
    }
}

/// Where certificates are used.
struct Used {
    tls: Tls,
    status: PathBuf,
}

impl Deploy for Used {
    fn deploy(&self, issued: &Issued) -> Result<(), String> {
        self.tls.replace(&of_issued(issued)).map_err(|error| error.to_string())
    }

    fn show(&self, status: &Status) {
        let written = serde_json::to_vec_pretty(status).map_err(io::Error::from);
        if let Err(error) = written.and_then(|bytes| write_private(&self.status, bytes)) {
            tracing::warn!(%error, "cannot show how it stands with the certificate");
        }
    }
}
