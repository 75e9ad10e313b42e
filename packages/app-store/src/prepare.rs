//! Everything that can be known about a package before anything changes.

use std::collections::BTreeSet;

use serde_json::Value;
use wharf_package::{Metadata, Package, PlannedProcess};
use wharf_process_lib::kernel;
use wharf_types::app_store::{InstalledPackage, PreviousVersion};
use wharf_types::{NodeName, ProcessId};

use crate::downloads;
use crate::error::StoreError;
use crate::paths::{Target, ZipHash};
use crate::{listed, trust};

/// What was said about a package, beside what is in its zip.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Told<'a> {
    /// Its metadata, by whoever wants it installed.
    Metadata(&'a Value),
    /// Nothing. What the registries list stands in, where the zip does not say it.
    Nothing,
    /// What there was to say was said when it was installed first.
    Before,
}

/// A package whose zip, manifest and components are known to be good.
#[derive(Debug)]
pub(crate) struct Prepared {
    target: Target,
    hash: ZipHash,
    zip: Vec<u8>,
    package: Package,
    processes: Vec<PlannedProcess>,
    version: Option<String>,
    signed_by: Option<String>,
}

impl Prepared {
    /// Reads a kept zip and checks all of it. Its signature is looked at, but not whether it is the one that is needed.
    pub(crate) fn new(node: &NodeName, target: Target, hash: ZipHash, told: Told<'_>) -> Result<Self, StoreError> {
        let zip = downloads::read(&target, &hash)?;
        let signed_by = trust::signer(target.package(), &zip)?;
        let package = Package::check(&zip)?;
        let listed = match told {
            Told::Nothing if package.metadata().is_none() => listed::metadata(target.package(), &hash),
            _ => None,
        };
        let given = match told {
            Told::Metadata(metadata) => Some(metadata),
            Told::Nothing | Told::Before => listed.as_ref(),
        };
        let given = given.map(|metadata| Metadata::parse(metadata.to_string().as_bytes())).transpose()?;
        let metadata = given.as_ref().or(package.metadata());
        for named in [given.as_ref(), package.metadata()].into_iter().flatten() {
            let id = named.package_id()?;
            if id != *target.package() {
                return Err(StoreError::OtherPackage(id));
            }
        }
        let version = metadata.and_then(Metadata::current_version).map(str::to_owned);
        let processes = wharf_package::plan(node, target.package(), package.manifest())?;
        check_components(&package, &processes)?;
        Ok(Self { target, hash, zip, package, processes, version, signed_by })
    }

    /// The same, with the version that was told when it was installed first: not every zip has its metadata in it.
    pub(crate) fn of_version(self, version: Option<String>) -> Self {
        Self { version: version.or(self.version), ..self }
    }

    /// Which package.
    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// The key that signed it.
    pub(crate) fn signed_by(&self) -> Option<&str> {
        self.signed_by.as_deref()
    }

    /// The zip.
    pub(crate) fn zip(&self) -> &[u8] {
        &self.zip
    }

    /// Its processes.
    pub(crate) fn processes(&self) -> &[PlannedProcess] {
        &self.processes
    }

    /// A component by its name in the zip. Every planned process has one: the package was checked for it.
    pub(crate) fn component(&self, wasm: &str) -> Vec<u8> {
        self.package.component(wasm).unwrap_or_default().to_vec()
    }

    /// What the record will say. `replaced` is what it said before: one version back is remembered, and no more.
    pub(crate) fn into_installed(self, replaced: Option<&InstalledPackage>) -> InstalledPackage {
        let previous = replaced.and_then(|replaced| match &replaced.version_hash {
            // The same once more leads back to where that led.
            same if same == self.hash.as_str() => replaced.previous.clone(),
            hash => Some(PreviousVersion { version_hash: hash.clone(), version: replaced.version.clone() }),
        });
        let processes: Vec<ProcessId> = self.processes.into_iter().map(|planned| planned.id).collect();
        InstalledPackage {
            package_id: self.target.package().clone(),
            version_hash: self.hash.as_str().to_owned(),
            version: self.version,
            processes,
            signed_by: self.signed_by,
            previous,
        }
    }
}

/// Compiles and links every component, processes and scripts alike. It is then cached, so starting is quick.
fn check_components(package: &Package, processes: &[PlannedProcess]) -> Result<(), StoreError> {
    let scripts = package.scripts().iter().map(|(wasm, _)| wasm);
    let names: BTreeSet<&str> = processes.iter().map(|planned| planned.wasm.as_str()).chain(scripts).collect();
    for wasm in names {
        let bytes = package.component(wasm).unwrap_or_default().to_vec();
        kernel::check_component(bytes)
            .map_err(|error| StoreError::Component { wasm: wasm.to_owned(), error: Box::new(error) })?;
    }
    Ok(())
}
