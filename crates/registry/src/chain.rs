//! What `chain:app-store:sys` is asked and answers: the listings of the node's registries, and automatic updates.
//!
//! The first six requests, their answers and `NoPackage` are those of Kinode's app store, where the listings come from a
//! blockchain. From [`ChainRequest::Updates`] on they are Wharf's own. Reasons of failures are in the response's metadata, as
//! [`wharf_types::Failure`].
//!
//! Whoever may send messages there may read. To change something takes the owner, or the capability [`CHANGE`] of the
//! process, shown with the request; requests from [`ChainRequest::AddRegistry`] on are the owner's alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wharf_types::PackageId;

use crate::digest::Digest;
use crate::reference::PackageRef;

/// Params of the capability to turn automatic updates on and off, and to reset what was listed.
pub const CHANGE: &str = r#"{"root":true}"#;
/// Most registries of a node.
pub const REGISTRIES_MAX: usize = 16;
/// Shortest time between two looks.
pub const EVERY_S_MIN: u64 = 1;
/// Longest, about ten years.
pub const EVERY_S_MAX: u64 = 10 * 365 * 24 * 3600;
/// Time between two looks, where the owner said nothing.
pub const EVERY_S: u64 = 6 * 3600;

/// A request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChainRequest {
    /// What is listed of a package.
    GetApp(PackageId),
    /// What is listed.
    GetApps,
    /// What is listed of this node's own publisher.
    GetOurApps,
    /// Update a package by itself from now on.
    StartAutoUpdate(PackageId),
    /// Not any more.
    StopAutoUpdate(PackageId),
    /// Forget what was listed, offered and failed, and look again. What the owner set stays.
    Reset,
    /// How updates stand.
    Updates,
    /// Look there, too: `http(s)://host[:port]/[path/]`.
    AddRegistry {
        /// Which.
        registry: String,
    },
    /// Do not look there any more.
    RemoveRegistry {
        /// Which.
        registry: String,
    },
    /// How often to look; `None` is never.
    LookEvery {
        /// Seconds, from [`EVERY_S_MIN`] to [`EVERY_S_MAX`].
        seconds: Option<u64>,
    },
    /// Look now, and answer when that is done. What failed before is tried again.
    Look,
    /// A release was installed from a registry: its updates come from there, and its version has this content.
    Remember {
        /// Where it came from, as people write it; need not be one of the node's.
        registry: String,
        /// Of which package.
        package: PackageRef,
        /// Which version.
        version: String,
        /// SHA-256 of its zip.
        sha256: Digest,
    },
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChainResponse {
    /// Answer to `GetApp`; `None` for one that is not listed.
    GetApp(Option<Box<App>>),
    /// Answer to `GetApps`, by id.
    GetApps(Vec<App>),
    /// Answer to `GetOurApps`, by id.
    GetOurApps(Vec<App>),
    /// Answer to `StartAutoUpdate`.
    AutoUpdateStarted,
    /// Answer to `StopAutoUpdate`.
    AutoUpdateStopped,
    /// Answer to `Reset`.
    ResetOk,
    /// Answer to `Updates`.
    Updates(Updates),
    /// Answer to `Look`: it is done; how it went is in `Updates`.
    Looked,
    /// Answer to the other requests of Wharf's own.
    Done,
    /// It was not done.
    Err(ChainError),
}

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum ChainError {
    /// No registry of the node lists it.
    #[error("no registry of this node is known to have the package")]
    NoPackage,
    /// Wharf's own: the sender may not.
    #[error("the sender may not ask for that")]
    NotAllowed,
    /// Wharf's own: not a request, or one with impossible values.
    #[error("the request makes no sense")]
    Malformed,
    /// Wharf's own: no more fits.
    #[error("there are too many already")]
    TooMany,
    /// Wharf's own: a look is under way; ask again when it is done.
    #[error("a look is under way")]
    Busy,
    /// Wharf's own: it could not be saved.
    #[error("it could not be saved")]
    NotSaved,
}

