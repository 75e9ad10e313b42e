//! A package of a registry: chosen, downloaded, and known to be what it says.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use wharf_registry::client;
use wharf_registry::{PackageRef, Reference, Release, Version};

use crate::chain::Known;
use crate::errors::{CliError, CliResult};
use crate::output::note;
use crate::pins::Pin;
use crate::registries::{self, Opened};
use crate::source::{self, Source};
use crate::text;

/// How often one is told how far it is.
const SHOWN_EVERY: Duration = Duration::from_millis(100);

/// What to do with a version that had other content before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Changed {
    Refuse,
    Accept,
}

/// Which release is to be installed. Nothing of it was downloaded yet.
pub(crate) struct Chosen<'a> {
    opened: &'a Opened,
    package: PackageRef,
    version: Version,
    release: Release,
}

impl<'a> Chosen<'a> {
    /// Asks the registry.
    pub(crate) fn of(opened: &'a Opened, wanted: &Reference) -> CliResult<Self> {
        let (version, release) = client::resolve(opened.registry(), wanted).map_err(registries::failed)?;
        Ok(Self { opened, package: wanted.package.clone(), version, release })
    }

    /// Which version.
    pub(crate) fn version(&self) -> &Version {
        &self.version
    }

    /// Downloads and checks it. Refused before that when the same version had other content on this node.
    pub(crate) fn download(self, known: &Known, changed: Changed) -> CliResult<(Source, Pin)> {
        let Self { opened, package, version, release } = self;
        let named = format!("{package}@{version}");
        if let Some(known) = known.other(&package, &version, &release.sha256) {
            let said = format!(
                "{named} had SHA-256 {known} when it was installed here, and has {} in {}",
                release.sha256,
                opened.location()
            );
            if changed == Changed::Refuse {
                return Err(CliError::bad_input(format_args!("{said}: a version that was published does not change")).hint(
                    "somebody may have put another package in its place; if its publisher tells you, in a way that you \
                     trust, that this is right: `--accept-changed`",
                ));
            }
            note(&format!("{}; you accept that", text::clean_line(&said)));
        }
        let mut shown = Shown::begin(&named, release.bytes);
        let progress: client::OnProgress<'_> = &mut |got, total| shown.tell(got, total);
        let zip = client::download(opened.registry(), &package, &release, opened.limits(), progress);
        shown.end();
        let source = source::published(zip.map_err(registries::failed)?, Path::new(&named), &package.id(), &version)?;
        let registry = opened.location().to_owned();
        Ok((source, Pin { registry, package, version, digest: release.sha256 }))
    }
}

/// How far a download is: a line that moves, on a terminal.
struct Shown {
    what: String,
    last: Option<Instant>,
    moves: bool,
}

impl Shown {
    fn begin(what: &str, total: u64) -> Self {
        let moves = io::stderr().is_terminal();
        if !moves {
            note(&format!("downloading {what}, {} ...", size(total)));
        }
        Self { what: what.to_owned(), last: None, moves }
    }

    fn tell(&mut self, got: u64, total: u64) {
        if !self.moves || self.last.is_some_and(|last| last.elapsed() < SHOWN_EVERY) {
            return;
        }
        self.last = Some(Instant::now());
        let percent = got.saturating_mul(100).checked_div(total).unwrap_or(100).min(100);
        // A line that cannot be shown must not end the command.
        let _ = write!(io::stderr(), "\r\x1b[Kdownloading {}: {percent} % of {}", self.what, size(total));
    }

    fn end(&self) {
        if self.moves {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

fn size(bytes: u64) -> String {
    text::bytes(usize::try_from(bytes).unwrap_or(usize::MAX))
}
