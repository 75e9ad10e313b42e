//! A whole package, checked.

use std::collections::BTreeMap;

use crate::archive::{Archive, ArchiveLimits};
use crate::error::PackageError;
use crate::manifest::{self, Manifest, ManifestEntry};
use crate::metadata::{self, Metadata};
use crate::scripts::{self, Scripts};
use crate::wasm::WasmKind;

/// The file with the package's interfaces.
pub const API_FILE_NAME: &str = "api.zip";

/// What a zip holds, after every check that needs no compiler.
#[derive(Clone, Debug)]
pub struct Package {
    manifest: Manifest,
    metadata: Option<Metadata>,
    scripts: Scripts,
    /// Components by name in the zip; two processes may share one.
    components: BTreeMap<String, Vec<u8>>,
    api: Api,
}

/// Whether a package publishes interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Api {
    Present,
    Absent,
}

impl Package {
    /// Checks a zip within the default limits.
    pub fn check(zip: &[u8]) -> Result<Self, PackageError> {
        Self::check_within(zip, &ArchiveLimits::default())
    }

    /// Checks a zip: its structure, every entry's data, the JSON files, and a component for every process and script.
    pub fn check_within(zip: &[u8], limits: &ArchiveLimits) -> Result<Self, PackageError> {
        let archive = Archive::open(zip, limits)?;
        if !archive.has_file(manifest::FILE_NAME) {
            return Err(PackageError::NoManifest);
        }
        archive.verify()?;
        let manifest = Manifest::parse(&archive.read(manifest::FILE_NAME)?)?;
        let metadata = match archive.has_file(metadata::FILE_NAME) {
            true => Some(Metadata::parse(&archive.read(metadata::FILE_NAME)?)?),
            false => None,
        };
        let scripts = match archive.has_file(scripts::FILE_NAME) {
            true => Scripts::parse(&archive.read(scripts::FILE_NAME)?)?,
            false => Scripts::default(),
        };
        let components = read_components(&archive, &manifest, &scripts)?;
        let api = if archive.has_file(API_FILE_NAME) { Api::Present } else { Api::Absent };
        Ok(Self { manifest, metadata, scripts, components, api })
    }

    /// Its processes.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The `metadata.json` at the root of the zip, if there is one.
    pub fn metadata(&self) -> Option<&Metadata> {
        self.metadata.as_ref()
    }

    /// Its scripts; none when the zip has no `scripts.json`.
    pub fn scripts(&self) -> &Scripts {
        &self.scripts
    }

    /// The component of a process of this package's manifest; `None` for an entry of another one.
    pub fn wasm(&self, entry: &ManifestEntry) -> Option<&[u8]> {
        self.component(entry.wasm_name())
    }

    /// A component by its name in the zip.
    pub fn component(&self, name: &str) -> Option<&[u8]> {
        self.components.get(name).map(Vec::as_slice)
    }

    /// Whether the package publishes interfaces, as `api.zip`.
    pub fn has_api(&self) -> bool {
        self.api == Api::Present
    }
}

fn read_components(
    archive: &Archive<'_>,
    manifest: &Manifest,
    scripts: &Scripts,
) -> Result<BTreeMap<String, Vec<u8>>, PackageError> {
    let processes =
        manifest.entries().iter().map(|entry| (format!("process {}", entry.process_name), entry.wasm_name()));
    let scripts = scripts.iter().map(|(wasm, _)| (format!("script {wasm}"), wasm));
    let mut components = BTreeMap::new();
    for (owner, wasm) in processes.chain(scripts) {
        if components.contains_key(wasm) {
            continue;
        }
        if !archive.has_file(wasm) {
            return Err(PackageError::WasmMissing { owner, wasm: wasm.to_owned() });
        }
        let bytes = archive.read(wasm)?;
        match WasmKind::of(&bytes) {
            WasmKind::Component => components.insert(wasm.to_owned(), bytes),
            found => return Err(PackageError::NotAComponent { owner, wasm: wasm.to_owned(), found }),
        };
    }
    Ok(components)
}

#[cfg(test)]
#[path = "package_tests.rs"]
mod tests;
