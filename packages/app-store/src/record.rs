//! What is installed, as the app store saves it.
//!
//! **Invariant:** the record is saved before a request is answered, and `unfinished` is saved before an install
//! changes anything. A package named there after a restart is in an unknown state, and is taken back.

use serde::{Deserialize, Serialize};
use wharf_process_lib::state::{self, StateError};
use wharf_types::PackageId;
use wharf_types::app_store::InstalledPackage;

use crate::error::StoreError;
use crate::paths::ZipHash;

const VERSION: u32 = 1;
/// The record is saved whole on each change, so it stays small.
const PACKAGES_MAX: usize = 1000;

/// The saved record.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    version: u32,
    installed: Vec<InstalledPackage>,
    unfinished: Option<Unfinished>,
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
        Self { version: VERSION, installed: Vec::new(), unfinished: None }
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
        if version != VERSION {
            return Err(StoreError::RecordVersion(version));
        }
        Ok(serde_json::from_slice(bytes).map_err(StateError::Read)?)
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

    /// An install is about to change something.
    pub(crate) fn begin(&mut self, package_id: &PackageId, previous: Option<&ZipHash>) -> Result<(), StoreError> {
        if self.find(package_id).is_none() && self.installed.len() >= PACKAGES_MAX {
            return Err(StoreError::TooMany(PACKAGES_MAX));
        }
        let previous_hash = previous.map(|hash| hash.as_str().to_owned());
        self.unfinished = Some(Unfinished { package_id: package_id.clone(), previous_hash });
        self.save()
    }

    /// An install ended well.
    pub(crate) fn finish(&mut self, package: InstalledPackage) -> Result<(), StoreError> {
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
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
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
        };
        let unfinished = Unfinished { package_id: package_id.clone(), previous_hash: None };
        let saved =
            Record { version: VERSION, installed: vec![installed.clone()], unfinished: Some(unfinished.clone()) };
        let read = Record::parse(&serde_json::to_vec(&saved).unwrap()).unwrap();
        assert_eq!(read.find(&package_id), Some(&installed));
        assert_eq!(read.unfinished(), Some(&unfinished));
    }

    #[test]
    fn a_record_of_another_version_is_refused_whatever_is_in_it() {
        let read = Record::parse(br#"{"version":2,"packages":{}}"#);
        assert!(matches!(read, Err(StoreError::RecordVersion(2))));
        assert!(matches!(Record::parse(b"[]"), Err(StoreError::State(_))));
        assert!(matches!(Record::parse(b""), Err(StoreError::State(_))));
    }
}
