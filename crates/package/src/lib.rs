//! The package format: reading it without trusting it, checking it, and writing it.
//!
//! A package is a zip with a [`manifest.json`](Manifest) that lists its processes, one WebAssembly component for each
//! of them, and optionally [`metadata.json`](Metadata), [`scripts.json`](Scripts), an `api.zip` and web pages.
//! Packages come from strangers. Everything here that reads one returns a typed error for whatever is wrong with it,
//! and holds no more memory than [`ArchiveLimits`] allows.
//!
//! The crate compiles for the host and for guests: the app store is itself a guest. The feature `componentize` adds
//! what only build tools on the host need.
//!
//! | module | what it knows |
//! |---|---|
//! | [`archive`] | reading a zip safely |
//! | [`name`] | which names an entry may have |
//! | [`manifest`], [`scripts`], [`metadata`] | the JSON files in it |
//! | [`describe`] | what a package asks for, in plain words and as data |
//! | [`wasm`] | component, core module, or neither |
//! | [`package`] | all checks together |
//! | [`plan`](mod@plan), [`plan_script`](mod@plan_script) | what the kernel is told about each process, and each script |
//! | [`signature`], [`trust`] | the publisher's signature in a zip, and whose is needed |
//! | [`difference`], [`release`] | what an upgrade would add, and whether a zip is the release that was wanted |
//! | [`pack`] | writing a reproducible zip |

pub mod archive;
#[cfg(feature = "componentize")]
pub mod assemble;
mod capability;
#[cfg(feature = "componentize")]
pub mod componentize;
pub mod describe;
pub mod difference;
mod end_record;
pub mod error;
#[cfg(feature = "componentize")]
pub mod export;
mod fields;
mod locate;
pub mod manifest;
pub mod metadata;
pub mod name;
pub mod pack;
pub mod package;
pub mod plan;
pub mod plan_script;
pub mod release;
pub mod scripts;
pub mod signature;
pub mod trust;
mod version;
pub mod wasm;

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod test_zip;

pub use archive::{Archive, ArchiveLimits, Entry, EntryKind};
#[cfg(feature = "componentize")]
pub use assemble::{AssembleError, Assembled, Ingredients, assemble};
pub use capability::CapabilityEntry;
#[cfg(feature = "componentize")]
pub use componentize::{ComponentizeError, componentize};
pub use difference::{Difference, Held};
pub use error::{ArchiveError, ManifestError, MetadataError, PackageError, SignatureError};
#[cfg(feature = "componentize")]
pub use export::{RenameError, rename_export};
pub use manifest::{Manifest, ManifestEntry};
pub use metadata::{Metadata, Properties, package_id_from_file_name};
pub use name::NameProblem;
pub use pack::{PackError, zip_dir};
pub use package::Package;
pub use plan::{PlannedProcess, plan};
pub use plan_script::{PlannedScript, plan_script};
pub use scripts::{Script, Scripts};
pub use signature::{PackageSignature, Unsigned};
pub use wasm::WasmKind;
