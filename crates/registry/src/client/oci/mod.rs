//! An OCI registry, as far as packages need it: the [distribution protocol], version 1.1, in seven requests.
//!
//! | request | for |
//! |---|---|
//! | `GET /v2/_catalog` | which packages there are; many registries do not tell |
//! | `GET /v2/<repository>/tags/list` | the versions of one |
//! | `GET`, `PUT /v2/<repository>/manifests/<tag>` | a release |
//! | `HEAD`, `GET /v2/<repository>/blobs/<digest>` | its zip |
//! | `POST /v2/<repository>/blobs/uploads/`, `PUT` | the same, to be kept |
//!
//! The registry may ask who one is, as `Basic`, or as `Bearer` with a token from elsewhere ([`token`]).
//!
//! Tags can be moved and there is no request that sets one only if it is not there: two who publish the same version at the
//! same moment may both be told that it worked. Whoever installed either has its digest pinned.
//!
//! [distribution protocol]: https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md

mod manifest;
mod token;

use std::sync::{Mutex, PoisonError};

use semver::Version;
use serde::Deserialize;
use ureq::http::Method;
use url::Url;

use self::manifest::{EMPTY, EMPTY_DIGEST, MANIFEST_TYPE};
use super::http::{Answer, Ask, Http, Redirects};
use super::{Access, OnProgress, Publication, Published, Registry, RegistryError, Result, may_publish};
use crate::digest::Digest;
use crate::index::Release;
use crate::limits::Limits;
use crate::reference::{PackageRef, parse_version};

const BYTES: &str = "application/octet-stream";
/// Entries that a page of a list should have.
const PAGE: usize = 1000;
/// Longest name of a repository, as registries have it.
const REPOSITORY_BYTES_MAX: usize = 255;
const TAG_BYTES_MAX: usize = 128;

pub(super) struct Oci {
    base: Url,
    prefix: String,
    http: Http,
    limits: Limits,
    /// What the registry wants to be shown, once it is known. One command speaks of one repository, so one is kept.
    authorization: Mutex<Option<String>>,
}

#[derive(Deserialize)]
struct Tags {
    /// Some registries say `null` for none.
    tags: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Repositories {
    repositories: Option<Vec<String>>,
}

impl Oci {
    pub(super) fn new(base: &Url, prefix: &str, access: &Access) -> Result<Self> {
        if !prefix.is_empty() {
            check_repository(prefix)?;
        }
        let http = Http::new(base, access)?;
        let (base, prefix, limits) = (base.clone(), prefix.to_owned(), access.limits.clone());
        Ok(Self { base, prefix, http, limits, authorization: Mutex::default() })
    }

    fn repository(&self, package: &PackageRef) -> Result<String> {
        let name = if self.prefix.is_empty() { package.to_string() } else { format!("{}/{package}", self.prefix) };
        check_repository(&name)?;
        Ok(name)
    }

    /// An address beneath `/v2/`. What it is made of is plain.
    fn url(&self, path: &str) -> Result<Url> {
        self.base.join(&format!("/v2/{path}")).map_err(|error| RegistryError::malformed(path, error))
    }

    /// Sends a request, and once more with what the registry wants to be shown if it says so.
    fn send(&self, ask: Ask<'_>) -> Result<Answer> {
        let known = self.authorization.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let answer = self.http.send(&ask.clone().authorized(known))?;
        if answer.status() != 401 || answer.url().origin() != self.base.origin() {
            return Ok(answer);
        }
        let Some(wanted) = token::authorization(&self.http, &self.base, &answer, &self.limits)? else {
            return Ok(answer);
        };
        *self.authorization.lock().unwrap_or_else(PoisonError::into_inner) = Some(wanted.clone());
        self.http.send(&ask.authorized(Some(wanted)))
    }

