//! What something was built of, so that it is not built again while that stays the same.

use std::fs;
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256};

use crate::authoring::wit;
use crate::errors::{CliError, CliResult};

/// Folders that hold nothing anybody wrote.
const NOT_INPUTS: [&str; 3] = ["__pycache__", "node_modules", "target"];

/// Gathers what goes into something.
pub(crate) struct Inputs {
    digest: Context,
}

impl Inputs {
    /// `maker` says who builds it, with its version and options.
    pub(crate) fn of(maker: &str) -> Self {
        let mut inputs = Self { digest: Context::new(&SHA256) };
        inputs.add(env!("CARGO_PKG_VERSION"), maker.as_bytes());
        inputs
    }

    /// Something with a name.
    pub(crate) fn add(&mut self, name: &str, bytes: &[u8]) {
        for part in [name.as_bytes(), bytes] {
            // With its length, so that no two sequences of parts look the same.
            self.digest.update(&(part.len() as u64).to_be_bytes());
            self.digest.update(part);
        }
    }

    /// Every file in a folder, apart from what tools put there and what is hidden; `apart` are folders of the first level
    /// that are for something else.
    pub(crate) fn add_folder(&mut self, folder: &Path, apart: &[&str]) -> CliResult<()> {
        for path in entries(folder)? {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let is_folder = path.is_dir();
            if name.starts_with('.') || is_folder && (NOT_INPUTS.contains(&&*name) || apart.contains(&&*name)) {
                continue;
            }
            if is_folder {
                self.add("folder", name.as_bytes());
                self.add_folder(&path, &[])?;
                self.add("end", b"");
            } else {
                let bytes = fs::read(&path).map_err(|error| CliError::file("read", &path, &error))?;
                self.add(&name, &bytes);
            }
        }
        Ok(())
    }

    /// The interfaces that a process of the package can use.
    pub(crate) fn add_interfaces(&mut self, package: &Path) -> CliResult<()> {
        for (name, bytes) in wit::interfaces(package)? {
            self.add(&name, &bytes);
        }
        Ok(())
    }

    /// All of it in one text.
    pub(crate) fn finish(self) -> String {
        self.digest.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// In order of their names.
fn entries(folder: &Path) -> CliResult<Vec<PathBuf>> {
    let failed = |error| CliError::file("read the folder", folder, &error);
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.sort();
    Ok(paths)
}

/// Remembers, beside something that was built, what it was built of.
pub(crate) struct Stamp {
    path: PathBuf,
}

impl Stamp {
    /// In this file.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Whether it was built of exactly this.
    pub(crate) fn is(&self, inputs: &str) -> bool {
        self.read().is_some_and(|there| there == inputs)
    }

    /// What was written last.
    pub(crate) fn read(&self) -> Option<String> {
        fs::read_to_string(&self.path).ok()
    }

    /// From now on it is.
    pub(crate) fn write(&self, inputs: &str) -> CliResult<()> {
        put(&self.path, inputs.as_bytes())
    }

    /// Whatever is there now was built of nothing in particular.
    pub(crate) fn clear(&self) -> CliResult<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(CliError::file("remove", &self.path, &error))
            }
            _ => Ok(()),
        }
    }
}

/// Writes a file, with the folders above it, unless it is as it should be: tools build anew what depends on a newer one.
pub(crate) fn put(path: &Path, bytes: &[u8]) -> CliResult<()> {
    if fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| CliError::file("make the folder", folder, &error))?;
    }
    fs::write(path, bytes).map_err(|error| CliError::file("write", path, &error))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_depends_on_names_and_contents_and_not_on_what_tools_put_there() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| put(&folder.path().join(name), text.as_bytes()).unwrap();
        let of = || {
            let mut inputs = Inputs::of("test");
            inputs.add_folder(folder.path(), &["pkg"]).unwrap();
            inputs.finish()
        };
        put("src/a.js", "1");
        let first = of();
        for other in ["target/x", "node_modules/y/z.js", "pkg/manifest.json", ".git/HEAD", "src/__pycache__/a"] {
            put(other, "2");
        }
        assert_eq!(of(), first);
        put("src/pkg/b.js", "3");
        let second = of();
        assert_ne!(second, first);
        put("src/pkg/b.js", "4");
        assert_ne!(of(), second);
        let stamp = Stamp::at(folder.path().join("target/stamp"));
        assert!(!stamp.is(&second));
        stamp.write(&second).unwrap();
        assert!(stamp.is(&second) && !stamp.is(&first));
        stamp.clear().unwrap();
        stamp.clear().unwrap();
        assert!(!stamp.is(&second));
    }
}
