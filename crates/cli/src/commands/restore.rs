//! `wharf restore`: a home out of a backup. It is unpacked and checked beside the home, and takes its place in one step.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{CWD, FlockOperation, RenameFlags, flock, renameat_with};
use serde::Serialize;
use wharf_home::Home;

use crate::args::Restore;
use crate::backup::{Archive, Manifest, is_free, sync_folder};
use crate::errors::{CliError, CliResult};
use crate::output::{Format, Output, note};
use crate::prompt::confirm;
use crate::text;

/// Format of a home that this version knows.
const HOME_VERSION: &str = "1";

/// What was restored, for programs.
#[derive(Serialize)]
struct Restored {
    home: PathBuf,
    node: String,
    created_ms: u64,
    files: usize,
    /// Where the home is that was there before.
    before: Option<PathBuf>,
}

/// Restores a backup.
pub(crate) fn run(args: &Restore, home: &Home, output: &mut Output) -> CliResult<()> {
    let refused = |error: &dyn std::fmt::Display| {
        CliError::bad_input(format_args!("cannot restore {}: {error}", args.file.display())).hint("nothing was changed")
    };
    let archive = Archive::open(&args.file).map_err(|error| refused(&error))?;
    let manifest = archive.manifest().clone();
    let target = Target::of(home)?;
    describe(&manifest, &target);
    if !target.is_free {
        confirm(&format!("replace {}?", target.root.display()), args.consent.given(), "nothing was changed")?;
    }
    let draft = target.draft()?;
    note("unpacking and checking ...");
    archive.unpack(draft.path()).map_err(|error| refused(&error))?;
    check_version(draft.path()).map_err(|error| refused(&error))?;
    let before = target.replace_by(draft)?;
    let restored = Restored {
        home: target.root,
        node: manifest.node,
        created_ms: manifest.created_ms,
        files: manifest.files.len(),
        before,
    };
    if output.format() == Format::Json {
        return output.json(&restored);
    }
    output.line(&format!("{}: node {} restored, {} files", restored.home.display(), restored.node, restored.files))?;
    if let Some(before) = &restored.before {
        output.line(&format!("what was there before is in {}", before.display()))?;
    }
    Ok(())
}

fn describe(manifest: &Manifest, target: &Target) {
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let age_ms = u64::try_from(now_ms).unwrap_or(u64::MAX).saturating_sub(manifest.created_ms);
    let bytes = text::bytes(usize::try_from(manifest.bytes()).unwrap_or(usize::MAX));
    note(&format!(
        "a backup of node {}, {} old, made by wharf {}: {} files, {bytes}",
        text::clean_line(&manifest.node),
        text::duration(age_ms),
        text::clean_line(&manifest.wharf),
        manifest.files.len(),
    ));
    note(&format!("into {}", target.root.display()));
}

fn check_version(home: &Path) -> Result<(), String> {
    let text = fs::read_to_string(home.join("version")).map_err(|error| error.to_string())?;
    let text = text.trim();
    if text == HOME_VERSION {
        return Ok(());
    }
    Err(format!(
        "its home has format {:?}, and this version of wharf knows format {HOME_VERSION}",
        text::clean_line(text)
    ))
}

/// The home that is to be: nobody uses it, and nobody begins to.
struct Target {
    root: PathBuf,
    /// Whether there is nothing in it.
    is_free: bool,
    _lock: Option<File>,
}

impl Target {
    fn of(home: &Home) -> CliResult<Self> {
        // Where a link to a home leads is where the home is.
        let root = fs::canonicalize(home.root()).or_else(|_| std::path::absolute(home.root()));
        let root = root.map_err(|error| CliError::file("find", home.root(), &error))?;
        let home = Home::new(&root);
        let is_free = is_free(&root);
        if !is_free && !home.version().exists() {
            return Err(CliError::bad_input(format_args!(
                "{} has something in it and is not the home of a node; nothing was changed",
                root.display()
            ))
            .hint("name another folder with `--home`, one that is not there yet or is empty"));
        }
        let lock = if is_free { None } else { Some(lock(&home)?) };
        Ok(Self { root, is_free, _lock: lock })
    }

    fn parent(&self) -> &Path {
        self.root.parent().unwrap_or(Path::new("/"))
    }

    /// An empty folder on the same file system.
    fn draft(&self) -> CliResult<tempfile::TempDir> {
        let parent = self.parent();
        let failed = |error| CliError::file("write to", parent, &error);
        DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(failed)?;
        tempfile::Builder::new()
            .prefix(".wharf-restore-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(parent)
            .map_err(failed)
    }

    /// Puts the draft in place of the home. Returns where the old one is, if there was one.
    fn replace_by(&self, draft: tempfile::TempDir) -> CliResult<Option<PathBuf>> {
        let failed = |error: std::io::Error| CliError::file("put the restored home at", &self.root, &error);
        if self.is_free {
            fs::rename(draft.path(), &self.root).map_err(failed)?;
            let _ = draft.keep();
            sync_folder(self.parent()).map_err(failed)?;
            return Ok(None);
        }
        // Both at once: at no moment is there no home.
        renameat_with(CWD, draft.path(), CWD, &self.root, RenameFlags::EXCHANGE)
            .map_err(|error| failed(error.into()))?;
        let old = draft.keep();
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut name = self.root.clone().into_os_string();
        name.push(format!(".before-restore-{now_s}"));
        let before = PathBuf::from(name);
        // Kept under the name that it has, if this one is taken.
        let before = if fs::rename(&old, &before).is_ok() { before } else { old };
        sync_folder(self.parent()).map_err(failed)?;
        Ok(Some(before))
    }
}

/// Takes the lock that a running daemon holds.
fn lock(home: &Home) -> CliResult<File> {
    let failed = |error: std::io::Error| CliError::file("lock", &home.lock(), &error);
    DirBuilder::new().recursive(true).mode(0o700).create(home.run_dir()).map_err(failed)?;
    let file =
        OpenOptions::new().create(true).write(true).truncate(false).mode(0o600).open(home.lock()).map_err(failed)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let what = format_args!("a node runs in {}; nothing was changed", home.root().display()).to_string();
            Err(CliError::refused(what)
                .hint("stop it first: Ctrl-C, SIGTERM, or `wharf send kernel:distro:sys '\"Shutdown\"'`"))
        }
        Err(error) => Err(failed(error.into())),
    }
}
