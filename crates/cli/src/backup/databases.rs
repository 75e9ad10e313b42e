//! The databases of packages in a home.

use std::fs;
use std::path::{Path, PathBuf};

use wharf_home::Home;
use wharf_types::PackageId;

use super::ArchiveError;

/// Which module a database belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Module {
    /// `kv:distro:sys`
    Kv,
    /// `sqlite:distro:sys`
    Sqlite,
}

impl Module {
    /// Name of the module, of its folder in a home, and of that in an archive.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kv => "kv",
            Self::Sqlite => "sqlite",
        }
    }
}

/// A database of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Database {
    pub(crate) module: Module,
    pub(crate) package: PackageId,
    pub(crate) db: String,
}

impl Database {
    /// Where its file is, in a home and in an archive.
    pub(crate) fn path(&self) -> String {
        format!("{}/{}/{}/{}.db", self.module.name(), self.package, self.db, self.db)
    }
}

/// The node's copy of a database, which is removed when it has been read.
pub(crate) struct Copied(pub(crate) PathBuf);

impl Drop for Copied {
    fn drop(&mut self) {
        // The node removes what is left here after a while.
        drop(fs::remove_file(&self.0));
    }
}

/// What came of asking the node for a copy.
pub(crate) enum Copying {
    /// It made one.
    Made(Copied),
    /// The database was removed meanwhile.
    Gone,
    /// It cannot be copied, and why: it is damaged.
    Refused(String),
}

/// Every database in a home, by name.
pub(crate) fn all(home: &Home) -> Result<Vec<Database>, ArchiveError> {
    let mut databases = Vec::new();
    for (module, root) in [(Module::Kv, home.kv()), (Module::Sqlite, home.sqlite())] {
        for package in names(&root)? {
            // What else may be there is being removed.
            let Ok(id) = package.parse::<PackageId>() else { continue };
            for db in names(&root.join(&package))? {
                databases.push(Database { module, package: id.clone(), db });
            }
        }
    }
    Ok(databases)
}

/// The names in a folder, in order.
fn names(folder: &Path) -> Result<Vec<String>, ArchiveError> {
    let listing = "listing";
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(ArchiveError::io(listing, folder.display())(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(ArchiveError::io(listing, folder.display()))?;
        let name = entry.file_name().into_string();
        names.push(name.map_err(|_| ArchiveError::Name(entry.path().display().to_string()))?);
    }
    names.sort();
    Ok(names)
}
