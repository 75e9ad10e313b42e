//! Makes a new `kernel.db` and checks an old one, before SQLite may touch it.
//!
//! A new database is built under another name and renamed when it is complete and on disk. So a file called
//! `kernel.db` is always a whole one, and an empty or cut one is damage, never a fresh start that would quietly forget
//! everything.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use crate::error::OpenError;
use crate::log::{self, Log};
use crate::migrate::OLDEST_VERSION;
use crate::schema::{APPLICATION_ID, FORMAT_VERSION, TABLES};

/// Only the node's user reads it: it says who may do what. SQLite gives its -wal and -shm files the same mode.
const MODE: u32 = 0o600;

/// Never creates, never follows a URI; one thread owns the connection, so SQLite's own mutex is not needed.
pub(crate) fn flags() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

/// Makes the database when there is none, and refuses a file that does not begin as a kernel database of a known version.
/// Returns what is beside it.
pub(crate) fn prepare(path: &Path) -> Result<Log, OpenError> {
    let io = |action| move |source| OpenError::Io { action, path: path.to_owned(), source };
    match File::open(path) {
        Ok(file) => check(path, file)?,
        Err(error) if error.kind() == ErrorKind::NotFound => create(path)?,
        Err(error) => return Err(io("opening")(error)),
    }
    log::inspect(&beside(path, "-wal")).map_err(io("reading the -wal file of"))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

fn check(path: &Path, mut file: File) -> Result<(), OpenError> {
    const MAGIC: &[u8; 16] = b"SQLite format 3\0";
    let io = |source| OpenError::Io { action: "reading", path: path.to_owned(), source };
    let damaged = |what: &str| OpenError::Damaged { path: path.to_owned(), what: what.to_owned() };
    let metadata = file.metadata().map_err(io)?;
    if !metadata.is_file() {
        return Err(damaged("it is not a file"));
    }
    // The first bytes of every SQLite file: the magic, the format version at 60, the application id at 68.
    let mut header = [0; 72];
    match file.read_exact(&mut header) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Err(damaged("it is cut short")),
        Err(error) => return Err(io(error)),
    }
    if !header.starts_with(MAGIC) {
        return Err(damaged("it does not begin as an SQLite database"));
    }
    let number = |at: usize| header.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_be_bytes);
    let (version, application) = (number(60), number(68));
    if application != APPLICATION_ID {
        return Err(OpenError::Foreign { path: path.to_owned(), found: application, needed: APPLICATION_ID });
    }
    if !(OLDEST_VERSION..=FORMAT_VERSION).contains(&version) {
        return Err(OpenError::Version { path: path.to_owned(), found: version, needed: FORMAT_VERSION });
    }
    // A backup that was copied back with the modes of a copy.
    if metadata.permissions().mode() & 0o077 != 0 {
        file.set_permissions(std::fs::Permissions::from_mode(MODE)).map_err(io)?;
    }
    Ok(())
}

fn create(path: &Path) -> Result<(), OpenError> {
    let io = |action| move |source| OpenError::Io { action, path: path.to_owned(), source };
    // SQLite would replay such a log into the new file. It is also the only place of changes that were acknowledged.
    if beside(path, "-wal").exists() {
        let what = "the file is missing, but its -wal file is there".to_owned();
        return Err(OpenError::Damaged { path: path.to_owned(), what });
    }
    let draft = beside(path, ".new");
    match std::fs::remove_file(&draft) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(io("removing an unfinished draft of")(error)),
        _ => {}
    }
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(MODE).open(&draft);
    let file = file.map_err(io("creating"))?;
    write_tables(&draft).map_err(|error| OpenError::Database { path: path.to_owned(), reason: error.to_string() })?;
    file.sync_all().map_err(io("syncing"))?;
    std::fs::rename(&draft, path).map_err(io("putting in place"))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io("syncing the folder of"))
}

fn write_tables(draft: &Path) -> rusqlite::Result<()> {
    let connection = Connection::open_with_flags(draft, flags())?;
    // No journal beside the draft: a crash leaves nothing that could be replayed into the next draft.
    connection.execute_batch("PRAGMA journal_mode = MEMORY; BEGIN;")?;
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.pragma_update(None, "user_version", FORMAT_VERSION)?;
    connection.execute_batch(&TABLES.concat())?;
    connection.execute_batch("COMMIT;")?;
    connection.close().map_err(|(_, error)| error)
}