/// What is listed of a package, in the shape of Kinode's app store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct App {
    /// Which package.
    pub package_id: PackageId,
    /// The account of the package on the blockchain: always empty.
    pub tba: String,
    /// Where the list of its versions is.
    pub metadata_uri: String,
    /// SHA-256 of that list, 64 hex digits.
    pub metadata_hash: String,
    /// What the registry says about it.
    pub metadata: Option<AppMetadata>,
    /// Whether it is updated by itself.
    pub auto_update: bool,
}

/// What a registry says about a package: a stranger's word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppMetadata {
    /// Name for people.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Always `None`, as are the next two: registries do not have it.
    pub image: Option<String>,
    /// See `image`.
    pub external_url: Option<String>,
    /// See `image`.
    pub animation_url: Option<String>,
    /// What programs need to know.
    pub properties: AppProperties,
}

/// What programs need to know about a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppProperties {
    /// First part of the package's id.
    pub package_name: String,
    /// Second part of the package's id.
    pub publisher: String,
    /// The newest version that is not a pre-release; empty when there is none.
    pub current_version: String,
    /// Always empty: no node gives packages to others.
    pub mirrors: Vec<String>,
    /// Each version with the SHA-256 of its zip.
    pub code_hashes: Vec<(String, String)>,
    /// Always `None`, as are the next three: registries do not have it.
    pub license: Option<String>,
    /// See `license`.
    pub screenshots: Option<Vec<String>>,
    /// See `license`.
    pub wit_version: Option<u32>,
    /// See `license`.
    pub dependencies: Option<Vec<String>>,
}

/// How updates stand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Updates {
    /// The node's registries, in the order in which they are asked.
    pub registries: Vec<String>,
    /// Seconds between two looks; `None` is never.
    pub every_s: Option<u64>,
    /// Whether a look is under way.
    pub is_looking: bool,
    /// The last look since the process started.
    pub last_look: Option<LastLook>,
    /// What is known of each package, by name.
    pub packages: BTreeMap<PackageRef, Followed>,
}

/// How a look went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastLook {
    /// When it ended, in milliseconds since 1970.
    pub ended_unix_ms: u64,
    /// What went wrong, for people.
    pub problems: Vec<String>,
}

/// What is known of a package that came from a registry, or is updated from one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Followed {
    /// Whether it is updated by itself.
    pub auto_update: bool,
    /// Where its updates come from.
    pub registry: Option<String>,
    /// The content that its versions had when they were installed here. A version does not change.
    pub versions: BTreeMap<String, Digest>,
    /// A newer version that waits for the owner.
    pub offer: Option<Waiting>,
    /// A newer version that was tried in vain.
    pub failed: Option<Waiting>,
}

/// A release that was not installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Which version.
    pub version: String,
    /// SHA-256 of its zip.
    pub sha256: Digest,
    /// Why it was not, for people.
    pub reason: String,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bodies_are_those_of_the_reference() {
        let id = json!({ "package_name": "chat", "publisher_node": "alice.os" });
        for body in [
            json!({ "GetApp": id }),
            json!("GetApps"),
            json!("GetOurApps"),
            json!({ "StartAutoUpdate": id }),
            json!({ "StopAutoUpdate": id }),
            json!("Reset"),
        ] {
            let request: ChainRequest = serde_json::from_value(body.clone()).unwrap();
            assert_eq!(serde_json::to_value(request).unwrap(), body);
        }
        for (response, body) in [
            (ChainResponse::GetApp(None), json!({ "GetApp": null })),
            (ChainResponse::GetApps(Vec::new()), json!({ "GetApps": [] })),
            (ChainResponse::AutoUpdateStarted, json!("AutoUpdateStarted")),
            (ChainResponse::AutoUpdateStopped, json!("AutoUpdateStopped")),
            (ChainResponse::ResetOk, json!("ResetOk")),
            (ChainResponse::Err(ChainError::NoPackage), json!({ "Err": "NoPackage" })),
        ] {
            assert_eq!(serde_json::to_value(response).unwrap(), body);
        }
    }
}
