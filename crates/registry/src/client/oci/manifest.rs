//! What a version is in an OCI registry: an image manifest with an artifact type of ours, and the zip as its layer.

use std::collections::BTreeMap;

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::index::Release;
use crate::reference::PackageRef;

pub(super) const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
/// What it is, for registries and tools that show it.
const ARTIFACT_TYPE: &str = "application/vnd.wharf.package.v1";
const ZIP_TYPE: &str = "application/vnd.wharf.package.v1+zip";

/// The configuration of what has none, as the image specification wants it.
const EMPTY_TYPE: &str = "application/vnd.oci.empty.v1+json";
pub(super) const EMPTY: &[u8] = b"{}";
pub(super) const EMPTY_DIGEST: &str = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

const TITLE: &str = "org.opencontainers.image.title";
const DESCRIPTION: &str = "org.opencontainers.image.description";
const VERSION: &str = "org.opencontainers.image.version";
const VENDOR: &str = "org.opencontainers.image.vendor";
const SIGNED_BY: &str = "vnd.wharf.signed-by";

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    schema_version: u32,
    #[serde(default)]
    media_type: Option<String>,
    #[serde(default)]
    artifact_type: Option<String>,
    config: Descriptor,
    layers: Vec<Descriptor>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
    size: u64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

/// The release that it is, or what is wrong with it.
pub(super) fn read(bytes: &[u8]) -> Result<Release, String> {
    let Manifest { layers, mut annotations, .. } = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let mut zips = layers.into_iter().filter(|layer| layer.media_type == ZIP_TYPE);
    let (Some(zip), None) = (zips.next(), zips.next()) else {
        return Err(format!("it is not a package: it has not exactly one layer of the type {ZIP_TYPE}"));
    };
    let digest = zip.digest.strip_prefix("sha256:").and_then(|digest| digest.parse::<Digest>().ok());
    Ok(Release {
        sha256: digest.ok_or("its layer is not named by a SHA-256")?,
        bytes: zip.size,
        signed_by: annotations.remove(SIGNED_BY),
        title: annotations.remove(TITLE),
        description: annotations.remove(DESCRIPTION),
    })
}

/// The same package always gives the same bytes.
pub(super) fn write(package: &PackageRef, version: &Version, release: &Release) -> Vec<u8> {
    let zip_name = (TITLE.to_owned(), format!("{}.zip", package.id()));
    let told = [
        (VERSION, Some(version.to_string())),
        (VENDOR, Some(package.publisher().to_owned())),
        (TITLE, release.title.clone()),
        (DESCRIPTION, release.description.clone()),
        (SIGNED_BY, release.signed_by.clone()),
    ];
    let manifest = Manifest {
        schema_version: 2,
        media_type: Some(MANIFEST_TYPE.to_owned()),
        artifact_type: Some(ARTIFACT_TYPE.to_owned()),
        config: descriptor(EMPTY_TYPE, EMPTY_DIGEST, EMPTY.len() as u64, BTreeMap::new()),
        layers: vec![descriptor(ZIP_TYPE, release.sha256.as_str(), release.bytes, BTreeMap::from([zip_name]))],
        annotations: told.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect(),
    };
    // Text and numbers: writing them cannot fail.
    serde_json::to_vec(&manifest).unwrap_or_default()
}

fn descriptor(media_type: &str, digest: &str, size: u64, annotations: BTreeMap<String, String>) -> Descriptor {
    Descriptor { media_type: media_type.to_owned(), digest: format!("sha256:{digest}"), size, annotations }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_read_as_it_was_written_and_others_are_refused() {
        assert_eq!(Digest::of(EMPTY).as_str(), EMPTY_DIGEST);
        let release = Release {
            sha256: Digest::of(b"zip"),
            bytes: 3,
            signed_by: Some("ab".repeat(32)),
            title: Some("Chat".to_owned()),
            description: None,
        };
        let written = write(&"alice.os/chat".parse().unwrap(), &Version::new(0, 1, 0), &release);
        assert_eq!(read(&written), Ok(release));
        let text = String::from_utf8(written).unwrap();
        for (from, to) in
            [(ZIP_TYPE, "application/vnd.oci.image.layer.v1.tar"), ("\"digest\":\"sha256:", "\"digest\":\"")]
        {
            assert!(read(text.replace(from, to).as_bytes()).is_err(), "{to}");
        }
    }
}
