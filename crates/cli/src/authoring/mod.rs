//! What a package's author does: begin one, and make of its folder the zip that a node installs.
//!
//! ```text
//! <package>/
//!   metadata.json        what it is called, by whom
//!   pkg/manifest.json    its processes and what they ask for
//!   pkg/…                whatever else goes into the zip as it is
//!   api/*.wit            its interfaces, if it has any
//!   <code>               its process; with several, a folder for each, or a workspace of cargo
//!   ui/package.json      its user interface, if that has to be built
//!   target/              what was built, with the zip
//! ```
//!
//! Code is what one of these files says: `Cargo.toml` (Rust), `package.json` (JavaScript), `pyproject.toml` (Python), or else
//! `src/*.c` (C).

mod c;
pub(crate) mod code;
pub(crate) mod inputs;
mod javascript;
mod progress;
mod python;
mod rust;
pub(crate) mod template;
mod tool;
pub(crate) mod ui;
mod wit;
