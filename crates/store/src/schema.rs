//! The tables of `kernel.db`, and what marks a file as one.
//!
//! Any change here, and any change of the normal form of capability params, is a new [`FORMAT_VERSION`].

/// `WHRF`: marks an SQLite file as a kernel database.
pub(crate) const APPLICATION_ID: u32 = 0x5748_5246;

/// Version of everything below.
pub(crate) const FORMAT_VERSION: u32 = 1;

/// A single change is a single row, so that its cost does not grow with what is stored beside it.
///
/// `capability.params_key` is the normal form that two equal capabilities share, `params` the text its issuer signed.
/// Holders may be modules, which have no row in `process`; saved state outlives its process. So no table refers to
/// another.
pub(crate) const TABLES: &str = "
CREATE TABLE process (
    id                TEXT    NOT NULL PRIMARY KEY,
    wasm_bytes_handle TEXT    NOT NULL,
    wit_version       INTEGER,
    public            INTEGER NOT NULL CHECK (public IN (0, 1)),
    on_exit           BLOB    NOT NULL
) STRICT;

CREATE TABLE capability (
    holder      TEXT NOT NULL,
    issuer      TEXT NOT NULL,
    params_key  TEXT NOT NULL,
    params      TEXT NOT NULL,
    signature   BLOB NOT NULL CHECK (length(signature) = 64),
    origin      TEXT NOT NULL CHECK (origin IN ('issued', 'granted', 'received')),
    origin_from TEXT CHECK ((origin = 'received') = (origin_from IS NOT NULL)),
    PRIMARY KEY (holder, issuer, params_key)
) STRICT;

CREATE TABLE state (
    process TEXT NOT NULL PRIMARY KEY,
    bytes   BLOB NOT NULL
) STRICT;
";
