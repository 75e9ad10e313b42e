//! What is installed, as the app store saves it.
//!
//! **Invariant:** the record is saved before a request is answered, and `unfinished` is saved before an install
//! changes anything. A package named there after a restart is in an unknown state, and is taken back.

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
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    version: u32,
    installed: Vec<InstalledPackage>,
    unfinished: Option<Unfinished>,
    /// By name, each once.
    #[serde(default)]
    trusted: Vec<TrustedPublisher>,
}

/// An install that has begun and not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Unfinished {
    /// Of which package.
    pub(crate) package_id: PackageId,
    /// The zip of the version that was there before, if one was; it is among the downloads.
    pub(crate) previous_hash: Option<String>,
}

impl Default for Record {
    fn default() -> Self {
        Self { version: VERSION, installed: Vec::new(), unfinished: None, trusted: Vec::new() }
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

    /// The install that was cut off, if one was.
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

    /// Replaces what is known of a publisher.
    pub(crate) fn trust(&mut self, publisher: TrustedPublisher) -> Result<(), StoreError> {
        self.put_key(publisher)?;
        self.save()
    }

    /// Forgets the key of a publisher.
    pub(crate) fn distrust(&mut self, publisher: &str) -> Result<(), StoreError> {
        let before = self.trusted.len();
        self.trusted.retain(|known| known.publisher != publisher);
        if self.trusted.len() == before {
            return Err(StoreError::NotTrusted(publisher.to_owned()));
        }
        self.save()
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

    /// An install is about to change something.
    pub(crate) fn begin(&mut self, package_id: &PackageId, previous: Option<&ZipHash>) -> Result<(), StoreError> {
        if self.find(package_id).is_none() && self.installed.len() >= PACKAGES_MAX {
            return Err(StoreError::TooMany(PACKAGES_MAX));
        }
        let previous_hash = previous.map(|hash| hash.as_str().to_owned());
        self.unfinished = Some(Unfinished { package_id: package_id.clone(), previous_hash });
        self.save()
    }

    /// An install ended well. A key that was not known before is kept with it: trust on first use.
    pub(crate) fn finish(&mut self, package: InstalledPackage) -> Result<(), StoreError> {
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
        self.save()
    }

    /// An install was taken back, and what was installed before is in place.
    pub(crate) fn take_back(&mut self) -> Result<(), StoreError> {
        self.unfinished = None;
        self.save()
    }

    /// A package is gone.
    pub(crate) fn forget(&mut self, package: &PackageId) -> Result<(), StoreError> {
        self.installed.retain(|installed| installed.package_id != *package);
        self.unfinished = self.unfinished.take().filter(|unfinished| unfinished.package_id != *package);
        self.save()
    }

    fn save(&self) -> Result<(), StoreError> {
        Ok(state::set(self)?)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_as_it_was_saved() {
        let package_id = PackageId::new("chat", "alice.os").unwrap();
        let installed = InstalledPackage {
            package_id: package_id.clone(),
            version_hash: "ab".repeat(32),
            version: Some("0.1.0".to_owned()),
            processes: vec!["chat:chat:alice.os".parse().unwrap()],
            signed_by: Some("cd".repeat(32)),
            previous: None,
        };
        let unfinished = Unfinished { package_id: package_id.clone(), previous_hash: None };
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
        };
        let read = Record::parse(&serde_json::to_vec(&saved).unwrap()).unwrap();
        assert_eq!(read.find(&package_id), Some(&installed));
        assert_eq!(read.unfinished(), Some(&unfinished));
        assert_eq!(read.key_of("alice.os"), Some("cd".repeat(32).as_str()));
    }

    #[test]
    fn a_record_from_before_there_were_keys_is_read() {
        let old = br#"{"version":1,"installed":[{"package_id":{"package_name":"chat","publisher_node":"alice.os"},
            "version_hash":"ab","version":null,"processes":[]}],"unfinished":null}"#;
        let read = Record::parse(old).unwrap();
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
