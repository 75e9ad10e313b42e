//! What the node's registries said last: strangers' words, kept short, and in memory only.

use std::collections::BTreeMap;

use wharf_registry::chain::{App, AppMetadata, AppProperties};
use wharf_registry::{Digest, Index, PackageRef, Version, newest};

/// Most packages that are listed, of all registries.
pub(crate) const LISTINGS_MAX: usize = 512;
/// Most versions of one; the newest stay.
const VERSIONS_MAX: usize = 64;
const TITLE_CHARS_MAX: usize = 100;
const DESCRIPTION_CHARS_MAX: usize = 1000;

/// What is listed, by package.
#[derive(Debug, Default)]
pub(crate) struct Listings(BTreeMap<PackageRef, Listing>);

/// What one registry says of one package.
#[derive(Clone, Debug)]
pub(crate) struct Listing {
    registry: String,
    index_sha256: String,
    title: Option<String>,
    description: Option<String>,
    versions: BTreeMap<Version, Digest>,
}

impl Listing {
    /// From an index with this hash.
    pub(crate) fn new(registry: &str, index_sha256: String, index: &Index) -> Self {
        let shown = newest(index.versions.keys()).and_then(|version| index.versions.get(version));
        let cut = |text: &str, max| text.chars().take(max).collect();
        Self {
            registry: registry.to_owned(),
            index_sha256,
            title: shown.and_then(|release| release.title.as_deref()).map(|text| cut(text, TITLE_CHARS_MAX)),
            description: shown
                .and_then(|release| release.description.as_deref())
                .map(|text| cut(text, DESCRIPTION_CHARS_MAX)),
            versions: index
                .versions
                .iter()
                .rev()
                .take(VERSIONS_MAX)
                .map(|(version, release)| (version.clone(), release.sha256.clone()))
                .collect(),
        }
    }

    /// Which registry.
    pub(crate) fn registry(&self) -> &str {
        &self.registry
    }

    fn app(&self, package: &PackageRef, auto_update: Updated) -> App {
        let current_version = newest(self.versions.keys()).map(ToString::to_string).unwrap_or_default();
        let metadata = AppMetadata {
            name: self.title.clone(),
            description: self.description.clone(),
            image: None,
            external_url: None,
            animation_url: None,
            properties: AppProperties {
                package_name: package.name().to_owned(),
                publisher: package.publisher().to_owned(),
                current_version,
                mirrors: Vec::new(),
                code_hashes: self.versions.iter().map(|(v, hash)| (v.to_string(), hash.to_string())).collect(),
                license: None,
                screenshots: None,
                wit_version: None,
                dependencies: None,
            },
        };
        App {
            package_id: package.id(),
            tba: String::new(),
            metadata_uri: format!("{}{}", self.registry, Index::path(package)),
            metadata_hash: self.index_sha256.clone(),
            metadata: Some(metadata),
            auto_update: auto_update == Updated::ByItself,
        }
    }
}

/// Whether a package is updated by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Updated {
    ByItself,
    ByTheOwner,
}

impl Listings {
    /// What is listed of a package.
    pub(crate) fn find(&self, package: &PackageRef) -> Option<&Listing> {
        self.0.get(package)
    }

    /// Notes a listing. Of several registries the one that was noted first counts, and that of `preferred` before all.
    pub(crate) fn put(&mut self, package: PackageRef, listing: Listing, preferred: Option<&str>) {
        let is_known = self.0.contains_key(&package);
        let is_preferred = preferred == Some(listing.registry.as_str());
        if (is_known && is_preferred) || (!is_known && self.0.len() < LISTINGS_MAX) {
            self.0.insert(package, listing);
        }
    }

    /// Takes over what a registry said before, for one that did not answer now.
    pub(crate) fn keep_from(&mut self, before: &Self, registry: &str) {
        for (package, listing) in before.0.iter().filter(|(_, listing)| listing.registry == registry) {
            self.put(package.clone(), listing.clone(), None);
        }
    }

    /// One package, for those who ask.
    pub(crate) fn app(&self, package: &PackageRef, updated: Updated) -> Option<App> {
        self.find(package).map(|listing| listing.app(package, updated))
    }

    /// All packages, or those that `is_wanted`.
    pub(crate) fn apps(
        &self,
        is_wanted: impl Fn(&PackageRef) -> bool,
        updated: impl Fn(&PackageRef) -> Updated,
    ) -> Vec<App> {
        let wanted = self.0.iter().filter(|(package, _)| is_wanted(package));
        wanted.map(|(package, listing)| listing.app(package, updated(package))).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use wharf_registry::Release;

    use super::*;

    fn index(package: &PackageRef, versions: u64) -> Index {
        let mut index = Index::new(package.clone());
        for minor in 0..versions {
            let release = Release {
                sha256: "ab".repeat(32).parse().unwrap(),
                bytes: 1,
                signed_by: None,
                title: Some("x".repeat(10_000)),
                description: None,
            };
            index.versions.insert(Version::new(1, minor, 0), release);
        }
        index
    }

    #[test]
    fn what_a_stranger_says_is_cut_short() {
        let package: PackageRef = "alice.os/chat".parse().unwrap();
        let listing = Listing::new("https://a/", String::new(), &index(&package, 100));
        assert_eq!(listing.title.as_deref().map(str::len), Some(TITLE_CHARS_MAX));
        let app = listing.app(&package, Updated::ByItself);
        let properties = app.metadata.unwrap().properties;
        assert_eq!((properties.current_version.as_str(), properties.code_hashes.len()), ("1.99.0", VERSIONS_MAX));
        assert_eq!(app.metadata_uri, "https://a/packages/alice.os/chat/index.json");

        let mut listings = Listings::default();
        for n in 0..=LISTINGS_MAX {
            let package: PackageRef = format!("alice.os/chat{n}").parse().unwrap();
            listings.put(package.clone(), Listing::new("https://a/", String::new(), &index(&package, 1)), None);
        }
        assert_eq!(listings.apps(|_| true, |_| Updated::ByTheOwner).len(), LISTINGS_MAX);
    }

    #[test]
    fn the_registry_that_a_package_came_from_counts() {
        let package: PackageRef = "alice.os/chat".parse().unwrap();
        let of = |registry| Listing::new(registry, String::new(), &index(&package, 1));
        let mut listings = Listings::default();
        for registry in ["https://a/", "https://b/", "https://c/"] {
            listings.put(package.clone(), of(registry), Some("https://b/"));
        }
        assert_eq!(listings.find(&package).unwrap().registry(), "https://b/");
    }
}
