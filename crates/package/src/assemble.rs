//! From a package's source folder and its compiled modules to its zip.

use std::path::{Path, PathBuf};

use wharf_types::PackageId;

use crate::componentize::{ComponentizeError, componentize};
use crate::error::{ManifestError, MetadataError, PackageError};
use crate::manifest::{self, Manifest};
use crate::metadata::{self, Metadata};
use crate::name;
use crate::pack::{PackError, Tree};
use crate::package::{API_FILE_NAME, Package};
use crate::scripts::{self, Scripts};
use crate::wasm::WasmKind;

/// Where a package has its user interface.
const UI_FOLDER: &str = "ui";

/// Why a package cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum AssembleError {
    /// A file of the source folder cannot be read.
    #[error("cannot read {path}: {source}", path = .path.display())]
    Read {
        /// What.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// `metadata.json` is wrong.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// `manifest.json` or `scripts.json` is wrong.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// There is neither a module nor a component for a process.
    #[error("`{wasm}` is named by the manifest, but neither {module} nor pkg/{wasm} exists", module = .module.display())]
    NoModule {
        /// The name in the package.
        wasm: String,
        /// Where the module was looked for.
        module: PathBuf,
    },
    /// A module cannot become a component.
    #[error("{module}: {source}", module = .module.display())]
    Componentize {
        /// The module.
        module: PathBuf,
        /// Why.
        source: ComponentizeError,
    },
    /// The zip cannot be made.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// What came out would be refused by a node.
    #[error("the package would be refused: {0}")]
    Check(#[from] PackageError),
}

/// A package, ready to be installed.
#[derive(Clone, Debug)]
pub struct Assembled {
    /// What it is.
    pub package: PackageId,
    /// The zip.
    pub zip: Vec<u8>,
    /// What the zip holds.
    pub contents: Package,
}

impl Assembled {
    /// The customary name of the zip: `<package>:<publisher>.zip`.
    pub fn file_name(&self) -> String {
        format!("{}.zip", self.package)
    }
}

/// Puts together the zip of the package in `package_dir`, without writing anything: [`Ingredients::gather`], then
/// [`Ingredients::assemble`].
pub fn assemble(package_dir: &Path, modules_dir: &Path) -> Result<Assembled, AssembleError> {
    Ingredients::gather(package_dir, &[modules_dir], None)?.assemble()
}

/// Everything that a package is made of, read.
#[derive(Clone, Debug)]
pub struct Ingredients {
    package: PackageId,
    manifest: Manifest,
    /// All but what is made of `modules`.
    tree: Tree,
    modules: Vec<Module>,
}

/// A compiled process or script.
#[derive(Clone, Debug)]
struct Module {
    /// Its name in the package.
    wasm: String,
    /// Where it was found.
    path: PathBuf,
    bytes: Vec<u8>,
}

impl Ingredients {
    /// Reads everything in `pkg/`, `metadata.json`, the folder `api/` as `api.zip`, a module or component for every process
    /// and script, and what is in the folder `ui`, if one is given, as the package's `ui/`.
    ///
    /// The component `x-y.wasm` is made of `<package>_x_y.wasm` or `x_y.wasm` in the first of `modules_dirs` that has
    /// one: packages that are built into one folder may have processes of the same name. Where there is no such module, a
    /// component must be in `pkg/` already (from a compiler that makes components).
    ///
    /// What only other processes start, by `spawn`, is named by neither file: a folder `x-y/` with a crate for `cdylib` becomes
    /// `x-y.wasm` all the same.
    pub fn gather(package_dir: &Path, modules_dirs: &[&Path], ui: Option<&Path>) -> Result<Self, AssembleError> {
        let metadata_bytes = read(&package_dir.join(metadata::FILE_NAME))?;
        let package = Metadata::parse(&metadata_bytes)?.package_id()?;
        let manifest_bytes = read(&package_dir.join("pkg").join(manifest::FILE_NAME))?;
        let manifest = Manifest::parse(&manifest_bytes)?;

        let mut tree = Tree::default();
        tree.add_dir(&package_dir.join("pkg"))?;
        if let Some(ui) = ui {
            tree.add_dir_at(ui, UI_FOLDER)?;
        }
        if let Some(api) = pack_api(package_dir, &metadata_bytes)? {
            tree.add_file(API_FILE_NAME, api)?;
        }
        tree.add_file(metadata::FILE_NAME, metadata_bytes)?;

        let scripts = tree.file(scripts::FILE_NAME).map(Scripts::parse).transpose()?.unwrap_or_default();
        let processes = manifest.entries().iter().map(|entry| entry.wasm_name());
        let mut modules: Vec<Module> = Vec::new();
        for wasm in processes.chain(scripts.iter().map(|(wasm, _)| wasm)) {
            if modules.iter().all(|module| module.wasm != wasm) {
                modules.extend(find_module(&package, &tree, wasm, modules_dirs)?);
            }
        }
        for wasm in crates(package_dir)? {
            if modules.iter().any(|module| module.wasm == wasm) {
                continue;
            }
            match find_module(&package, &tree, &wasm, modules_dirs) {
                // It may be a library, or be called otherwise than its folder.
                Err(AssembleError::NoModule { .. }) => {}
                found => modules.extend(found?),
            }
        }
        Ok(Self { package, manifest, tree, modules })
    }

    /// Whose they are.
    pub fn package(&self) -> &PackageId {
        &self.package
    }

    /// The processes of the package.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Names and contents of all of it, in a fixed order: what the zip depends on, apart from this program.
    pub fn parts(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let modules = self.modules.iter().map(|module| (module.wasm.as_str(), module.bytes.as_slice()));
        self.tree.files().chain(modules)
    }

    /// Makes the zip. A module becomes a component first.
    pub fn assemble(self) -> Result<Assembled, AssembleError> {
        let Self { package, mut tree, modules, .. } = self;
        for Module { wasm, path, bytes } in modules {
            let component = match WasmKind::of(&bytes) {
                WasmKind::Component => bytes,
                _ => componentize(&bytes).map_err(|source| AssembleError::Componentize { module: path, source })?,
            };
            tree.add_file(&wasm, component)?;
        }
        let zip = tree.to_zip()?;
        let contents = Package::check(&zip)?;
        Ok(Assembled { package, zip, contents })
    }
}

/// The components that the folders of the package with crates of their own would become, sorted.
fn crates(package_dir: &Path) -> Result<Vec<String>, AssembleError> {
    let failed = |path: &Path, source| AssembleError::Read { path: path.to_owned(), source };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(package_dir).map_err(|error| failed(package_dir, error))? {
        let entry = entry.map_err(|error| failed(package_dir, error))?;
        let path = entry.path().join("Cargo.toml");
        match (entry.file_name().into_string(), std::fs::read_to_string(&path)) {
            (Ok(name), Ok(toml)) if toml.contains("cdylib") => names.push(format!("{name}.wasm")),
            (_, Err(error)) if !is_no_file(&error) => return Err(failed(&path, error)),
            _ => {}
        }
    }
    names.sort();
    Ok(names)
}

fn is_no_file(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
}

/// `None` when `pkg/` has a component already.
fn find_module(
    package: &PackageId,
    tree: &Tree,
    wasm: &str,
    modules_dirs: &[&Path],
) -> Result<Option<Module>, AssembleError> {
    // Compilers name a library after its crate, with underscores; package files have hyphens. Folders do not count.
    let file = wasm.rsplit('/').next().unwrap_or(wasm).replace('-', "_");
    let of_package = format!("{}_{file}", package.package_name.replace('-', "_"));
    for path in modules_dirs.iter().flat_map(|dir| [dir.join(&of_package), dir.join(&file)]) {
        match std::fs::read(&path) {
            Ok(bytes) => return Ok(Some(Module { wasm: wasm.to_owned(), path, bytes })),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(AssembleError::Read { path, source }),
        }
    }
    if tree.file(wasm).is_some() {
        return Ok(None);
    }
    let module = modules_dirs.last().map_or_else(|| PathBuf::from(&file), |dir| dir.join(&file));
    Err(AssembleError::NoModule { wasm: wasm.to_owned(), module })
}

/// `api.zip`: the interfaces, the metadata that says whose they are, and what that names in `api_includes`.
fn pack_api(package_dir: &Path, metadata: &[u8]) -> Result<Option<Vec<u8>>, AssembleError> {
    let dir = package_dir.join("api");
    if !dir.is_dir() {
        return Ok(None);
    }
    let mut tree = Tree::default();
    tree.add_dir(&dir)?;
    for name in api_includes(metadata) {
        // Named before it is read: what lies outside of the package stays there.
        name::check(&name).map_err(|problem| PackError::Name { name: name.clone(), problem })?;
        tree.add_file(&name, read(&package_dir.join(&name))?)?;
    }
    tree.add_file(metadata::FILE_NAME, metadata.to_vec())?;
    Ok(Some(tree.to_zip()?))
}

/// Files of the package that belong to its interface besides those in `api/`.
fn api_includes(metadata: &[u8]) -> Vec<String> {
    #[derive(Default, serde::Deserialize)]
    struct Properties {
        #[serde(default)]
        api_includes: Vec<String>,
    }
    #[derive(serde::Deserialize)]
    struct File {
        #[serde(default)]
        properties: Properties,
    }
    serde_json::from_slice::<File>(metadata).map(|file| file.properties.api_includes).unwrap_or_default()
}

fn read(path: &Path) -> Result<Vec<u8>, AssembleError> {
    std::fs::read(path).map_err(|source| AssembleError::Read { path: path.to_owned(), source })
}

#[cfg(test)]
#[path = "assemble_tests.rs"]
mod tests;
