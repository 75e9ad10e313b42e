//! Registries: places that packages are published to and installed from.
//!
//! This is the source of truth of the format; `docs/registries.md` tells it to people. A package in a registry is
//! `publisher/name` ([`PackageRef`]), and has releases: one zip for each version of [semantic versioning], which is known by
//! its SHA-256 ([`Digest`]) and never changes.
//!
//! # A folder, and a web server with its files
//!
//! ```text
//! <registry>/
//!   registry.json                              which packages there are ([`Catalogue`])
//!   packages/<publisher>/<name>/index.json     their releases ([`Index`])
//!   packages/<publisher>/<name>/<sha256>.zip   their zips
//!   .lock                                      held by whoever publishes
//! ```
//!
//! Any web server that serves such a folder is a registry, too. A release is published by writing its zip, then the index,
//! then the catalogue, each at once, so that whatever is listed is there.
//!
//! # An OCI registry
//!
//! The package is the repository `<prefix>/<publisher>/<name>`, a version is a tag (`+` is written `_`, which no version has), and
//! what it names is an image manifest with an artifact type of ours and the zip as its only layer. See [`client`]'s `oci`.
//!
//! # Trust
//!
//! All that comes from a registry is a stranger's. Sizes and times have bounds ([`Limits`]), names become paths and URLs
//! only after they are known to be plain, and a zip is handed on only if it has the digest that was listed. Whether that is
//! the digest that it had before, and whose signature is needed, is for whoever asks here.
//!
//! [semantic versioning]: https://semver.org

pub mod chain;
#[cfg(feature = "client")]
pub mod client;
mod digest;
mod index;
mod limits;
mod reference;

pub use digest::{Digest, NotADigest};
pub use index::{Catalogue, FormatError, Index, Release};
pub use limits::Limits;
pub use reference::{PackageRef, Reference, ReferenceError, newest};
pub use semver::Version;
