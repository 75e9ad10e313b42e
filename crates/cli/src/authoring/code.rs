//! The processes of a package, in whatever languages they are written.

use std::fs;
use std::path::{Path, PathBuf};

use wharf_package::Metadata;

use crate::authoring::inputs::{Inputs, Stamp, put};
use crate::authoring::rust::RustCode;
use crate::authoring::{c, javascript, python};
use crate::errors::{CliError, CliResult};

/// Folders of a package that hold no processes.
pub(crate) const NOT_CODE: [&str; 6] = ["api", "node_modules", "pkg", "target", "test", "ui"];

/// All of a package's code.
#[derive(Debug)]
pub(crate) struct Code {
    package: PathBuf,
    rust: RustCode,
    units: Vec<Unit>,
}

/// A process in another language than Rust: one folder, one component.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unit {
    /// The package's folder.
    pub(crate) package: PathBuf,
    /// Its own, which may be the same.
    pub(crate) folder: PathBuf,
    language: Language,
}

/// What it is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Language {
    JavaScript,
    Python,
    C,
}

impl Language {
    const ALL: [Self; 3] = [Self::JavaScript, Self::Python, Self::C];

    fn is_in(self, folder: &Path) -> bool {
        match self {
            Self::JavaScript => javascript::is_in(folder),
            Self::Python => python::is_in(folder),
            Self::C => c::is_in(folder),
        }
    }

    fn maker(self) -> &'static str {
        match self {
            Self::JavaScript => javascript::MAKER,
            Self::Python => python::MAKER,
            Self::C => c::MAKER,
        }
    }
}

impl Code {
    /// Looks for it: in the package's folder, and in the folders in it.
    pub(crate) fn find(package: &Path) -> CliResult<Self> {
        let rust = RustCode::find(package)?;
        let mut units = Vec::new();
        for folder in folders(package)? {
            let languages = Language::ALL.into_iter().filter(|language| language.is_in(&folder));
            let unit = |language| Unit { package: package.to_owned(), folder: folder.clone(), language };
            units.extend(languages.map(unit));
        }
        Ok(Self { package: package.to_owned(), rust, units })
    }

    /// Compiles all of it that is not as it was.
    pub(crate) fn build(&self) -> CliResult<()> {
        let names = self.names()?;
        if self.rust.is_there() {
            self.rust.build(&self.package)?;
        }
        self.units.iter().zip(&names).try_for_each(|(unit, name)| unit.build(name))
    }

    /// What the units are called, each by another name.
    fn names(&self) -> CliResult<Vec<String>> {
        let mut names: Vec<String> = Vec::new();
        for unit in &self.units {
            let name = unit.name()?;
            if names.contains(&name) {
                let package = self.package.display();
                return Err(CliError::bad_input(format_args!("two processes in {package} are called {name}"))
                    .hint("each is built as `<name>.wasm`: give one of them another name"));
            }
            names.push(name);
        }
        Ok(names)
    }

    /// Where modules and components are once it is built.
    pub(crate) fn modules(&self) -> Vec<PathBuf> {
        // What belongs to this package only comes first: cargo's folder may be shared with others.
        let mut folders = Vec::new();
        if !self.units.is_empty() {
            folders.push(components(&self.package));
        }
        folders.push(self.rust.modules());
        folders
    }
}

/// Where components are that are not cargo's.
fn components(package: &Path) -> PathBuf {
    package.join("target").join("components")
}

/// The package's own, and those in it that are not for something else.
fn folders(package: &Path) -> CliResult<Vec<PathBuf>> {
    let failed = |error| CliError::file("read the folder", package, &error);
    let mut folders = vec![package.to_owned()];
    for entry in fs::read_dir(package).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or(".");
        if path.is_dir() && !name.starts_with('.') && !NOT_CODE.contains(&name) {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

impl Unit {
    /// What its tools make, apart from the component.
    pub(crate) fn work(&self) -> PathBuf {
        self.folder.join("target")
    }

    /// What it is called when it has no file that says so: as its folder, or as the package.
    pub(crate) fn named_by_place(&self) -> CliResult<String> {
        if self.folder == self.package {
            let path = self.package.join("metadata.json");
            let bytes = fs::read(&path).map_err(|error| CliError::file("read", &path, &error))?;
            let package = Metadata::parse(&bytes).and_then(|metadata| metadata.package_id());
            let package = package.map_err(|error| CliError::bad_input(format_args!("{}: {error}", path.display())))?;
            return Ok(package.package_name);
        }
        Ok(self.folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default())
    }

    fn name(&self) -> CliResult<String> {
        let name = match self.language {
            Language::JavaScript => javascript::name(&self.folder)?,
            Language::Python => python::name(&self.folder)?,
            Language::C => self.named_by_place()?,
        };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || !name.chars().all(is_plain) {
            return Err(CliError::bad_input(format_args!("a process in {} is called {name:?}", self.folder.display()))
                .hint("a name has letters, digits, `-` and `_`"));
        }
        Ok(name.replace('-', "_"))
    }

    /// Makes the component `<name>.wasm`, unless nothing changed since it was made.
    fn build(&self, name: &str) -> CliResult<()> {
        let component = components(&self.package).join(format!("{name}.wasm"));
        let stamp = Stamp::at(component.with_extension("stamp"));
        let inputs = self.inputs()?;
        if component.is_file() && stamp.is(&inputs) {
            return Ok(());
        }
        stamp.clear()?;
        let made = match self.language {
            Language::JavaScript => javascript::build(self)?,
            Language::Python => python::build(self)?,
            Language::C => c::build(self)?,
        };
        put(&component, &made)?;
        stamp.write(&inputs)
    }

    fn inputs(&self) -> CliResult<String> {
        let mut inputs = Inputs::of(self.language.maker());
        inputs.add_interfaces(&self.package)?;
        let at_root = self.folder == self.package;
        inputs.add_folder(&self.folder, if at_root { &NOT_CODE } else { &[] })?;
        Ok(inputs.finish())
    }

    /// How it is called when one speaks of it.
    pub(crate) fn place(&self) -> String {
        let inner = self.folder.strip_prefix(&self.package).unwrap_or(&self.folder);
        if inner.as_os_str().is_empty() { "the package".to_owned() } else { inner.display().to_string() }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn each_folder_says_what_it_is_written_in() {
        let package = tempfile::tempdir().unwrap();
        let write = |name: &str| put(&package.path().join(name), b"{}").unwrap();
        assert!(Code::find(package.path()).unwrap().units.is_empty());
        for file in [
            "Cargo.toml",
            "talk/package.json",
            "think/pyproject.toml",
            "add/src/add.c",
            "rusty/Cargo.toml",
            "rusty/src/helper.c",
            "ui/package.json",
            "test/package.json",
            "node_modules/package.json",
            ".hidden/package.json",
        ] {
            write(file);
        }
        let code = Code::find(package.path()).unwrap();
        let found: Vec<_> = code.units.iter().map(|unit| (unit.place(), unit.language)).collect();
        let expected = [("add", Language::C), ("talk", Language::JavaScript), ("think", Language::Python)];
        assert_eq!(found, expected.map(|(place, language)| (place.to_owned(), language)));
        assert!(code.rust.is_there());
        assert_eq!(code.modules().len(), 2);
    }
}
