//! The tables of `kernel.db`, and what marks a file as one.
//!
//! Any change here, and any change of the normal form of capability params, is a new [`FORMAT_VERSION`], and a step in
//! `migrate`.

use crate::migrate_seals::BROKEN_PROCESSES_3;

/// `WHRF`: marks an SQLite file as a kernel database.
pub(crate) const APPLICATION_ID: u32 = 0x5748_5246;

/// Version of everything below.
pub(crate) const FORMAT_VERSION: u32 = 4;

/// A single change is a single row, so that its cost does not grow with what is stored beside it.
///
/// `process.component` is the hash of the component it was created with, `process.parent` the process that started it. `capability.params_key` is the normal form that two equal capabilities share, `params` the text its issuer signed.
/// `origin` is how the first holder came by it; `path` has the addresses of the first holder and of all after it down to
/// who gave it to the present one, with a blank between two. Holders may be modules, which have no row in `process`; saved state outlives its process. So no table refers to
/// another. `seal` is made of all values before it. `log` has one row: whether the database is incomplete without its
/// log, so that a log that went missing is noticed.
pub(crate) const TABLES: [&str; 2] = [PROCESS_TABLE, OTHER_TABLES];

pub(crate) const PROCESS_TABLE: &str = "
CREATE TABLE process (
    id                TEXT    NOT NULL PRIMARY KEY,
    wasm_bytes_handle TEXT    NOT NULL,
    component         BLOB    CHECK (length(component) = 32),
    wit_version       INTEGER,
    public            INTEGER NOT NULL CHECK (public IN (0, 1)),
    on_exit           BLOB    NOT NULL,
    parent            TEXT,
    seal              BLOB    NOT NULL
) STRICT;
";

/// All but that of processes.
pub(crate) const OTHER_TABLES: &str = "
CREATE TABLE capability (
    holder     TEXT NOT NULL,
    issuer     TEXT NOT NULL,
    params_key TEXT NOT NULL,
    params     TEXT NOT NULL,
    signature  BLOB NOT NULL CHECK (length(signature) = 64),
    origin     TEXT NOT NULL CHECK (origin IN ('issued', 'granted')),
    path       TEXT NOT NULL,
    seal       BLOB NOT NULL,
    PRIMARY KEY (holder, issuer, params_key)
) STRICT;

CREATE TABLE state (
    process TEXT NOT NULL PRIMARY KEY,
    bytes   BLOB NOT NULL,
    seal    BLOB NOT NULL
) STRICT;

CREATE TABLE log (
    is_needed INTEGER NOT NULL CHECK (is_needed IN (0, 1))
) STRICT;
INSERT INTO log VALUES (0);
";

/// The first version whose rows have seals, and which records that its log is needed.
pub(crate) const SEALED_SINCE: u32 = 3;

/// For each sealed table of a version from [`SEALED_SINCE`] on, rows that are not what was written. A name for people
/// comes first.
pub(crate) fn broken_seals(version: u32) -> [&'static str; 3] {
    let of_processes = if version == FORMAT_VERSION { BROKEN_PROCESSES } else { BROKEN_PROCESSES_3 };
    [of_processes, BROKEN_CAPABILITIES, BROKEN_STATES]
}

const BROKEN_PROCESSES: &str = "SELECT 'process `' || id || '`' FROM process
     WHERE seal IS NOT seal('process', id, wasm_bytes_handle, component, wit_version, public, on_exit, parent)";
const BROKEN_CAPABILITIES: &str =
    "SELECT 'capability ' || params_key || ' from `' || issuer || '` held by `' || holder || '`' FROM capability
     WHERE seal IS NOT seal('capability', holder, issuer, params_key, params, signature, origin, path)";
const BROKEN_STATES: &str =
    "SELECT 'the state of `' || process || '`' FROM state WHERE seal IS NOT seal('state', process, bytes)";
