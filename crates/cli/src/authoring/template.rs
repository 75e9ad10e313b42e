//! Packages to begin with, named after their folder.

mod files;
mod library;

use std::fs;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use wharf_types::{NodeName, PackageId};

use self::files::File;
use crate::errors::{CliError, CliResult};

/// What a new package does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Template {
    /// Says that it is up, and answers nothing
    Blank,
    /// Answers every message with what it brought
    Echo,
    /// A page that counts, and a small API
    Counter,
    /// Rooms to talk in, over WebSockets (Rust)
    Chat,
    /// Computes numbers for whoever asks
    Fibonacci,
    /// Files from one process to another, by workers that go on after a restart (Rust)
    FileTransfer,
}

impl Template {
    /// The name that the template's own files use.
    fn name(self) -> &'static str {
        match self {
            Self::Blank => "blank",
            Self::Echo => "echo",
            Self::Counter => "counter",
            Self::Chat => "chat",
            Self::Fibonacci => "fibonacci",
            Self::FileTransfer => "file-transfer",
        }
    }

    /// For `wharf test`, whatever it is written in.
    fn test(self) -> &'static str {
        match self {
            Self::Blank => include_str!("../../templates/tests/blank.toml"),
            Self::Echo => include_str!("../../templates/tests/echo.toml"),
            Self::Counter => include_str!("../../templates/tests/counter.toml"),
            Self::Chat => include_str!("../../templates/tests/chat.toml"),
            Self::Fibonacci => include_str!("../../templates/tests/fibonacci.toml"),
            Self::FileTransfer => include_str!("../../templates/tests/file-transfer.toml"),
        }
    }
}

/// What a new package is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    /// Rust, with cargo
    Rust,
    /// JavaScript, with npm
    Js,
    /// Python, with pip
    Python,
    /// C, with zig
    C,
}

/// A package to be.
#[derive(Debug)]
pub(crate) struct NewPackage {
    /// Its id.
    pub(crate) id: PackageId,
    /// What it does.
    pub(crate) template: Template,
    /// What it is written in.
    pub(crate) language: Language,
    /// Where the guest library for Rust is; `None` for the published one.
    pub(crate) library: Option<PathBuf>,
}

impl NewPackage {
    /// Named after its folder.
    pub(crate) fn named_after(
        folder: &Path,
        publisher: &NodeName,
        template: Template,
        language: Language,
        library: Option<PathBuf>,
    ) -> CliResult<Self> {
        let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        match PackageId::new(name, publisher.as_str()) {
            Ok(id) if id.is_creatable() => Ok(Self { id, template, language, library }),
            _ => Err(CliError::bad_input(format_args!("a package cannot be named {name:?}"))
                .hint("choose a folder with a name of lower-case letters, digits and hyphens")),
        }
    }

    /// Writes it into a folder that does not exist yet, or is empty.
    pub(crate) fn write(&self, folder: &Path) -> CliResult<Vec<PathBuf>> {
        let is_free = fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none());
        if !is_free {
            return Err(CliError::bad_input(format_args!("{} is not empty", folder.display()))
                .hint("a new package gets a folder of its own"));
        }
        let files = self.files()?;
        let mut written = Vec::new();
        for (name, text) in files {
            let path = folder.join(name);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).map_err(|error| CliError::file("make the folder", parent, &error))?;
            }
            fs::write(&path, text).map_err(|error| CliError::file("write", &path, &error))?;
            written.push(path);
        }
        Ok(written)
    }

    fn files(&self) -> CliResult<Vec<File>> {
        let (old, new) = (self.template.name(), &self.id.package_name);
        let Some(code) = files::code(self.language, self.template) else {
            return Err(CliError::bad_input(format_args!("the template {old} is there in Rust only"))
                .hint("in every language there are blank, echo, counter and fibonacci"));
        };
        let manifest = files::manifest(self.template)
            .replace(&format!("\"{old}\""), &format!("\"{new}\""))
            .replace(&format!("/{old}.wasm"), &format!("/{new}.wasm"));
        let mut all = vec![
            ("metadata.json", self.fill(files::METADATA)),
            ("README.md", self.fill(files::README)),
            (".gitignore", files::IGNORED.to_owned()),
            ("pkg/manifest.json", manifest),
            ("test/basic.toml", self.fill(self.template.test())),
        ];
        all.extend(files::project(self.language).iter().map(|(name, text)| (*name, self.fill(text))));
        all.extend(code);
        Ok(all)
    }

    fn fill(&self, text: &str) -> String {
        let library = match &self.library {
            // As TOML writes text: with the escapes of JSON.
            Some(path) => format!("{{ path = {:?} }}", path.display().to_string()),
            None => format!("{:?}", env!("CARGO_PKG_VERSION")),
        };
        text.replace("{{name}}", &self.id.package_name)
            .replace("{{publisher}}", &self.id.publisher_node)
            .replace("{{library}}", &library)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failure here fails the test")]
mod tests {
    use wharf_package::{Manifest, Metadata};

    use super::*;

    fn every() -> Vec<(Template, Language, &'static str)> {
        let mut all: Vec<_> = Template::value_variants().iter().map(|&it| (it, Language::Rust, "src/lib.rs")).collect();
        for template in [Template::Blank, Template::Echo, Template::Counter, Template::Fibonacci] {
            all.push((template, Language::Js, "src/main.js"));
            all.push((template, Language::Python, "src/app.py"));
            all.push((template, Language::C, "src/main.c"));
        }
        all
    }

    #[test]
    fn every_template_names_everything_after_the_package() {
        for (template, language, main) in every() {
            let dir = tempfile::tempdir().unwrap();
            let folder = dir.path().join("my-app");
            let publisher = "ann.os".parse().unwrap();
            let package = NewPackage::named_after(&folder, &publisher, template, language, None).unwrap();
            let written = package.write(&folder).unwrap();
            assert!(written.contains(&folder.join(main)), "{written:?}");
            let manifest = Manifest::parse(&fs::read(folder.join("pkg/manifest.json")).unwrap()).unwrap();
            let process = &manifest.entries()[0];
            assert_eq!(process.process_id(&package.id).unwrap().to_string(), "my-app:my-app:ann.os");
            assert_eq!(process.wasm_name(), "my-app.wasm");
            let metadata = Metadata::parse(&fs::read(folder.join("metadata.json")).unwrap()).unwrap();
            assert_eq!(metadata.package_id().unwrap(), package.id);
            // Code is the same in each package, and may have braces of its own.
            let filled = |path: &&PathBuf| path.parent() != Some(&folder.join("src"));
            for path in written.iter().filter(filled) {
                assert!(!fs::read_to_string(path).unwrap().contains("{{"), "{}", path.display());
            }
            assert!(package.write(&folder).is_err(), "nothing is written over");
        }
    }

    #[test]
    fn a_name_that_no_package_may_have_is_refused() {
        let publisher = "ann.os".parse().unwrap();
        for folder in ["/tmp/My App", "/", "a:b"] {
            assert!(
                NewPackage::named_after(Path::new(folder), &publisher, Template::Blank, Language::Rust, None).is_err(),
                "{folder}"
            );
        }
    }
}
