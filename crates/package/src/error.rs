//! What can be wrong with a package.

use wharf_types::IdError;

use crate::name::NameProblem;
use crate::wasm::WasmKind;

/// Why a zip, or an entry of it, cannot be read. The name of an entry is shown escaped: it is a stranger's text.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// There is no end record.
    #[error("this is not a zip file")]
    NotAZip,
    /// A zip of a form that packages never have.
    #[error("this zip is refused: {0}")]
    Malformed(&'static str),
    /// The zip library cannot read its directory.
    #[error("the directory of this zip cannot be read: {0}")]
    Directory(#[source] zip::result::ZipError),
    /// More entries than allowed.
    #[error("this zip has {count} entries; at most {max} are accepted")]
    TooManyEntries {
        /// How many it has.
        count: usize,
        /// How many are allowed.
        max: usize,
    },
    /// An entry has a name that is not a plain relative path.
    #[error("the entry name {name:?} is refused: {problem}")]
    Name {
        /// The name, with bytes that are not text replaced.
        name: String,
        /// What is wrong with it.
        problem: NameProblem,
    },
    /// A symbolic link, a device, or a folder that claims to be a file.
    #[error("the entry {name:?} is refused: it is {what}, and only plain files and folders are accepted")]
    Special {
        /// The entry.
        name: String,
        /// What it is.
        what: &'static str,
    },
    /// Two entries want the same place.
    #[error("the entry {name:?} is refused: {reason}")]
    Collision {
        /// The entry.
        name: String,
        /// How it collides.
        reason: &'static str,
    },
    /// An entry says it is larger than allowed.
    #[error("the entry {name:?} is {size} bytes when unpacked; at most {max} are accepted")]
    EntryTooBig {
        /// The entry.
        name: String,
        /// Its size.
        size: u64,
        /// The limit.
        max: u64,
    },
    /// All entries together say they are larger than allowed.
    #[error("this zip is more than {max} bytes when unpacked")]
    TooBig {
        /// The limit.
        max: u64,
    },
    /// An entry holds more or less than it claims: damaged, or a zip bomb.
    #[error("the entry {name:?} does not have the {claimed} bytes that the directory claims")]
    SizeMismatch {
        /// The entry.
        name: String,
        /// What the directory says.
        claimed: u64,
    },
    /// The way an entry is stored is not supported.
    #[error("the entry {name:?} is refused: it is {what}; packages are plain or deflated")]
    Method {
        /// The entry.
        name: String,
        /// How it is stored.
        what: String,
    },
    /// There is no such file.
    #[error("there is no file {name:?} in this zip")]
    Missing {
        /// What was looked for.
        name: String,
    },
    /// The data of an entry cannot be read.
    #[error("the entry {name:?} is damaged: {reason}")]
    Damaged {
        /// The entry.
        name: String,
        /// What the reader said.
        reason: String,
    },
}

/// Why `manifest.json` or `scripts.json` is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Larger than any honest one.
    #[error("{file} is {size} bytes; at most {max} are accepted")]
    TooBig {
        /// Which file.
        file: &'static str,
        /// Its size.
        size: usize,
        /// The limit.
        max: usize,
    },
    /// Not JSON at all.
    #[error("{file} is not JSON: {reason}")]
    NotJson {
        /// Which file.
        file: &'static str,
        /// What the parser said.
        reason: String,
    },
    /// JSON of another shape.
    #[error("{file} is not {expected}")]
    Shape {
        /// Which file.
        file: &'static str,
        /// What it has to be.
        expected: &'static str,
    },
    /// More entries than allowed.
    #[error("{file} has {count} entries; at most {max} are accepted")]
    TooMany {
        /// Which file.
        file: &'static str,
        /// How many.
        count: usize,
        /// The limit.
        max: usize,
    },
    /// One field of one entry.
    #[error("{file}, {entry}: `{field}` {reason}{}", on_line(*.line))]
    Field {
        /// Which file.
        file: &'static str,
        /// Which entry, by place and name.
        entry: String,
        /// Which field.
        field: String,
        /// What is wrong with it.
        reason: String,
        /// The line of the field, or of the entry where the field is not there; `None` as long as that is not known.
        line: Option<usize>,
    },
}

fn on_line(line: Option<usize>) -> String {
    line.map(|line| format!(" (line {line})")).unwrap_or_default()
}

/// Why `metadata.json` is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// It does not have the shape.
    #[error("metadata.json cannot be read: {0}")]
    Parse(String),
    /// The package it names cannot exist.
    #[error("metadata.json: `properties.package_name` and `properties.publisher` do not make a package id: {0}")]
    Id(#[from] IdError),
    /// The names parse, but nothing with them may be created.
    #[error(
        "metadata.json: `{package}` cannot be a package id: \
         the name has only a-z, 0-9 and `-`, the publisher also `.`"
    )]
    NotCreatable {
        /// The id.
        package: String,
    },
    /// A zip that is not named after its package.
    #[error("`{file}` does not name a package: the form is `<package>:<publisher>.zip`")]
    FileName {
        /// The name of the file.
        file: String,
    },
}

/// Why a zip has no signature that could be verified, or cannot get one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// It has no end.
    #[error("this is not a zip file")]
    NotAZip,
    /// It begins as a signature.
    #[error("its signature is damaged")]
    Malformed,
    /// Made by a later version.
    #[error("its signature is of version {version:?}, which is not known here")]
    Version {
        /// Which, cut.
        version: String,
    },
    /// The place for the signature is taken.
    #[error("this zip has a comment of its own, where the signature would be: pack it again without")]
    Comment,
}

/// Why a package is refused.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// The zip.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// There is no manifest at the root.
    #[error("this zip is not a package: it has no manifest.json at its root")]
    NoManifest,
    /// The manifest or the scripts.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The metadata.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// A file that the manifest names is not there.
    #[error("{owner} needs `{wasm}`, and the package has no such file")]
    WasmMissing {
        /// The process or script.
        owner: String,
        /// The file.
        wasm: String,
    },
    /// A file that the manifest names is not a component.
    #[error("{owner}: `{wasm}` is {found}, and a WebAssembly component is needed{hint}", hint = .found.hint())]
    NotAComponent {
        /// The process or script.
        owner: String,
        /// The file.
        wasm: String,
        /// What it is.
        found: WasmKind,
    },
}
