//! Where things lie in the vfs, and which names may become part of a path.

use wharf_package::plan;
use wharf_types::PackageId;

use crate::error::StoreError;

/// The drive of this package that zips are kept in.
pub(crate) const DOWNLOADS_DRIVE: &str = "downloads";

/// A package that may be installed and removed, and a SHA-256: both safe to put into a path.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    package: PackageId,
}

impl Target {
    /// Checks that a package may be installed and removed here.
    ///
    /// The node's modules are in `distro:sys`; a package with its name, whoever publishes it, would be mistaken for
    /// it. The packages of `sys` come with the node, the app store itself among them.
    pub(crate) fn new(package: &PackageId) -> Result<Self, StoreError> {
        if !package.is_creatable() {
            return Err(StoreError::PackageId(package.clone()));
        }
        // Packages of `sys` come with the node; one from elsewhere would only pretend.
        if package.publisher_node == "sys" || package.package_name == "distro" {
            return Err(StoreError::Reserved(package.clone()));
        }
        Ok(Self { package: package.clone() })
    }

    /// Which package.
    pub(crate) fn package(&self) -> &PackageId {
        &self.package
    }

    /// The package's drive.
    pub(crate) fn drive(&self) -> String {
        plan::drive(&self.package)
    }

    /// A file on it.
    pub(crate) fn file(&self, name: &str) -> String {
        plan::file(&self.package, name)
    }

    /// The zip it was unpacked from.
    pub(crate) fn installed_zip(&self) -> String {
        plan::installed_zip(&self.package)
    }

    /// The folder its zips are kept in.
    pub(crate) fn downloads(&self) -> String {
        format!("/app-store:sys/{DOWNLOADS_DRIVE}/{}", self.package)
    }

    /// A zip that was kept.
    pub(crate) fn download(&self, hash: &ZipHash) -> String {
        format!("{}/{}.zip", self.downloads(), hash.as_str())
    }
}

/// SHA-256 of a zip, 64 lower-case hex digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ZipHash(String);

impl ZipHash {
    /// Of these bytes.
    pub(crate) fn of(zip: &[u8]) -> Self {
        Self(sha256_hex(zip))
    }

    /// Reads one that was sent. Capital digits are accepted.
    pub(crate) fn parse(text: &str) -> Result<Self, StoreError> {
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(StoreError::Hash);
        }
        Ok(Self(text.to_ascii_lowercase()))
    }

    /// The digits.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// SHA-256 in 64 lower-case hex digits.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    fn package(name: &str, publisher: &str) -> PackageId {
        PackageId { package_name: name.to_owned(), publisher_node: publisher.to_owned() }
    }

    #[test]
    fn paths_are_those_that_other_tools_know() {
        let target = Target::new(&package("chat", "alice.os")).unwrap();
        assert_eq!(target.drive(), "/chat:alice.os/pkg");
        assert_eq!(target.installed_zip(), "/chat:alice.os/pkg/chat:alice.os.zip");
        let hash = ZipHash::of(b"");
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(target.download(&hash), format!("/app-store:sys/downloads/chat:alice.os/{empty}.zip"));
    }

    #[test]
    fn a_package_id_that_is_a_path_is_refused() {
        for (name, publisher) in [("../x", "sys"), ("a/b", "sys"), ("", "sys"), ("a", ""), ("a", "../b"), ("A", "b")] {
            assert!(matches!(Target::new(&package(name, publisher)), Err(StoreError::PackageId(_))), "{name}");
        }
    }

    #[test]
    fn the_node_and_what_comes_with_it_cannot_be_replaced() {
        for (name, publisher) in
            [("distro", "sys"), ("distro", "mallory.os"), ("app-store", "sys"), ("terminal", "sys")]
        {
            assert!(matches!(Target::new(&package(name, publisher)), Err(StoreError::Reserved(_))), "{name}");
        }
        assert!(Target::new(&package("app-store", "alice.os")).is_ok());
    }

    #[test]
    fn a_version_hash_that_is_a_path_is_refused() {
        let hash = "ab".repeat(32);
        assert_eq!(ZipHash::parse(&hash.to_uppercase()).unwrap().as_str(), hash);
        for text in ["", "..", "../../x", &hash[1..], &format!("{}/..", &hash[3..]), &"é".repeat(32)] {
            assert!(ZipHash::parse(text).is_err(), "{text}");
        }
    }
}