    /// A list in pages, each handed to `take`. `None` when there is no such list.
    fn pages(&self, path: &str, mut take: impl FnMut(&[u8]) -> serde_json::Result<()>) -> Result<Option<()>> {
        let mut url = self.url(&format!("{path}?n={PAGE}"))?;
        let mut room = self.limits.list_bytes_max;
        for _ in 0..self.limits.pages_max {
            let answer = self.send(Ask::get(&url, Redirects::SameOrigin).accept("application/json"))?;
            if answer.status() == 404 {
                return Ok(None);
            }
            let answer = answer.ok()?;
            let next = answer.header("link").and_then(next_page).map(|next| url.join(next));
            let page = answer.read(room, &mut |_, _| ())?;
            room = room.saturating_sub(page.len() as u64);
            take(&page).map_err(|error| RegistryError::malformed(url.as_str(), error))?;
            match next {
                None => return Ok(Some(())),
                Some(Ok(next)) if next.origin() == self.base.origin() => url = next,
                Some(_) => return Err(RegistryError::malformed(url.as_str(), "its next page is somewhere else")),
            }
        }
        Err(RegistryError::malformed(url.as_str(), "it has too many pages"))
    }

    /// The release that a tag names, if there is one.
    fn find(&self, package: &PackageRef, version: &Version) -> Result<Option<Release>> {
        let url = self.url(&format!("{}/manifests/{}", self.repository(package)?, tag(version)?))?;
        let answer = self.send(Ask::get(&url, Redirects::SameOrigin).accept(MANIFEST_TYPE))?;
        if answer.status() == 404 {
            return Ok(None);
        }
        let answer = answer.ok()?;
        let told = answer.header("docker-content-digest").map(str::to_owned);
        let bytes = answer.read(self.limits.list_bytes_max, &mut |_, _| ())?;
        if let Some(told) = told.as_deref().and_then(|told| told.strip_prefix("sha256:"))
            && told != Digest::of(&bytes).as_str()
        {
            return Err(RegistryError::malformed(url.as_str(), "it does not have the digest that it came with"));
        }
        manifest::read(&bytes).map(Some).map_err(|why| RegistryError::malformed(url.as_str(), why))
    }

    /// Has the registry keep a blob, if it does not have it.
    fn keep(&self, repository: &str, digest: &str, bytes: &[u8]) -> Result<()> {
        let place = self.url(&format!("{repository}/blobs/sha256:{digest}"))?;
        let there = self.send(Ask::get(&place, Redirects::Elsewhere).method(Method::HEAD))?;
        if there.status() == 200 {
            return Ok(());
        }
        let uploads = self.url(&format!("{repository}/blobs/uploads/"))?;
        let begun = self.send(Ask::sending(Method::POST, &uploads, &[], BYTES))?.ok()?;
        let to = begun.header("location").unwrap_or_default();
        let malformed = |why: &str| RegistryError::malformed(uploads.as_str(), why);
        let mut to = begun.url().join(to).map_err(|_| malformed("it does not say where to upload to"))?;
        if to.origin() != self.base.origin() {
            return Err(malformed("it wants the upload to go to another host"));
        }
        to.query_pairs_mut().append_pair("digest", &format!("sha256:{digest}"));
        self.send(Ask::sending(Method::PUT, &to, bytes, BYTES))?.ok().map(drop)
    }
}

impl Registry for Oci {
    fn packages(&self) -> Result<Vec<PackageRef>> {
        let mut found = Vec::new();
        let listed = self.pages("_catalog", |page| {
            let Repositories { repositories } = serde_json::from_slice(page)?;
            let names = repositories.unwrap_or_default();
            let ours = names.iter().filter_map(|name| match self.prefix.as_str() {
                "" => Some(name.as_str()),
                prefix => name.strip_prefix(prefix)?.strip_prefix('/'),
            });
            // Other repositories are no packages.
            found.extend(ours.filter_map(|name| name.parse::<PackageRef>().ok()));
            Ok(())
        });
        match listed {
            Ok(Some(())) => Ok(found),
            Ok(None) | Err(RegistryError::Denied { .. } | RegistryError::Status { .. }) => {
                Err(RegistryError::Unsupported {
                    doing: "list the packages of",
                    registry: self.base.to_string(),
                    why: "this registry does not tell what it has",
                })
            }
            Err(error) => Err(error),
        }
    }

