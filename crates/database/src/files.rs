//! Databases on disk: `<root>/<package>:<publisher>/<db>/<db>.db`.
//!
//! A new database is built under another name and renamed when it is complete. So what is called `<db>.db` is always a
//! whole one, and an empty or cut one is damage, never a fresh start that would quietly forget everything.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::{Connection, OpenFlags};
use wharf_types::PackageId;
use wharf_types::database::Durability;

use crate::error::DatabaseError;
use crate::name::DatabaseId;

/// Only the node's user reads what packages keep. SQLite gives its -wal and -shm files the mode of the database.
const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

/// Begins the names of folders that are being removed. No package is called so: they all have a `:`.
const REMOVED: &str = ".removed-";

/// The first bytes of every SQLite file.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// What a module's files are.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// The upper three bytes of SQLite's `application_id`; the lowest is the durability, 0 for `process`, 1 for `power`.
    pub application_id: i32,
    /// Format of the tables, in SQLite's `user_version`. `None` where guests make the tables; there, files of SQLite that
    /// name no application are taken, too.
    pub format: Option<i32>,
    /// Makes the tables.
    pub tables: &'static str,
}

impl Kind {
    /// The `application_id` of a database.
    pub(crate) fn mark(self, durability: Durability) -> i32 {
        self.application_id | i32::from(durability == Durability::Power)
    }

    fn durability(self, mark: i32) -> Option<Durability> {
        match mark {
            mark if mark == self.mark(Durability::Process) => Some(Durability::Process),
            mark if mark == self.mark(Durability::Power) => Some(Durability::Power),
            0 if self.format.is_none() => Some(Durability::Process),
            _ => None,
        }
    }
}

/// The folder of one module's databases.
#[derive(Debug)]
pub(crate) struct Files {
    root: PathBuf,
    kind: Kind,
    removed: AtomicU64,
}

impl Files {
    /// Opens the folder, and makes it if there is none. What an earlier daemon did not finish removing is removed.
    pub(crate) fn open(root: PathBuf, kind: Kind) -> Result<Self, DatabaseError> {
        make_folder(&root)?;
        let entries = fs::read_dir(&root).map_err(DatabaseError::io("listing", &root))?;
        for entry in entries.flatten() {
            if entry.file_name().to_string_lossy().starts_with(REMOVED) {
                drop(fs::remove_dir_all(entry.path()));
            } else {
                // Succeeds for an empty folder only: of a package whose last database was removed, and not the folder.
                drop(fs::remove_dir(entry.path()));
            }
        }
        Ok(Self { root, kind, removed: AtomicU64::new(0) })
    }

    fn package(&self, package: &PackageId) -> PathBuf {
        self.root.join(package.to_string())
    }

    fn folder(&self, id: &DatabaseId) -> PathBuf {
        self.package(id.package()).join(id.name())
    }

    /// The database file.
    pub(crate) fn file(&self, id: &DatabaseId) -> PathBuf {
        self.folder(id).join(format!("{}.db", id.name()))
    }

