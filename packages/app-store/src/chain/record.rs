//! What `chain:app-store:sys` saves: the owner's registries and interval, and what is known of each package.
//!
//! **Invariant:** what is in memory was saved. A change is made to a copy, which takes the record's place once it is saved.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wharf_process_lib::state::{self, StateError};
use wharf_registry::chain::{EVERY_S, Followed, REGISTRIES_MAX, Waiting};
use wharf_registry::{Digest, PackageRef, Version};
use wharf_types::app_store::InstalledPackage;

const VERSION: u32 = 1;
/// Most packages that anything is known of: as many as may be installed.
const PACKAGES_MAX: usize = 1000;
/// Most versions of one whose content is remembered; the newest stay.
const VERSIONS_MAX: usize = 64;

/// The saved record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChainRecord {
    version: u32,
    registries: Vec<String>,
    every_s: Option<u64>,
    packages: BTreeMap<PackageRef, Followed>,
}

/// Why the record is not changed, or cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordError {
    /// No more fits.
    #[error("there are {0} {1} already, and no more are accepted")]
    TooMany(usize, &'static str),
    /// It cannot be read or written.
    #[error(transparent)]
    State(#[from] StateError),
    /// It is of a later version.
    #[error("what is known of updates has version {0}, which this app store does not know")]
    Version(u32),
}

impl Default for ChainRecord {
    fn default() -> Self {
        Self { version: VERSION, registries: Vec::new(), every_s: Some(EVERY_S), packages: BTreeMap::new() }
    }
}

impl ChainRecord {
    /// What was saved last.
    pub(crate) fn load() -> Result<Self, RecordError> {
        state::get_bytes().map_or_else(|| Ok(Self::default()), |bytes| Self::parse(&bytes))
    }

    /// The version is looked at first: of another one, nothing else is known.
    fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        #[derive(Deserialize)]
        struct OfVersion {
            version: u32,
        }
        let OfVersion { version } = serde_json::from_slice(bytes).map_err(StateError::Read)?;
        if version != VERSION {
            return Err(RecordError::Version(version));
        }
        Ok(serde_json::from_slice(bytes).map_err(StateError::Read)?)
    }

    /// The node's registries, in the order in which they are asked.
    pub(crate) fn registries(&self) -> &[String] {
        &self.registries
    }

    /// Seconds between two looks; `None` is never.
    pub(crate) fn every_s(&self) -> Option<u64> {
        self.every_s
    }

    /// What is known of each package.
    pub(crate) fn packages(&self) -> &BTreeMap<PackageRef, Followed> {
        &self.packages
    }

    /// What is known of one.
    pub(crate) fn find(&self, package: &PackageRef) -> Option<&Followed> {
        self.packages.get(package)
    }

    /// Whether a package is updated by itself.
    pub(crate) fn is_updated(&self, package: &PackageRef) -> bool {
        self.find(package).is_some_and(|followed| followed.auto_update)
    }

    /// One more registry. One that is there stays where it is.
    pub(crate) fn add_registry(&mut self, registry: String) -> Result<(), RecordError> {
        if self.registries.contains(&registry) {
            return Ok(());
        }
        if self.registries.len() >= REGISTRIES_MAX {
            return Err(RecordError::TooMany(REGISTRIES_MAX, "registries"));
        }
        self.change(|record| record.registries.push(registry))
    }

    /// One less. Packages that came from there are not updated by themselves until it is back, or another is said.
    pub(crate) fn remove_registry(&mut self, registry: &str) -> Result<(), RecordError> {
        self.change(|record| record.registries.retain(|known| known != registry))
    }

    /// How often to look.
    pub(crate) fn look_every(&mut self, seconds: Option<u64>) -> Result<(), RecordError> {
        self.change(|record| record.every_s = seconds)
    }

    /// A package is updated by itself, from there. What failed before is tried again.
    pub(crate) fn start(&mut self, package: &PackageRef, registry: &str) -> Result<(), RecordError> {
        self.change_package(package, |followed| {
            followed.auto_update = true;
            followed.registry = Some(registry.to_owned());
            followed.failed = None;
        })
    }

    /// It is not any more.
    pub(crate) fn stop(&mut self, package: &PackageRef) -> Result<(), RecordError> {
        if !self.packages.contains_key(package) {
            return Ok(());
        }
        self.change_package(package, stop)
    }

    /// A release was installed.
    pub(crate) fn remember(
        &mut self,
        package: &PackageRef,
        registry: &str,
        version: &Version,
        sha256: &Digest,
    ) -> Result<(), RecordError> {
        self.change_package(package, |followed| {
            followed.registry = Some(registry.to_owned());
            drop_until(followed, version);
            pin(followed, version, sha256);
        })
    }

    /// A release waits for the owner.
    pub(crate) fn offer(&mut self, package: &PackageRef, offer: Waiting) -> Result<(), RecordError> {
        self.change_package(package, |followed| followed.offer = Some(offer))
    }

    /// A release was tried in vain.
    pub(crate) fn fail(&mut self, package: &PackageRef, failed: Waiting) -> Result<(), RecordError> {
        self.change_package(package, |followed| followed.failed = Some(failed))
    }

    /// What is offered and what failed is looked at anew.
    pub(crate) fn try_again(&mut self) -> Result<(), RecordError> {
        if self.packages.values().all(|followed| followed.offer.is_none() && followed.failed.is_none()) {
            return Ok(());
        }
        self.change(|record| {
            for followed in record.packages.values_mut() {
                (followed.offer, followed.failed) = (None, None);
            }
        })
    }

    /// What is not installed is not updated; what is installed by now does not wait.
    pub(crate) fn settle(&mut self, installed: &[InstalledPackage]) -> Result<(), RecordError> {
        let mut settled = self.clone();
        for (package, followed) in &mut settled.packages {
            match installed.iter().find(|installed| installed.package_id == package.id()) {
                None => stop(followed),
                Some(installed) => {
                    let version = installed.version.as_deref().and_then(|text| text.parse::<Version>().ok());
                    version.iter().for_each(|version| drop_until(followed, version));
                }
            }
        }
        if settled == *self { Ok(()) } else { self.change(|record| *record = settled) }
    }

    fn change_package(&mut self, package: &PackageRef, change: impl FnOnce(&mut Followed)) -> Result<(), RecordError> {
        let mut packages = self.packages.clone();
        if !packages.contains_key(package) && packages.len() >= PACKAGES_MAX {
            // What is known of one that is not updated by itself, `wharf` knows as well.
            let least = packages.iter().find(|(_, followed)| !followed.auto_update).map(|(package, _)| package.clone());
            packages.remove(&least.ok_or(RecordError::TooMany(PACKAGES_MAX, "packages"))?);
        }
        change(packages.entry(package.clone()).or_default());
        self.change(|record| record.packages = packages)
    }

    /// Every change of the record is made here: saved, or not made at all.
    fn change(&mut self, change: impl FnOnce(&mut Self)) -> Result<(), RecordError> {
        let mut changed = self.clone();
        change(&mut changed);
        state::set(&changed)?;
        *self = changed;
        Ok(())
    }
}

