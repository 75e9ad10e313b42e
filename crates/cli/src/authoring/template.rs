//! Packages to begin with. All but the blank one are the node's own examples, so that they are built and tested with it.

use std::fs;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use wharf_types::{NodeName, PackageId};

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
    /// Rooms to talk in, over WebSockets
    Chat,
}

/// A file of a template, where it goes and what is in it.
type File = (&'static str, &'static str);

impl Template {
    /// The name that the template's own files use.
    fn name(self) -> &'static str {
        match self {
            Self::Blank => "blank",
            Self::Echo => "echo",
            Self::Counter => "counter",
            Self::Chat => "chat",
        }
    }

    fn manifest(self) -> &'static str {
        match self {
            Self::Blank => include_str!("../../templates/blank/manifest.json"),
            Self::Echo => include_str!("../../../../packages/echo/pkg/manifest.json"),
            Self::Counter => include_str!("../../../../packages/counter/pkg/manifest.json"),
            Self::Chat => include_str!("../../../../packages/chat/pkg/manifest.json"),
        }
    }

    fn test(self) -> &'static str {
        match self {
            Self::Blank => include_str!("../../templates/tests/blank.toml"),
            Self::Echo => include_str!("../../templates/tests/echo.toml"),
            Self::Counter => include_str!("../../templates/tests/counter.toml"),
            Self::Chat => include_str!("../../templates/tests/chat.toml"),
        }
    }

    fn code(self) -> &'static [File] {
        match self {
            Self::Blank => &[("src/lib.rs", include_str!("../../templates/blank/lib.rs"))],
            Self::Echo => &[("src/lib.rs", include_str!("../../../../packages/echo/src/lib.rs"))],
            Self::Counter => &[
                ("src/lib.rs", include_str!("../../../../packages/counter/src/lib.rs")),
                ("src/page.rs", include_str!("../../../../packages/counter/src/page.rs")),
                ("src/page.html", include_str!("../../../../packages/counter/src/page.html")),
            ],
            Self::Chat => &[
                ("src/lib.rs", include_str!("../../../../packages/chat/src/lib.rs")),
                ("src/talk.rs", include_str!("../../../../packages/chat/src/talk.rs")),
                ("src/page.html", include_str!("../../../../packages/chat/src/page.html")),
            ],
        }
    }
}

/// A package to be.
#[derive(Debug)]
pub(crate) struct NewPackage {
    /// Its id.
    pub(crate) id: PackageId,
    /// What it does.
    pub(crate) template: Template,
    /// Where the guest library is; `None` for the published one.
    pub(crate) library: Option<PathBuf>,
}

impl NewPackage {
    /// Named after its folder.
    pub(crate) fn named_after(
        folder: &Path,
        publisher: &NodeName,
        template: Template,
        library: Option<PathBuf>,
    ) -> CliResult<Self> {
        let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        match PackageId::new(name, publisher.as_str()) {
            Ok(id) if id.is_creatable() => Ok(Self { id, template, library }),
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
        let mut written = Vec::new();
        for (name, text) in self.files() {
            let path = folder.join(name);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).map_err(|error| CliError::file("make the folder", parent, &error))?;
            }
            fs::write(&path, text).map_err(|error| CliError::file("write", &path, &error))?;
            written.push(path);
        }
        Ok(written)
    }

    fn files(&self) -> Vec<(&'static str, String)> {
        let (old, new) = (self.template.name(), &self.id.package_name);
        let manifest = self.template.manifest();
        let manifest = manifest
            .replace(&format!("\"{old}\""), &format!("\"{new}\""))
            .replace(&format!("/{old}.wasm"), &format!("/{new}.wasm"));
        let mut files = vec![
            ("Cargo.toml", self.cargo_toml()),
            ("metadata.json", self.fill(include_str!("../../templates/metadata.json"))),
            ("README.md", self.fill(include_str!("../../templates/README.md"))),
            (".gitignore", "/target\n".to_owned()),
            ("pkg/manifest.json", manifest),
            ("test/basic.toml", self.fill(self.template.test())),
        ];
        files.extend(self.template.code().iter().map(|(name, text)| (*name, (*text).to_owned())));
        files
    }

    fn cargo_toml(&self) -> String {
        let library = match &self.library {
            // As TOML writes text: with the escapes of JSON.
            Some(path) => format!("{{ path = {:?} }}", path.display().to_string()),
            None => format!("{:?}", env!("CARGO_PKG_VERSION")),
        };
        self.fill(include_str!("../../templates/Cargo.toml.in")).replace("{{library}}", &library)
    }

    fn fill(&self, text: &str) -> String {
        text.replace("{{name}}", &self.id.package_name).replace("{{publisher}}", &self.id.publisher_node)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failure here fails the test")]
mod tests {
    use wharf_package::{Manifest, Metadata};

    use super::*;

    #[test]
    fn every_template_names_everything_after_the_package() {
        for template in Template::value_variants() {
            let dir = tempfile::tempdir().unwrap();
            let folder = dir.path().join("my-app");
            let publisher = "ann.os".parse().unwrap();
            let package = NewPackage::named_after(&folder, &publisher, *template, None).unwrap();
            let written = package.write(&folder).unwrap();
            assert!(written.contains(&folder.join("src/lib.rs")));
            let manifest = Manifest::parse(&fs::read(folder.join("pkg/manifest.json")).unwrap()).unwrap();
            let process = &manifest.entries()[0];
            assert_eq!(process.process_id(&package.id).unwrap().to_string(), "my-app:my-app:ann.os");
            assert_eq!(process.wasm_name(), "my-app.wasm");
            let metadata = Metadata::parse(&fs::read(folder.join("metadata.json")).unwrap()).unwrap();
            assert_eq!(metadata.package_id().unwrap(), package.id);
            for path in written.iter().filter(|path| path.extension().is_none_or(|end| end != "html")) {
                assert!(!fs::read_to_string(path).unwrap().contains("{{name}}"), "{}", path.display());
            }
            assert!(package.write(&folder).is_err(), "nothing is written over");
        }
    }

    #[test]
    fn a_name_that_no_package_may_have_is_refused() {
        let publisher = "ann.os".parse().unwrap();
        for folder in ["/tmp/My App", "/", "a:b"] {
            assert!(NewPackage::named_after(Path::new(folder), &publisher, Template::Blank, None).is_err(), "{folder}");
        }
    }
}