    /// Makes a database. It has to be missing.
    pub(crate) fn create(
        &self,
        id: &DatabaseId,
        durability: Durability,
        package_max: usize,
    ) -> Result<(), DatabaseError> {
        let (folder, path) = (self.folder(id), self.file(id));
        if path.with_extension("db-wal").exists() {
            return Err(DatabaseError::Damaged("the file is missing, but its -wal file is there".to_owned()));
        }
        if !folder.exists() && self.count(id.package()) >= package_max {
            return Err(DatabaseError::Limit {
                what: "the package has too many databases",
                max: u64::try_from(package_max).unwrap_or(u64::MAX),
            });
        }
        make_folder(&folder)?;
        let draft = path.with_extension("db.new");
        match fs::remove_file(&draft) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(DatabaseError::io("removing an unfinished draft at", &draft)(error));
            }
            _ => {}
        }
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(FILE_MODE).open(&draft);
        let file = file.map_err(DatabaseError::io("creating", &draft))?;
        self.write_tables(&draft, durability)?;
        file.sync_all().map_err(DatabaseError::io("syncing", &draft))?;
        fs::rename(&draft, &path).map_err(DatabaseError::io("putting in place", &path))?;
        for changed in [&folder, &self.package(id.package()), &self.root] {
            sync_folder(changed)?;
        }
        Ok(())
    }

    fn write_tables(&self, draft: &Path, durability: Durability) -> Result<(), DatabaseError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(draft, flags)?;
        // No journal beside the draft: a crash leaves nothing that could be replayed into the next one.
        connection.execute_batch("PRAGMA journal_mode = MEMORY; BEGIN;")?;
        connection.pragma_update(None, "application_id", self.kind.mark(durability))?;
        connection.pragma_update(None, "user_version", self.kind.format.unwrap_or_default())?;
        connection.execute_batch(self.kind.tables)?;
        connection.execute_batch("COMMIT;")?;
        connection.close().map_err(|(_, error)| error.into())
    }

    /// Looks whether the database is one of this kind, before SQLite may touch it.
    pub(crate) fn check(&self, id: &DatabaseId) -> Result<Durability, DatabaseError> {
        let path = self.file(id);
        let damaged = |what: String| DatabaseError::Damaged(what);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(DatabaseError::Missing(id.clone())),
            Err(error) => return Err(DatabaseError::io("opening", &path)(error)),
        };
        let mut header = [0; 72];
        match file.read_exact(&mut header) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                return Err(damaged("it is cut short".to_owned()));
            }
            Err(error) => return Err(DatabaseError::io("reading", &path)(error)),
        }
        if !header.starts_with(MAGIC) {
            return Err(damaged("it does not begin as an SQLite database".to_owned()));
        }
        let number = |at: usize| header.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, i32::from_be_bytes);
        let (version, mark) = (number(60), number(68));
        let durability = self.kind.durability(mark);
        let durability = durability.ok_or_else(|| damaged(format!("it is of another application, {mark:#010x}")))?;
        match self.kind.format {
            Some(known) if version != known => {
                Err(damaged(format!("it has format {version}, this daemon knows format {known}")))
            }
            _ => Ok(durability),
        }
    }

    /// Removes a database with all in it. It vanishes at once, whatever the time that removing takes.
    pub(crate) fn remove(&self, id: &DatabaseId) -> Result<(), DatabaseError> {
        let folder = self.folder(id);
        let doomed = self.root.join(format!("{REMOVED}{}", self.removed.fetch_add(1, Ordering::Relaxed)));
        match fs::rename(&folder, &doomed) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(DatabaseError::Missing(id.clone())),
            done => done.map_err(DatabaseError::io("removing", &folder))?,
        }
        sync_folder(&self.package(id.package()))?;
        // What is left of it goes at the next start.
        drop(fs::remove_dir_all(&doomed));
        // Succeeds for the last database only.
        drop(fs::remove_dir(self.package(id.package())));
        Ok(())
    }

    /// The databases of a package, by name.
    pub(crate) fn of_package(&self, package: &PackageId) -> Result<Vec<DatabaseId>, DatabaseError> {
        let folder = self.package(package);
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(DatabaseError::io("listing", &folder))?,
        };
        let id = |entry: fs::DirEntry| DatabaseId::new(package, entry.file_name().to_str()?).ok();
        let mut found: Vec<_> = entries.flatten().filter_map(id).collect();
        found.sort();
        Ok(found)
    }

    /// Databases of a package.
    fn count(&self, package: &PackageId) -> usize {
        fs::read_dir(self.package(package)).map_or(0, Iterator::count)
    }
}

fn make_folder(path: &Path) -> Result<(), DatabaseError> {
    let made = DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path);
    made.map_err(DatabaseError::io("making the folder", path))
}

fn sync_folder(path: &Path) -> Result<(), DatabaseError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(DatabaseError::io("syncing the folder", path))
}