    fn versions(&self, package: &PackageRef) -> Result<Vec<Version>> {
        let mut found = Vec::new();
        let path = format!("{}/tags/list", self.repository(package)?);
        self.pages(&path, |page| {
            let Tags { tags } = serde_json::from_slice(page)?;
            // Tags of other kinds, `latest` for one, mean nothing here.
            found.extend(tags.unwrap_or_default().iter().filter_map(|tag| parse_version(&tag.replace('_', "+")).ok()));
            Ok(())
        })?;
        if found.is_empty() { Err(RegistryError::NoPackage { package: package.clone() }) } else { Ok(found) }
    }

    fn release(&self, package: &PackageRef, version: &Version) -> Result<Release> {
        let missing = || RegistryError::NoVersion { package: package.clone(), version: version.clone() };
        self.find(package, version)?.ok_or_else(missing)
    }

    fn read_zip(&self, package: &PackageRef, release: &Release, progress: OnProgress<'_>) -> Result<Vec<u8>> {
        let url = self.url(&format!("{}/blobs/sha256:{}", self.repository(package)?, release.sha256))?;
        let answer = self.send(Ask::get(&url, Redirects::Elsewhere))?;
        let total = release.bytes;
        answer.ok()?.read(total, &mut |got, _| progress(got, total))
    }

    fn publish(&self, publication: &Publication) -> Result<Published> {
        let Publication { package, version, release, zip } = publication;
        let repository = self.repository(package)?;
        if let Some(ended) = may_publish(publication, self.find(package, version)?.as_ref())? {
            return Ok(ended);
        }
        self.keep(&repository, release.sha256.as_str(), zip)?;
        self.keep(&repository, EMPTY_DIGEST, EMPTY)?;
        let url = self.url(&format!("{repository}/manifests/{}", tag(version)?))?;
        let manifest = manifest::write(package, version, release);
        self.send(Ask::sending(Method::PUT, &url, &manifest, MANIFEST_TYPE))?.ok()?;
        Ok(Published::New)
    }
}

/// A version as a tag, which has no `+`.
fn tag(version: &Version) -> Result<String> {
    let tag = version.to_string().replace('+', "_");
    if tag.len() > TAG_BYTES_MAX {
        return Err(RegistryError::OciName { name: tag, why: "a tag has at most 128 characters" });
    }
    Ok(tag)
}

/// Parts of lower-case letters and digits, with single `.` or `_`, `__`, or any number of `-` between them.
fn check_repository(name: &str) -> Result<()> {
    let refused = |why| RegistryError::OciName { name: name.to_owned(), why };
    let plain = |part: &str| {
        let between = |separator: &str| matches!(separator, "." | "_" | "__") || separator.bytes().all(|b| b == b'-');
        let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        part.starts_with(is_word) && part.ends_with(is_word) && part.split(is_word).all(between)
    };
    if name.len() > REPOSITORY_BYTES_MAX {
        return Err(refused("with its prefix it is longer than 255 characters"));
    }
    if !name.split('/').all(plain) {
        return Err(refused(
            "a part of its name has other characters than a-z and 0-9 with single `.`, `_` or `-` between",
        ));
    }
    Ok(())
}

/// The address in `<...>; rel="next"`.
fn next_page(link: &str) -> Option<&str> {
    let (url, params) = link.trim().strip_prefix('<')?.split_once('>')?;
    params.contains("next").then_some(url)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn names_of_repositories_are_those_that_registries_take() {
        for name in ["alice.os/chat", "a/b/alice.os/chat-2", "a__b/c", "a---b"] {
            assert!(check_repository(name).is_ok(), "{name}");
        }
        for name in ["-a/chat", "a..b/chat", "a.-b/c", "a/", "A/c", "a/../c", "a?b", "a%2f", &"a".repeat(256)] {
            assert!(check_repository(name).is_err(), "{name}");
        }
    }

    #[test]
    fn versions_are_tags_and_back() {
        let version: Version = "1.2.3-rc.1+build.7".parse().unwrap();
        assert_eq!(tag(&version).unwrap(), "1.2.3-rc.1_build.7");
        assert_eq!(parse_version(&tag(&version).unwrap().replace('_', "+")).unwrap(), version);
        assert_eq!(next_page("</v2/a/tags/list?last=b&n=2>; rel=\"next\""), Some("/v2/a/tags/list?last=b&n=2"));
    }
}
