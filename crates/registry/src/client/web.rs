//! A web server with the files of a registry. It is only read: how files get there is its keeper's affair.

use semver::Version;
use url::Url;

use super::http::{Ask, Http, Redirects};
use super::{Access, OnProgress, Publication, Published, Registry, RegistryError, Result};
use crate::index::{Catalogue, FormatError, Index, Release};
use crate::limits::Limits;
use crate::reference::PackageRef;

pub(super) struct Web {
    base: Url,
    http: Http,
    limits: Limits,
}

impl Web {
    pub(super) fn new(base: &Url, access: &Access) -> Result<Self> {
        Ok(Self { base: base.clone(), http: Http::new(base, access)?, limits: access.limits.clone() })
    }

    fn url(&self, path: &str) -> Result<Url> {
        self.base.join(path).map_err(|error| RegistryError::malformed(format!("the address of {path}"), error))
    }

    /// A file of the registry, if it is there.
    fn file(&self, path: &str, bytes_max: u64, progress: OnProgress<'_>) -> Result<Option<Vec<u8>>> {
        let url = self.url(path)?;
        let ask = Ask::get(&url, Redirects::SameOrigin);
        // For servers that let in only whom they know.
        let answer = self.http.send(&ask.authorized(self.http.basic(&url)))?;
        if answer.status() == 404 {
            return Ok(None);
        }
        answer.ok()?.read(bytes_max, progress).map(Some)
    }

    fn list<T>(
        &self,
        path: &str,
        parse: impl FnOnce(&[u8]) -> std::result::Result<T, FormatError>,
    ) -> Result<Option<T>> {
        let Some(bytes) = self.file(path, self.limits.list_bytes_max, &mut |_, _| ())? else { return Ok(None) };
        let what = || format!("{}{path}", self.base);
        parse(&bytes).map(Some).map_err(|error| RegistryError::malformed(what(), error))
    }

    fn index(&self, package: &PackageRef) -> Result<Index> {
        let index = self.list(&Index::path(package), |bytes| Index::parse(package, bytes))?;
        let index = index.filter(|index| !index.versions.is_empty());
        index.ok_or_else(|| RegistryError::NoPackage { package: package.clone() })
    }
}

impl Registry for Web {
    fn packages(&self) -> Result<Vec<PackageRef>> {
        let catalogue = self.list(Catalogue::FILE, Catalogue::parse)?;
        let no_registry = || RegistryError::NotARegistry { registry: self.base.to_string(), file: Catalogue::FILE };
        Ok(catalogue.ok_or_else(no_registry)?.packages.into_iter().collect())
    }

    fn versions(&self, package: &PackageRef) -> Result<Vec<Version>> {
        Ok(self.index(package)?.versions.into_keys().collect())
    }

    fn release(&self, package: &PackageRef, version: &Version) -> Result<Release> {
        let release = self.index(package)?.versions.remove(version);
        release.ok_or_else(|| RegistryError::NoVersion { package: package.clone(), version: version.clone() })
    }

    fn read_zip(&self, package: &PackageRef, release: &Release, progress: OnProgress<'_>) -> Result<Vec<u8>> {
        let path = Index::zip_path(package, &release.sha256);
        let total = release.bytes;
        let zip = self.file(&path, total, &mut |got, _| progress(got, total))?;
        let missing = || RegistryError::malformed(format!("the list of {package}"), format_args!("there is no {path}"));
        zip.ok_or_else(missing)
    }

    fn publish(&self, _: &Publication) -> Result<Published> {
        Err(RegistryError::Unsupported {
            doing: "publish to",
            registry: self.base.to_string(),
            why: "a web server is only read",
        })
    }
}
