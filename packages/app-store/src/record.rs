//! What is installed, as the app store saves it.
//!
//! **Invariant:** the record is saved before a request is answered, and `unfinished` is saved before an install or a removal
//! changes anything. A package named there after a restart is in an unknown state: an install is taken back, a removal is
//! ended. What is not saved is not in memory either: a change is made to a copy, which takes the record's place once it is
//! saved.

use std::iter;

use serde::{Deserialize, Serialize};
use wharf_process_lib::state::{self, StateError};
use wharf_types::PackageId;
use wharf_types::app_store::{InstalledPackage, TrustedPublisher};

use crate::error::StoreError;
use crate::paths::ZipHash;

const VERSION: u32 = 2;
/// It had no keys, and packages without signature and previous version.
const VERSION_WITHOUT_KEYS: u32 = 1;
/// The record is saved whole on each change, so it stays small.
const PACKAGES_MAX: usize = 1000;
/// As many as there may be packages.
const PUBLISHERS_MAX: usize = PACKAGES_MAX;

/// The saved record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    version: u32,
    installed: Vec<InstalledPackage>,
    unfinished: Option<Unfinished>,
    /// By name, each once.
    #[serde(default)]
    trusted: Vec<TrustedPublisher>,
    /// Packages that other nodes may fetch from here.
    #[serde(default)]
    mirrored: Vec<PackageId>,
}

/// An install or a removal that has begun and not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Unfinished {
    /// Of which package.
    pub(crate) package_id: PackageId,
    /// The zip of the version that was there before, if one was; it is among the downloads.
    pub(crate) previous_hash: Option<String>,
    /// What has begun. It is not in records from before removals were: those are of installs.
    #[serde(default)]
    pub(crate) work: Work,
}

/// What may be cut off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Work {
    /// To be taken back.
    #[default]
    Install,
    /// To be ended.
    Uninstall,
    /// To be ended, with all that the package kept.
    Purge,
}

impl Default for Record {
    fn default() -> Self {
        Self { version: VERSION, installed: Vec::new(), unfinished: None, trusted: Vec::new(), mirrored: Vec::new() }
    }
}

impl Record {
    /// What was saved last.
    pub(crate) fn load() -> Result<Self, StoreError> {
        state::get_bytes().map_or_else(|| Ok(Self::default()), |bytes| Self::parse(&bytes))
    }

