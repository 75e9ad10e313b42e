//! What changes in a package's folder.

pub(crate) mod tree;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

use self::tree::Tree;
use crate::errors::{CliError, CliResult};

/// Changes that come closer together are one: editors write several files, and one file several times.
const QUIET: Duration = Duration::from_millis(100);

/// A folder in which something changes all the time is looked at so often.
const PATIENCE: Duration = Duration::from_secs(1);

/// A change of the folder.
#[derive(Debug)]
pub(crate) struct Change {
    /// One of the files that changed.
    pub(crate) file: PathBuf,
    /// When the first of them did.
    pub(crate) since: Instant,
}

/// Watches a package's folder. What matters is what is in the files: one that is only touched has not changed.
pub(crate) struct Watcher {
    folder: PathBuf,
    /// Of the operating system. It watches folder by folder, so that what is in `target` costs nothing.
    watcher: RecommendedWatcher,
    watched: BTreeSet<PathBuf>,
    stirred: Receiver<()>,
    /// When the first and the last of the changes happened that were not looked at yet.
    pending: Option<(Instant, Instant)>,
    known: Tree,
}

impl Watcher {
    /// Begins to watch.
    pub(crate) fn start(folder: &Path) -> CliResult<Self> {
        // One is enough: it says that something happened, not what.
        let (sender, stirred) = sync_channel(1);
        let watcher = notify::recommended_watcher(move |event| tell(&sender, &event));
        let watcher = watcher.map_err(|error| refused(folder, &error))?;
        let mut new = Self {
            folder: folder.to_owned(),
            watcher,
            watched: BTreeSet::new(),
            stirred,
            pending: None,
            known: Tree::default(),
        };
        new.known = new.look()?;
        Ok(new)
    }

    /// Waits for a while, or until something happens in the folder.
    pub(crate) fn wait(&mut self, longest: Duration) {
        if self.stirred.recv_timeout(longest).is_err() {
            return;
        }
        let now = Instant::now();
        self.pending = Some((self.pending.map_or(now, |(first, _)| first), now));
    }

    /// What is not as it was when this last said so, once the folder has come to rest.
    pub(crate) fn changed(&mut self) -> CliResult<Option<Change>> {
        let Some((first, last)) = self.pending else { return Ok(None) };
        if last.elapsed() < QUIET && first.elapsed() < PATIENCE {
            return Ok(None);
        }
        self.pending = None;
        let now = self.look()?;
        let changed = now.differs(&self.known);
        self.known = now;
        Ok(changed.map(|file| Change { file, since: first }))
    }

    /// A build has ended: the lock files that it wrote are no change.
    pub(crate) fn built(&mut self) -> CliResult<()> {
        let now = self.look()?;
        self.known.take_locks(now);
        Ok(())
    }

    /// Everything in the folder, with all of it watched: a folder is watched before it is looked into.
    fn look(&mut self) -> CliResult<Tree> {
        loop {
            let tree = Tree::read(&self.folder)?;
            self.watched.retain(|folder| tree.folders.contains(folder));
            let mut more = false;
            for folder in &tree.folders {
                if self.watched.contains(folder) {
                    continue;
                }
                match self.watcher.watch(folder, RecursiveMode::NonRecursive) {
                    Ok(()) => {
                        self.watched.insert(folder.clone());
                        more = true;
                    }
                    // Gone since it was found.
                    Err(_) if !folder.exists() => {}
                    Err(error) => return Err(refused(folder, &error)),
                }
            }
            if !more {
                return Ok(tree);
            }
        }
    }
}

fn tell(to: &SyncSender<()>, event: &notify::Result<notify::Event>) {
    // We read the files ourselves. What the system lost may have been anything.
    if event.as_ref().is_ok_and(|event| event.kind.is_access()) {
        return;
    }
    // Full: it is told already.
    let _ = to.try_send(());
}

fn refused(folder: &Path, error: &notify::Error) -> CliError {
    let failed = CliError::bad_input(format_args!("cannot watch {}: {error}", folder.display()));
    match error.kind {
        notify::ErrorKind::MaxFilesWatch => failed.hint("sysctl fs.inotify.max_user_watches=524288 allows more"),
        _ => failed,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use std::fs;

    use super::*;

    fn next(watcher: &mut Watcher) -> PathBuf {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            watcher.wait(Duration::from_millis(20));
            if let Some(changed) = watcher.changed().unwrap() {
                return changed.file;
            }
            assert!(Instant::now() < deadline, "no change was seen");
        }
    }

    #[test]
    fn what_changes_is_seen_also_in_folders_that_are_new_and_what_is_built_is_not() {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["src", "target/debug", "node_modules/x", ".git"] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        fs::write(dir.path().join("src/lib.rs"), "1").unwrap();
        let mut watcher = Watcher::start(dir.path()).unwrap();
        for quiet in ["target/debug/x", "target/y", "node_modules/x/z", ".git/index"] {
            fs::write(dir.path().join(quiet), "x").unwrap();
        }
        // Touched, and the same.
        fs::write(dir.path().join("src/lib.rs"), "1").unwrap();
        fs::create_dir_all(dir.path().join("src/a/b")).unwrap();
        fs::write(dir.path().join("src/a/b/new.rs"), "2").unwrap();
        assert_eq!(next(&mut watcher), dir.path().join("src/a/b/new.rs"));
        fs::write(dir.path().join("src/a/b/new.rs"), "3").unwrap();
        assert_eq!(next(&mut watcher), dir.path().join("src/a/b/new.rs"));
        fs::write(dir.path().join("Cargo.lock"), "built").unwrap();
        watcher.built().unwrap();
        fs::remove_file(dir.path().join("src/lib.rs")).unwrap();
        assert_eq!(next(&mut watcher), dir.path().join("src/lib.rs"));
    }
}
