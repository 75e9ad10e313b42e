//! A folder for what is not visible yet (files being written) and what is not visible any more (trees being removed).
//!
//! It lies beside the packages, under a name that is no package id, so that no path leads into it and no drive can
//! hold left-overs of a crash. Moving between it and a drive is one `rename`: a reader, or a crash, sees all or nothing.
//! One daemon owns a home, so whatever is found here at start is rubbish.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use wharf_types::vfs::FileType;

use crate::beneath::{Folder, Shed};
use crate::path::Segment;
use crate::storage::{Access, Create, Metadata, OpenHow};

/// Name of the staging folder. Has no `:`, so it is not a package.
const NAME: &str = ".staging";

/// The folder.
#[derive(Debug)]
pub(crate) struct Staging {
    folder: Folder,
    next: AtomicU64,
}

impl Staging {
    /// Makes the folder in `root`, or empties it.
    pub(crate) fn open(root: &Folder) -> io::Result<Self> {
        let name = Segment::internal(NAME.to_owned());
        let staging = Self { folder: root.make_folders(&[name])?, next: AtomicU64::new(0) };
        staging.clean()?;
        Ok(staging)
    }

    /// Removes what a crash left behind. New names must not meet old ones: numbering begins above all of them.
    fn clean(&self) -> io::Result<()> {
        let left = self.folder.entries(usize::MAX)?;
        let highest = left.iter().filter_map(|entry| entry.name.parse::<u64>().ok()).max();
        self.next.store(highest.map_or(0, |number| number.saturating_add(1)), Ordering::Relaxed);
        for entry in left {
            let name = Segment::internal(entry.name);
            match entry.kind {
                FileType::Directory => self.remove_tree(name, &mut |_| {})?,
                _ => self.folder.remove_file(&name)?,
            }
        }
        Ok(())
    }

    fn next_name(&self) -> Segment {
        Segment::internal(self.next.fetch_add(1, Ordering::Relaxed).to_string())
    }

    /// A new file that nobody sees.
    pub(crate) fn file(&self) -> io::Result<Staged<'_>> {
        let name = self.next_name();
        let how = OpenHow { access: Access::ReadWrite, create: Create::New, ..OpenHow::WRITE };
        let file = self.folder.file(std::slice::from_ref(&name), how)?;
        Ok(Staged { staging: self, name, file: Some(file) })
    }

    /// Takes what is called `name` out of `parent`, at once; returns what it is called here.
    pub(crate) fn take(&self, parent: &Folder, name: &Segment) -> io::Result<Segment> {
        let staged = self.next_name();
        parent.rename(name, &self.folder, &staged)?;
        Ok(staged)
    }

    /// Removes what was taken.
    pub(crate) fn remove(&self, name: Segment, gone: &mut dyn FnMut(&Metadata)) -> io::Result<()> {
        let names = std::slice::from_ref(&name);
        match self.folder.kind(&name)? {
            Some(FileType::Directory) => {
                gone(&self.folder.metadata(names)?);
                self.remove_tree(name, gone)
            }
            // Someone replaced the folder before it was taken. Whatever it is, it was at that name, and goes.
            _ => self.folder.remove_file(&name),
        }
    }

    fn remove_tree(&self, name: Segment, gone: &mut dyn FnMut(&Metadata)) -> io::Result<()> {
        let mut pending = vec![name];
        while let Some(name) = pending.pop() {
            let folder = self.folder.folder(std::slice::from_ref(&name))?;
            loop {
                let next_name = || {
                    let name = self.next_name();
                    pending.push(name.clone());
                    name
                };
                let shed = folder.shed(&self.folder, next_name, gone)?;
                match self.folder.remove_folder(&name) {
                    // A listing that changes under the reader may skip entries; they come in the next pass.
                    Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty && shed == Shed::Something => {}
                    result => break result?,
                }
            }
        }
        Ok(())
    }
}

/// A file that nobody sees. Goes away with this value unless it was placed.
#[derive(Debug)]
pub(crate) struct Staged<'a> {
    staging: &'a Staging,
    name: Segment,
    /// `None` once it is closed.
    file: Option<File>,
}

impl Staged<'_> {
    /// The open file.
    pub(crate) fn file(&mut self) -> io::Result<&mut File> {
        self.file.as_mut().ok_or_else(|| io::Error::other("the staged file is closed"))
    }

    /// Closes the file, which stays staged. Many can be staged with few open.
    pub(crate) fn close(&mut self) {
        self.file = None;
    }

    /// Puts the file at `name` in `folder`, replacing the file there.
    pub(crate) fn place(mut self, folder: &Folder, name: &Segment) -> io::Result<()> {
        folder.check_replaceable(name)?;
        self.staging.folder.rename(&self.name, folder, name)?;
        self.name = Segment::internal(String::new());
        Ok(())
    }
}

impl Drop for Staged<'_> {
    fn drop(&mut self) {
        let placed = self.name.as_str().is_empty();
        if !placed && let Err(error) = self.staging.folder.remove_file(&self.name) {
            tracing::warn!(%error, name = self.name.as_str(), "a staged file could not be removed; the next start does");
        }
    }
}