    /// The version is looked at first: of another one, nothing else is known.
    fn parse(bytes: &[u8]) -> Result<Self, StoreError> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let Version { version } = serde_json::from_slice(bytes).map_err(StateError::Read)?;
        if !matches!(version, VERSION | VERSION_WITHOUT_KEYS) {
            return Err(StoreError::RecordVersion(version));
        }
        let record: Self = serde_json::from_slice(bytes).map_err(StateError::Read)?;
        Ok(Self { version: VERSION, ..record })
    }

    /// Everything that is installed.
    pub(crate) fn installed(&self) -> &[InstalledPackage] {
        &self.installed
    }

    /// One package, if it is installed.
    pub(crate) fn find(&self, package: &PackageId) -> Option<&InstalledPackage> {
        self.installed.iter().find(|installed| installed.package_id == *package)
    }

    /// The install or removal that was cut off, if one was.
    pub(crate) fn unfinished(&self) -> Option<&Unfinished> {
        self.unfinished.as_ref()
    }

    /// The publishers whose key is known, by name.
    pub(crate) fn trusted(&self) -> &[TrustedPublisher] {
        &self.trusted
    }

    /// The key of a publisher, if it is known.
    pub(crate) fn key_of(&self, publisher: &str) -> Option<&str> {
        self.trusted.iter().find(|known| known.publisher == publisher).map(|known| known.public_key.as_str())
    }

    /// The zips of a package that may be needed again, by hash: of the version that is there, of the one before, and of the
    /// one that an unfinished install is to be taken back to.
    pub(crate) fn zips_of<'a>(&'a self, package: &'a PackageId) -> impl Iterator<Item = &'a str> {
        let installed = self.find(package).into_iter().flat_map(|installed| {
            let previous = installed.previous.as_ref().map(|previous| previous.version_hash.as_str());
            iter::once(installed.version_hash.as_str()).chain(previous)
        });
        let unfinished = self.unfinished().filter(|unfinished| unfinished.package_id == *package);
        installed.chain(unfinished.and_then(|unfinished| unfinished.previous_hash.as_deref()))
    }

    /// Whether other nodes may fetch a package from here.
    pub(crate) fn is_mirrored(&self, package: &PackageId) -> bool {
        self.mirrored.contains(package)
    }

    /// Other nodes may fetch a package from here.
    pub(crate) fn mirror(&mut self, package: &PackageId) -> Result<(), StoreError> {
        if self.is_mirrored(package) {
            return Ok(());
        }
        if self.mirrored.len() >= PACKAGES_MAX {
            return Err(StoreError::TooMany(PACKAGES_MAX));
        }
        self.change(|record| {
            record.mirrored.push(package.clone());
            Ok(())
        })
    }

    /// They may not.
    pub(crate) fn stop_mirroring(&mut self, package: &PackageId) -> Result<(), StoreError> {
        if !self.is_mirrored(package) {
            return Ok(());
        }
        self.change(|record| {
            record.mirrored.retain(|mirrored| mirrored != package);
            Ok(())
        })
    }

    /// Replaces what is known of a publisher.
    pub(crate) fn trust(&mut self, publisher: TrustedPublisher) -> Result<(), StoreError> {
        self.change(|record| record.put_key(publisher))
    }

    /// Forgets the key of a publisher.
    pub(crate) fn distrust(&mut self, publisher: &str) -> Result<(), StoreError> {
        if self.key_of(publisher).is_none() {
            return Err(StoreError::NotTrusted(publisher.to_owned()));
        }
        self.change(|record| {
            record.trusted.retain(|known| known.publisher != publisher);
            Ok(())
        })
    }

    fn put_key(&mut self, publisher: TrustedPublisher) -> Result<(), StoreError> {
        self.trusted.retain(|known| known.publisher != publisher.publisher);
        if self.trusted.len() >= PUBLISHERS_MAX {
            return Err(StoreError::TooManyPublishers(PUBLISHERS_MAX));
        }
        self.trusted.push(publisher);
        self.trusted.sort_by(|a, b| a.publisher.cmp(&b.publisher));
        Ok(())
    }

    /// An install is about to change something. What it will add to the record has to have room there: afterwards it would
    /// be too late to say so.
    pub(crate) fn begin(
        &mut self,
        package_id: &PackageId,
        signed_by: Option<&str>,
        previous: Option<&ZipHash>,
    ) -> Result<(), StoreError> {
        if self.find(package_id).is_none() && self.installed.len() >= PACKAGES_MAX {
            return Err(StoreError::TooMany(PACKAGES_MAX));
        }
        let is_new_key = signed_by.is_some() && self.key_of(&package_id.publisher_node).is_none();
        if is_new_key && self.trusted.len() >= PUBLISHERS_MAX {
            return Err(StoreError::TooManyPublishers(PUBLISHERS_MAX));
        }
        let previous_hash = previous.map(|hash| hash.as_str().to_owned());
        self.change(|record| {
            record.unfinished = Some(Unfinished { package_id: package_id.clone(), previous_hash, work: Work::Install });
            Ok(())
        })
    }

    /// An install ended well. A key that was not known before is kept with it: trust on first use.
    pub(crate) fn finish(&mut self, package: InstalledPackage) -> Result<(), StoreError> {
        self.change(|record| record.put_package(package))
    }

    fn put_package(&mut self, package: InstalledPackage) -> Result<(), StoreError> {
        if let Some(public_key) = package.signed_by.clone()
            && self.key_of(&package.package_id.publisher_node).is_none()
        {
            let publisher = package.package_id.publisher_node.clone();
            let first_seen_with = Some(package.package_id.clone());
            self.put_key(TrustedPublisher { publisher, public_key, first_seen_with })?;
        }
        self.unfinished = None;
        self.installed.retain(|installed| installed.package_id != package.package_id);
        self.installed.push(package);
        self.installed.sort_by(|a, b| a.package_id.cmp(&b.package_id));
        Ok(())
    }

    /// An install was taken back, and what was installed before is in place.
    pub(crate) fn take_back(&mut self) -> Result<(), StoreError> {
        self.change(|record| {
            record.unfinished = None;
            Ok(())
        })
    }

    /// Removes a package with `remove`, and forgets it. That it begins is saved before. Where it fails, the package stays
    /// listed, and the owner may ask again.
    ///
    /// Only one is noted at a time. An install of another package that could not be taken back goes before: nobody would ask
    /// for that again.
    pub(crate) fn remove_with(
        &mut self,
        package_id: &PackageId,
        work: Work,
        remove: impl FnOnce() -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let before = self.unfinished.clone();
        if before.as_ref().is_none_or(|unfinished| unfinished.package_id == *package_id) {
            self.change(|record| {
                record.unfinished = Some(Unfinished { package_id: package_id.clone(), previous_hash: None, work });
                Ok(())
            })?;
        }
        if let Err(error) = remove() {
            self.change(|record| {
                record.unfinished = before;
                Ok(())
            })?;
            return Err(error);
        }
        self.forget(package_id, work)
    }

    /// A package is gone: by an install that was taken back, or by a removal.
    pub(crate) fn forget(&mut self, package: &PackageId, work: Work) -> Result<(), StoreError> {
        self.change(|record| {
            record.drop_package(package, work);
            Ok(())
        })
    }

    fn drop_package(&mut self, package: &PackageId, work: Work) {
        self.installed.retain(|installed| installed.package_id != *package);
        self.unfinished = self.unfinished.take().filter(|unfinished| unfinished.package_id != *package);
        if work == Work::Purge {
            // No zip of it is left that others could fetch.
            self.mirrored.retain(|mirrored| mirrored != package);
        }
    }

    /// Every change of the record is made here: saved, or not made at all.
    fn change(&mut self, change: impl FnOnce(&mut Self) -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.change_saved_by(|record| Ok(state::set(record)?), change)
    }

    fn change_saved_by(
        &mut self,
        save: impl FnOnce(&Self) -> Result<(), StoreError>,
        change: impl FnOnce(&mut Self) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut changed = self.clone();
        change(&mut changed)?;
        save(&changed)?;
        *self = changed;
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a failed unwrap fails the test")]
mod tests {
    use wharf_types::app_store::PreviousVersion;

    use super::*;

    fn chat() -> InstalledPackage {
        InstalledPackage {
            package_id: PackageId::new("chat", "alice.os").unwrap(),
            version_hash: "ab".repeat(32),
            version: Some("0.1.0".to_owned()),
            processes: vec!["chat:chat:alice.os".parse().unwrap()],
            signed_by: Some("cd".repeat(32)),
            previous: None,
        }
    }

    fn key_of(publisher: String) -> TrustedPublisher {
        TrustedPublisher { publisher, public_key: "cd".repeat(32), first_seen_with: None }
    }

    #[test]
    fn what_could_not_be_saved_is_not_in_memory_either() {
        let mut record = Record::default();
        record.change_saved_by(|_| Ok(()), |record| record.put_package(chat())).unwrap();
        let before = serde_json::to_value(&record).unwrap();
        let fails = |_: &Record| Err(StoreError::Key);
        let forget_all = |record: &mut Record| {
            record.trusted.clear();
            record.installed.clear();
            Ok(())
        };
        assert!(record.change_saved_by(fails, forget_all).is_err());
        assert_eq!(serde_json::to_value(&record).unwrap(), before);
        // A change that breaks off half way is not saved.
        let breaks_off = |record: &mut Record| {
            record.trusted.clear();
            Err(StoreError::Key)
        };
        assert!(record.change_saved_by(|_| panic!("saved"), breaks_off).is_err());
        assert_eq!(serde_json::to_value(&record).unwrap(), before);
    }

    #[test]
    fn an_install_that_brings_a_key_too_many_does_not_begin() {
        let trusted = (0..PUBLISHERS_MAX).map(|n| key_of(format!("p{n}.os"))).collect();
        let mut record = Record { trusted, ..Record::default() };
        let begun = record.begin(&chat().package_id, Some("key"), None);
        assert!(matches!(begun, Err(StoreError::TooManyPublishers(PUBLISHERS_MAX))));
        assert_eq!(record.unfinished(), None);
    }

    #[test]
    fn zips_stay_that_may_be_needed_again() {
        let previous = PreviousVersion { version_hash: "before".to_owned(), version: None };
        let installed = InstalledPackage { previous: Some(previous), ..chat() };
        let other = PackageId::new("other", "alice.os").unwrap();
        let unfinished = |package_id: &PackageId| {
            let previous_hash = Some("back".to_owned());
            Some(Unfinished { package_id: package_id.clone(), previous_hash, work: Work::Install })
        };
        let package = &installed.package_id.clone();
        let mut record = Record { unfinished: unfinished(package), ..Record::default() };
        assert_eq!(record.zips_of(package).collect::<Vec<_>>(), ["back"]);
        record.installed.push(installed);
        assert_eq!(record.zips_of(package).collect::<Vec<_>>(), ["ab".repeat(32).as_str(), "before", "back"]);
        record.unfinished = unfinished(&other);
        assert_eq!(record.zips_of(package).collect::<Vec<_>>(), ["ab".repeat(32).as_str(), "before"]);
    }

    #[test]
    fn only_a_purge_forgets_that_others_may_fetch_a_package_and_does_so_with_the_rest() {
        let package = chat().package_id;
        let unfinished = Unfinished { package_id: package.clone(), previous_hash: None, work: Work::Purge };
        let record = Record {
            installed: vec![chat()],
            unfinished: Some(unfinished),
            mirrored: vec![package.clone()],
            ..Record::default()
        };
        for (work, is_mirrored) in [(Work::Install, true), (Work::Uninstall, true), (Work::Purge, false)] {
            let mut record = record.clone();
            record.drop_package(&package, work);
            assert_eq!(record.is_mirrored(&package), is_mirrored, "{work:?}");
            assert_eq!((record.find(&package), record.unfinished()), (None, None));
        }
    }

    #[test]
    fn a_record_comes_back_as_it_was_saved() {
        let installed = chat();
        let package_id = installed.package_id.clone();
        let unfinished = Unfinished { package_id: package_id.clone(), previous_hash: None, work: Work::Purge };
        let trusted = TrustedPublisher {
            publisher: "alice.os".to_owned(),
            public_key: "cd".repeat(32),
            first_seen_with: Some(package_id.clone()),
        };
        let saved = Record {
            version: VERSION,
            installed: vec![installed.clone()],
            unfinished: Some(unfinished.clone()),
            trusted: vec![trusted],
            mirrored: vec![package_id.clone()],
        };
        let read = Record::parse(&serde_json::to_vec(&saved).unwrap()).unwrap();
        assert_eq!(read.find(&package_id), Some(&installed));
        assert_eq!(read.unfinished(), Some(&unfinished));
        assert_eq!(read.key_of("alice.os"), Some("cd".repeat(32).as_str()));
        assert!(read.is_mirrored(&package_id));
    }

    #[test]
    fn a_record_from_before_there_were_keys_is_read() {
        let old = br#"{"version":1,"installed":[{"package_id":{"package_name":"chat","publisher_node":"alice.os"},
            "version_hash":"ab","version":null,"processes":[]}],"unfinished":
            {"package_id":{"package_name":"chat","publisher_node":"alice.os"},"previous_hash":"ab"}}"#;
        let read = Record::parse(old).unwrap();
        assert_eq!(read.unfinished().map(|unfinished| unfinished.work), Some(Work::Install));
        assert_eq!((read.version, read.installed().len(), read.trusted().len()), (VERSION, 1, 0));
        assert_eq!(read.installed()[0].previous, None);
    }

    #[test]
    fn a_record_of_another_version_is_refused_whatever_is_in_it() {
        let read = Record::parse(br#"{"version":3,"packages":{}}"#);
        assert!(matches!(read, Err(StoreError::RecordVersion(3))));
        assert!(matches!(Record::parse(b"[]"), Err(StoreError::State(_))));
        assert!(matches!(Record::parse(b""), Err(StoreError::State(_))));
    }
}
