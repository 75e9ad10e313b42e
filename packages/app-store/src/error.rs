//! Why the app store refused or failed.

use wharf_package::release::NotThatRelease;
use wharf_package::{MetadataError, PackageError, SignatureError};
use wharf_process_lib::state::StateError;
use wharf_process_lib::{CallError, kernel, kv, sqlite, vfs};
use wharf_types::{IdError, PackageId, ProcessId};

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// No process of such a package could be created.
    #[error("`{0}` cannot be the id of a package: the name has only a-z, 0-9 and `-`, the publisher also `.`")]
    PackageId(PackageId),
    /// The package is the node's own.
    #[error("`{0}` is part of the node and cannot be installed or removed")]
    Reserved(PackageId),
    /// Only the owner may.
    #[error("{0} is for the node's owner only")]
    OwnerOnly(&'static str),
    /// Not a publisher.
    #[error("`{0}` cannot be the name of a publisher, which has only a-z, 0-9, `-` and `.`, and is not `sys`")]
    Publisher(String),
    /// Not a key.
    #[error("a public key has 64 hex digits")]
    Key,
    /// No key of this publisher is known.
    #[error("no key of {0} is known")]
    NotTrusted(String),
    /// The list of publishers is full.
    #[error("the keys of {0} publishers are known, and no more are accepted")]
    TooManyPublishers(usize),
    /// There is no sense in its signature.
    #[error("the package is refused: {0}")]
    Signature(#[from] SignatureError),
    /// Its signature is that of something else.
    #[error("the package is refused: its signature is not that of its content: it was changed after it was signed")]
    Forged,
    /// The publisher signs, and this is not signed.
    #[error(
        "the package is refused: it is not signed, and {publisher} is known to sign with the key {known}; \
         if that is no longer so, `wharf trust remove {publisher}`"
    )]
    Unsigned {
        /// Who signs.
        publisher: String,
        /// With which key.
        known: String,
    },
    /// Signed with another key.
    #[error(
        "the package is refused: it is signed with the key {found}, and the key of {publisher} is {known}; if the \
         publisher says, in a way that you trust, that the key has changed, `wharf trust add {publisher} {found}`"
    )]
    OtherKey {
        /// Whose key.
        publisher: String,
        /// The key that is known.
        known: String,
        /// The key of this package.
        found: String,
    },
    /// There is no version from before.
    #[error("there is no version of {0} from before the present one")]
    NoPrevious(PackageId),
    /// A process ended at once, and not by itself.
    #[error("{process} does not start: it {exit}")]
    DoesNotStart {
        /// Which.
        process: ProcessId,
        /// How it ended.
        exit: String,
    },
    /// Not a hash, and so perhaps a path.
    #[error("the version hash is not a SHA-256: 64 hex digits are needed")]
    Hash,
    /// No zip of this version was kept.
    #[error("no zip of {package} with hash {hash} was given to this node")]
    NotKept {
        /// The package.
        package: PackageId,
        /// The hash that was asked for.
        hash: String,
    },
    /// The zip on disk is not the one that was asked for.
    #[error("the zip of {package} has hash {actual}, not {wanted}")]
    HashMismatch {
        /// The package.
        package: PackageId,
        /// The hash that was asked for.
        wanted: String,
        /// The hash of what is there.
        actual: String,
    },
    /// The zip is not a package.
    #[error("the package is refused: {0}")]
    Package(#[from] Box<PackageError>),
    /// The metadata is not that of a package.
    #[error("the metadata is refused: {0}")]
    Metadata(#[from] MetadataError),
    /// The metadata is that of another package.
    #[error("the metadata is refused: it is that of {0}")]
    OtherPackage(PackageId),
    /// It is not the release that it was listed as.
    #[error("the package is refused: {0}")]
    Release(#[from] NotThatRelease),
    /// An id that cannot be built.
    #[error(transparent)]
    Id(#[from] IdError),
    /// A component that cannot run here.
    #[error("{wasm} cannot run on this node: {error}")]
    Component {
        /// The file in the zip.
        wasm: String,
        /// The kernel's reason.
        error: Box<kernel::Error>,
    },
    /// Nothing of the kind is installed.
    #[error("{0} is not installed")]
    NotInstalled(PackageId),
    /// The package has no API.
    #[error("{0} has no API")]
    NoApi(PackageId),
    /// The list of packages is full.
    #[error("{0} packages are installed already, and no more are accepted")]
    TooMany(usize),
    /// Too many packages have zips here and are not installed.
    #[error(
        "the zips of {0} packages that are not installed are kept already, and of no more; make room with \
         `wharf uninstall <package> --purge`"
    )]
    TooManyKept(usize),
    /// Those zips are too large, together.
    #[error(
        "the zips of packages that are not installed would take up more than {0} bytes; make room with \
         `wharf uninstall <package> --purge`"
    )]
    KeptTooLarge(u64),
    /// Its processes start faster than they are ended.
    #[error("the processes of {0} cannot be ended: new ones keep starting")]
    StillRunning(PackageId),
    /// The vfs said no, or nothing.
    #[error(transparent)]
    Vfs(#[from] vfs::Error),
    /// The kernel said no, or nothing.
    #[error(transparent)]
    Kernel(#[from] kernel::Error),
    /// kv said no, or nothing.
    #[error(transparent)]
    Kv(#[from] kv::Error),
    /// sqlite said no, or nothing.
    #[error(transparent)]
    Sqlite(#[from] sqlite::Error),
    /// The saved state of processes could not be removed.
    #[error(transparent)]
    SavedState(#[from] CallError<wharf_types::state::StateError>),
    /// The timers did not answer.
    #[error(transparent)]
    Timer(#[from] CallError<wharf_types::timer::TimerError>),
    /// The record could not be read or written.
    #[error(transparent)]
    State(#[from] StateError),
    /// The record is of a later version of the app store.
    #[error("the list of packages has version {0}, which this app store does not know")]
    RecordVersion(u32),
    /// It failed half way, and what was done was taken back.
    #[error("{error}; {undone}")]
    TakenBack {
        /// Why it failed.
        error: Box<StoreError>,
        /// What was put in its place.
        undone: Undone,
    },
    /// It failed half way, and so did taking it back.
    #[error("{error}; and taking it back failed: {undo_error}")]
    NotTakenBack {
        /// Why it failed.
        error: Box<StoreError>,
        /// Why taking it back failed.
        undo_error: Box<StoreError>,
    },
}

impl From<PackageError> for StoreError {
    fn from(error: PackageError) -> Self {
        Self::Package(Box::new(error))
    }
}

/// What is in place after an install was taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Undone {
    /// Nothing, as before.
    #[error("everything it did was taken back")]
    Removed,
    /// The version from before.
    #[error("the version that was installed before is back")]
    Restored,
    /// Nothing: of the version from before there is no zip, or none that can be told to be it.
    #[error("the version that was installed before is gone too: its zip is lost, or was changed")]
    Lost,
}
