//! What a package's author does: begin one, and make of its folder the zip that a node installs.
//!
//! ```text
//! <package>/
//!   metadata.json        what it is called, by whom
//!   pkg/manifest.json    its processes and what they ask for
//!   pkg/…                whatever else goes into the zip as it is
//!   api/*.wit            its interfaces, if it has any
//!   Cargo.toml, src/     its process, in Rust; with several, a folder or a workspace member for each
//!   target/              what was built, with the zip
//! ```

pub(crate) mod rust;
pub(crate) mod template;
