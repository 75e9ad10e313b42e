//! Files that are written beside their place and take it once they are whole: whoever looks meanwhile sees the old one.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// Who may use a new file, before the system takes off what the umask says.
const NEW_MODE: u32 = 0o666;

/// A file that is being written. It is removed unless it is put in its place.
#[derive(Debug)]
pub(crate) struct Draft {
    file: NamedTempFile,
    place: PathBuf,
}

impl Draft {
    /// For the file at `place`. It may be used by those who may use what is there, and else as any new file.
    pub(crate) fn of(place: &Path) -> io::Result<Self> {
        let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let before = fs::metadata(place).ok().map(|metadata| metadata.permissions());
        // Given when it is made: what was private is at no time open to others.
        let new = before.clone().unwrap_or_else(|| Permissions::from_mode(NEW_MODE));
        let file = tempfile::Builder::new().permissions(new).tempfile_in(folder)?;
        if let Some(before) = before {
            // The umask took something off here, too.
            file.as_file().set_permissions(before)?;
        }
        Ok(Self { file, place: place.to_owned() })
    }

    /// Waits until it is on the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.as_file().sync_all()
    }

    /// Replaces what is there.
    pub(crate) fn put_in_place(self) -> io::Result<()> {
        self.file.persist(self.place).map(drop).map_err(|error| error.error)
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Replaces the file at `place` with these bytes.
pub(crate) fn replace(place: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut draft = Draft::of(place)?;
    draft.write_all(bytes)?;
    draft.put_in_place()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_new_file_is_as_any_other_and_an_old_one_stays_as_open_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let (ordinary, place) = (dir.path().join("ordinary"), dir.path().join("place"));
        fs::write(&ordinary, "").unwrap();
        replace(&place, b"1").unwrap();
        assert_eq!(mode(&place), mode(&ordinary));
        for kept in [0o644, 0o600, 0o666, 0o755] {
            fs::set_permissions(&place, Permissions::from_mode(kept)).unwrap();
            replace(&place, b"2").unwrap();
            assert_eq!((fs::read(&place).unwrap(), mode(&place)), (b"2".to_vec(), kept));
        }
    }

    #[test]
    fn a_draft_that_is_given_up_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("place");
        fs::write(&place, "old").unwrap();
        let mut draft = Draft::of(&place).unwrap();
        draft.write_all(b"new").unwrap();
        drop(draft);
        assert_eq!(fs::read(&place).unwrap(), b"old");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
