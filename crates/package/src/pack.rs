//! Writing a zip that is the same for the same contents, wherever and whenever it is made.
//!
//! Entries are sorted by name, so a folder comes before what it holds; every folder has an entry of its own, the root
//! has none; times, permissions and the compression level are fixed.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use zip::write::{SimpleFileOptions, ZipWriter};

use crate::archive::ArchiveLimits;
use crate::name::{self, NameProblem};

/// Why a zip cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// A file or folder cannot be read.
    #[error("cannot read {path}: {source}", path = .path.display())]
    Read {
        /// What.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A symbolic link, a device, or anything else that is neither file nor folder.
    #[error("{path} is {what}: a package holds only plain files and folders", path = .path.display())]
    Special {
        /// Where.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// A name that no package may have.
    #[error("{name:?} cannot be packed: {problem}")]
    Name {
        /// The name in the zip.
        name: String,
        /// What is wrong with it.
        problem: NameProblem,
    },
    /// Two files want the same place.
    #[error("{name:?} cannot be packed: it is both a file and a folder")]
    Collision {
        /// The name in the zip.
        name: String,
    },
    /// More than anyone would accept.
    #[error("{what} is more than a package may hold ({max})")]
    Limit {
        /// What is too much.
        what: String,
        /// The limit.
        max: u64,
    },
    /// The zip library failed.
    #[error("cannot write the zip: {0}")]
    Write(#[from] zip::result::ZipError),
}

/// Packs everything in a folder. The bytes depend on names and contents only.
pub fn zip_dir(dir: &Path) -> Result<Vec<u8>, PackError> {
    let mut tree = Tree::default();
    tree.add_dir(dir)?;
    tree.to_zip()
}

/// The contents of a zip to be.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// Folders and files by name. Invariant: the folder of every entry is an entry too.
    nodes: BTreeMap<String, Node>,
    bytes: u64,
}

#[derive(Clone, Debug)]
enum Node {
    Folder,
    File(Vec<u8>),
}

impl Tree {
    /// Adds everything in a folder of the file system, at the root.
    pub fn add_dir(&mut self, dir: &Path) -> Result<(), PackError> {
        self.add_dir_below(dir, String::new())
    }

    /// Adds everything in a folder of the file system, in the folder `name`.
    pub fn add_dir_at(&mut self, dir: &Path, name: &str) -> Result<(), PackError> {
        self.add_folder(name)?;
        self.add_dir_below(dir, format!("{name}/"))
    }

    fn add_dir_below(&mut self, dir: &Path, prefix: String) -> Result<(), PackError> {
        let mut folders = vec![(dir.to_owned(), prefix)];
        while let Some((folder, prefix)) = folders.pop() {
            let read_error = |source| PackError::Read { path: folder.clone(), source };
            for item in std::fs::read_dir(&folder).map_err(read_error)? {
                let path = item.map_err(read_error)?.path();
                let name = format!("{prefix}{}", utf8_name(&path)?);
                // Not following links: a link could bring in anything the builder can read.
                let kind = std::fs::symlink_metadata(&path)
                    .map_err(|source| PackError::Read { path: path.clone(), source })?
                    .file_type();
                if kind.is_dir() {
                    self.add_folder(&name)?;
                    folders.push((path, format!("{name}/")));
                } else if kind.is_file() {
                    let contents =
                        std::fs::read(&path).map_err(|source| PackError::Read { path: path.clone(), source })?;
                    self.add_file(&name, contents)?;
                } else {
                    let what = if kind.is_symlink() { "a symbolic link" } else { "a device, pipe or socket" };
                    return Err(PackError::Special { path, what });
                }
            }
        }
        Ok(())
    }

    /// Adds a file, and its folders. A file that is there already is replaced.
    pub fn add_file(&mut self, name: &str, contents: Vec<u8>) -> Result<(), PackError> {
        name::check(name).map_err(|problem| PackError::Name { name: name.to_owned(), problem })?;
        if let Some((folder, _)) = name.rsplit_once('/') {
            self.add_folder(folder)?;
        }
        let limits = ArchiveLimits::default();
        let size = contents.len() as u64;
        if size > limits.entry_bytes_max {
            return Err(PackError::Limit { what: name.to_owned(), max: limits.entry_bytes_max });
        }
        self.bytes = self.bytes.saturating_add(size);
        match self.nodes.insert(name.to_owned(), Node::File(contents)) {
            Some(Node::Folder) => return Err(PackError::Collision { name: name.to_owned() }),
            Some(Node::File(replaced)) => self.bytes = self.bytes.saturating_sub(replaced.len() as u64),
            None => {}
        }
        if self.bytes > limits.total_bytes_max {
            return Err(PackError::Limit { what: "the size of all files".to_owned(), max: limits.total_bytes_max });
        }
        self.check_count(&limits)
    }

    /// The contents of a file that was added.
    pub fn file(&self, name: &str) -> Option<&[u8]> {
        match self.nodes.get(name) {
            Some(Node::File(contents)) => Some(contents),
            Some(Node::Folder) | None => None,
        }
    }

    /// Names and contents of all files, by name.
    pub fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.nodes.iter().filter_map(|(name, node)| match node {
            Node::File(contents) => Some((name.as_str(), contents.as_slice())),
            Node::Folder => None,
        })
    }

    /// Writes the zip.
    pub fn to_zip(&self) -> Result<Vec<u8>, PackError> {
        // The level is fixed because the library's default may change; the time because it is part of the bytes.
        let options = SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Deflated)
            .compression_level(Some(6))
            .last_modified_time(zip::DateTime::default());
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, node) in &self.nodes {
            match node {
                Node::Folder => writer.add_directory(name.as_str(), options.unix_permissions(0o755))?,
                Node::File(contents) => {
                    writer.start_file(name, options.unix_permissions(0o644))?;
                    writer.write_all(contents).map_err(zip::result::ZipError::from)?;
                }
            }
        }
        Ok(writer.finish()?.into_inner())
    }

    fn add_folder(&mut self, name: &str) -> Result<(), PackError> {
        name::check(name).map_err(|problem| PackError::Name { name: name.to_owned(), problem })?;
        let ends = name.match_indices('/').map(|(at, _)| at).chain([name.len()]);
        for folder in ends.filter_map(|end| name.get(..end)) {
            if let Node::File(_) = self.nodes.entry(folder.to_owned()).or_insert(Node::Folder) {
                return Err(PackError::Collision { name: folder.to_owned() });
            }
        }
        self.check_count(&ArchiveLimits::default())
    }

    fn check_count(&self, limits: &ArchiveLimits) -> Result<(), PackError> {
        if self.nodes.len() > limits.entries_max {
            return Err(PackError::Limit { what: "the number of files".to_owned(), max: limits.entries_max as u64 });
        }
        Ok(())
    }
}

fn utf8_name(path: &Path) -> Result<&str, PackError> {
    path.file_name()
        .and_then(|name| name.to_str())
        .ok_or_else(|| PackError::Name { name: path.to_string_lossy().into_owned(), problem: NameProblem::NotUtf8 })
}

#[cfg(test)]
#[path = "pack_tests.rs"]
mod tests;
