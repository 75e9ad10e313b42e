//! From a package's source folder and its compiled modules to its zip.

use std::path::{Path, PathBuf};

use wharf_types::PackageId;

use crate::componentize::{ComponentizeError, componentize};
use crate::error::{ManifestError, MetadataError, PackageError};
use crate::manifest::{self, Manifest};
use crate::metadata::{self, Metadata};
use crate::pack::{PackError, Tree};
use crate::package::{API_FILE_NAME, Package};
use crate::scripts::{self, Scripts};
use crate::wasm::WasmKind;

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

/// Puts together the zip of the package in `package_dir`, without writing anything.
///
/// The zip holds everything in `pkg/`, `metadata.json`, the folder `api/` as `api.zip`, and a component for every
/// process and script. The component `x-y.wasm` is made of the module `x_y.wasm` in `modules_dir`; where there is no
/// such module, a component must be in `pkg/` already (from a compiler that makes components).
pub fn assemble(package_dir: &Path, modules_dir: &Path) -> Result<Assembled, AssembleError> {
    let metadata_bytes = read(&package_dir.join(metadata::FILE_NAME))?;
    let package = Metadata::parse(&metadata_bytes)?.package_id()?;
    let manifest_bytes = read(&package_dir.join("pkg").join(manifest::FILE_NAME))?;
    let manifest = Manifest::parse(&manifest_bytes)?;

    let mut tree = Tree::default();
    tree.add_dir(&package_dir.join("pkg"))?;
    if let Some(api) = pack_api(package_dir, &metadata_bytes)? {
        tree.add_file(API_FILE_NAME, api)?;
    }
    tree.add_file(metadata::FILE_NAME, metadata_bytes)?;

    let scripts = tree.file(scripts::FILE_NAME).map(Scripts::parse).transpose()?.unwrap_or_default();
    let processes = manifest.entries().iter().map(|entry| entry.wasm_name());
    for wasm in processes.chain(scripts.iter().map(|(wasm, _)| wasm)) {
        add_component(&mut tree, wasm, modules_dir)?;
    }
    let zip = tree.to_zip()?;
    let contents = Package::check(&zip)?;
    Ok(Assembled { package, zip, contents })
}

fn add_component(tree: &mut Tree, wasm: &str, modules_dir: &Path) -> Result<(), AssembleError> {
    // Compilers name a library after its crate, with underscores; package files have hyphens. Folders do not count.
    let file = wasm.rsplit('/').next().unwrap_or(wasm);
    let module = modules_dir.join(file.replace('-', "_"));
    let bytes = match std::fs::read(&module) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return match tree.file(wasm) {
                Some(_) => Ok(()),
                None => Err(AssembleError::NoModule { wasm: wasm.to_owned(), module }),
            };
        }
        Err(source) => return Err(AssembleError::Read { path: module, source }),
    };
    let component = match WasmKind::of(&bytes) {
        WasmKind::Component => bytes,
        _ => componentize(&bytes).map_err(|source| AssembleError::Componentize { module, source })?,
    };
    Ok(tree.add_file(wasm, component)?)
}

/// `api.zip`: the interfaces, and the metadata that says whose they are.
fn pack_api(package_dir: &Path, metadata: &[u8]) -> Result<Option<Vec<u8>>, AssembleError> {
    let dir = package_dir.join("api");
    if !dir.is_dir() {
        return Ok(None);
    }
    let mut tree = Tree::default();
    tree.add_dir(&dir)?;
    tree.add_file(metadata::FILE_NAME, metadata.to_vec())?;
    Ok(Some(tree.to_zip()?))
}

fn read(path: &Path) -> Result<Vec<u8>, AssembleError> {
    std::fs::read(path).map_err(|source| AssembleError::Read { path: path.to_owned(), source })
}

#[cfg(test)]
#[path = "assemble_tests.rs"]
mod tests;