fn stop(followed: &mut Followed) {
    followed.auto_update = false;
    (followed.offer, followed.failed) = (None, None);
}

/// Nothing waits that is not newer than the installed version.
fn drop_until(followed: &mut Followed, installed: &Version) {
    let is_newer = |waiting: &Waiting| waiting.version.parse::<Version>().is_ok_and(|version| version > *installed);
    followed.offer = followed.offer.take().filter(is_newer);
    followed.failed = followed.failed.take().filter(is_newer);
}

fn pin(followed: &mut Followed, version: &Version, sha256: &Digest) {
    followed.versions.insert(version.to_string(), sha256.clone());
    while followed.versions.len() > VERSIONS_MAX {
        let oldest = followed.versions.keys().min_by_key(|text| text.parse::<Version>().ok()).cloned();
        oldest.iter().for_each(|oldest| drop(followed.versions.remove(oldest)));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    fn digest(digit: &str) -> Digest {
        digit.repeat(64).parse().unwrap()
    }

    fn waiting(version: &str) -> Option<Waiting> {
        Some(Waiting { version: version.to_owned(), sha256: digest("a"), reason: String::new() })
    }

    #[test]
    fn what_is_installed_does_not_wait_and_what_is_newer_does() {
        let mut followed = Followed { offer: waiting("1.10.0"), failed: waiting("1.9.0"), ..Followed::default() };
        drop_until(&mut followed, &Version::new(1, 9, 0));
        assert_eq!((followed.offer, followed.failed), (waiting("1.10.0"), None));
    }

    #[test]
    fn of_many_versions_the_newest_are_remembered() {
        let mut followed = Followed::default();
        for minor in 0..=VERSIONS_MAX as u64 {
            pin(&mut followed, &Version::new(1, minor, 0), &digest("b"));
        }
        assert_eq!(followed.versions.len(), VERSIONS_MAX);
        assert!(!followed.versions.contains_key("1.0.0") && followed.versions.contains_key("1.64.0"));
    }

    #[test]
    fn a_record_of_another_version_is_refused() {
        let saved = serde_json::to_vec(&ChainRecord::default()).unwrap();
        assert_eq!(ChainRecord::parse(&saved).unwrap(), ChainRecord::default());
        assert!(matches!(ChainRecord::parse(br#"{"version":2}"#), Err(RecordError::Version(2))));
        assert!(matches!(ChainRecord::parse(b""), Err(RecordError::State(_))));
    }
}
