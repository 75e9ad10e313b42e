//! The files of a package's folder that its build may depend on.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use ring::digest::{Digest, SHA256, digest};

use crate::authoring::ui;
use crate::errors::{CliError, CliResult};

/// Folders whose files are made by tools, not by the author.
const MADE: [&str; 7] = [".git", ".hg", ".jj", ".venv", "__pycache__", "node_modules", "target"];

/// Files that builds write beside the sources, where authors may change them too.
const LOCKS: [&str; 3] = ["Cargo.lock", "package-lock.json", "uv.lock"];

/// Most files that are watched. A folder with more is not a package's.
const FILES_MAX: usize = 20_000;

/// Larger files are known by size and time.
const HASHED_BYTES_MAX: u64 = 1024 * 1024;

/// What is in a folder.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// Every folder, the outermost too.
    pub(crate) folders: BTreeSet<PathBuf>,
    files: BTreeMap<PathBuf, Contents>,
}

/// What tells one version of a file from another.
#[derive(Debug)]
enum Contents {
    Hash(Digest),
    Large { bytes: u64, modified: Option<SystemTime> },
}

impl PartialEq for Contents {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Hash(a), Self::Hash(b)) => a.as_ref() == b.as_ref(),
            (Self::Large { bytes: a, modified: b }, Self::Large { bytes: c, modified: d }) => (a, b) == (c, d),
            _ => false,
        }
    }
}

impl Tree {
    /// Reads it. What vanishes meanwhile was not there.
    pub(crate) fn read(root: &Path) -> CliResult<Self> {
        let mut tree = Self::default();
        let built = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
        let mut open = vec![root.to_owned()];
        while let Some(folder) = open.pop() {
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound && folder != root => continue,
                Err(error) => return Err(CliError::file("read the folder", &folder, &error)),
            };
            for entry in entries.filter_map(Result::ok) {
                let path = entry.path();
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() && !is_made(&entry) && built.as_ref() != Some(&path) => open.push(path),
                    Ok(kind) if kind.is_file() && !is_scratch(&entry) => tree.add(path)?,
                    // Links are not followed: what is behind them may be anything.
                    _ => {}
                }
            }
            tree.folders.insert(folder);
        }
        Ok(tree)
    }

    fn add(&mut self, path: PathBuf) -> CliResult<()> {
        if self.files.len() >= FILES_MAX {
            return Err(CliError::bad_input(format_args!("there are more than {FILES_MAX} files, too many to watch"))
                .hint("name the package's own folder"));
        }
        let Ok(metadata) = fs::metadata(&path) else { return Ok(()) };
        let contents = if metadata.len() > HASHED_BYTES_MAX {
            Contents::Large { bytes: metadata.len(), modified: metadata.modified().ok() }
        } else {
            let Ok(bytes) = fs::read(&path) else { return Ok(()) };
            Contents::Hash(digest(&SHA256, &bytes))
        };
        self.files.insert(path, contents);
        Ok(())
    }

    /// Has the lock files of `now`, and otherwise what it had.
    pub(crate) fn take_locks(&mut self, now: Self) {
        let is_lock = |path: &Path| path.file_name().is_some_and(|name| LOCKS.iter().any(|lock| name == *lock));
        self.files.retain(|path, _| !is_lock(path));
        self.files.extend(now.files.into_iter().filter(|(path, _)| is_lock(path)));
    }

    /// A file that is in one of them only, or not the same in both.
    pub(crate) fn differs(&self, other: &Self) -> Option<PathBuf> {
        let differs = |(path, contents): &(&PathBuf, &Contents)| other.files.get(*path) != Some(*contents);
        let changed = self.files.iter().find(differs).map(|(path, _)| path);
        changed.or_else(|| other.files.keys().find(|path| !self.files.contains_key(*path))).cloned()
    }
}

fn is_made(folder: &DirEntry) -> bool {
    let name = folder.file_name();
    let is_of_ui = || folder.path().parent().is_some_and(|parent| parent.ends_with("ui"));
    MADE.iter().any(|made| name == *made) || (is_of_ui() && ui::RESULTS.iter().any(|made| name == *made))
}

/// What editors leave for a moment.
fn is_scratch(file: &DirEntry) -> bool {
    let name = file.file_name();
    let name = name.to_string_lossy();
    name.ends_with('~') || name.ends_with(".swp") || name.ends_with(".swx") || name.starts_with(".#") || name == "4913"
}
