//! A package on this machine: found, packed if it is a folder, and checked.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use ring::digest::{SHA256, digest};
use serde_json::Value;
use wharf_package::pack::Tree;
use wharf_package::{
    ArchiveLimits, Manifest, ManifestEntry, Metadata, PackError, Package, Scripts, package_id_from_file_name, release,
};
use wharf_registry::Version;
use wharf_types::app_store::InstalledPackage;
use wharf_types::ask::Ask;
use wharf_types::{PackageId, ProcessId};

use crate::errors::{CliError, CliResult};
use crate::output::note;
use crate::signature;

/// Name of the file that says what a package is.
const METADATA: &str = "metadata.json";

/// Longest metadata file that is read.
const METADATA_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// A package that passed every check which can be made here.
#[derive(Debug)]
pub(crate) struct Source {
    /// What it is.
    pub(crate) package_id: PackageId,
    /// Its version, if its metadata names one.
    pub(crate) version: Option<String>,
    /// SHA-256 of the zip, hex.
    pub(crate) version_hash: String,
    /// The zip.
    pub(crate) zip: Vec<u8>,
    /// Its metadata in the form that messages have.
    pub(crate) metadata: Option<Value>,
    /// Name for people, and what it is for, if its metadata says so.
    pub(crate) about: (Option<String>, Option<String>),
    /// What it asks for.
    pub(crate) asks: Vec<Ask>,
    /// The key that signed it, if any did.
    pub(crate) signed_by: Option<String>,
    processes: Vec<ProcessId>,
}

impl Source {
    /// The package as `wharf list` shows it once it is installed.
    pub(crate) fn as_installed(&self) -> InstalledPackage {
        InstalledPackage {
            package_id: self.package_id.clone(),
            version_hash: self.version_hash.clone(),
            version: self.version.clone(),
            processes: self.processes.clone(),
            signed_by: self.signed_by.clone(),
            previous: None,
        }
    }
}

/// Reads and checks the package at `path`: a zip, a package folder, or the `pkg` folder in one.
pub(crate) fn read(path: &Path) -> CliResult<Source> {
    let kind = fs::metadata(path).map_err(|error| {
        CliError::file("read the package", path, &error)
            .hint("give a zip, or a folder with `pkg/` and `metadata.json` in it")
    })?;
    match kind.is_dir().then(|| built(path)) {
        Some(Some(zip)) => {
            note(&format!("taking {}, which was built of it", zip.display()));
            read_zip(&zip)
        }
        Some(None) => read_folder(path),
        None => read_zip(path),
    }
}

/// Checks a package of a registry, which has to say itself that it is this version of this package. `named` is for people.
pub(crate) fn published(zip: Vec<u8>, named: &Path, package: &PackageId, version: &Version) -> CliResult<Source> {
    let checked = check(named, &zip)?;
    let refused = |why: &release::NotThatRelease| {
        CliError::bad_input(format_args!("{} is refused: {why}", named.display()))
            .hint("a registry has packages with their `metadata.json` in the zip, as `wharf build` makes them")
    };
    let metadata =
        release::metadata_of(&checked, package, &version.to_string()).map_err(|error| refused(&error))?.clone();
    finish(named, zip, &checked, package.clone(), Some(&metadata))
}

/// What `wharf build` made of a package folder whose `pkg/` has no components of its own.
fn built(folder: &Path) -> Option<PathBuf> {
    let metadata = Metadata::parse(&fs::read(folder.join(METADATA)).ok()?).ok()?;
    let manifest = Manifest::parse(&fs::read(folder.join("pkg/manifest.json")).ok()?).ok()?;
    let scripts = fs::read(folder.join("pkg/scripts.json")).ok().and_then(|bytes| Scripts::parse(&bytes).ok());
    let scripts = scripts.unwrap_or_default();
    let mut components =
        manifest.entries().iter().map(ManifestEntry::wasm_name).chain(scripts.iter().map(|(wasm, _)| wasm));
    if components.all(|wasm| folder.join("pkg").join(wasm).is_file()) {
        return None;
    }
    let zip = folder.join("target").join(format!("{}.zip", metadata.package_id().ok()?));
    zip.is_file().then_some(zip)
}

fn read_zip(path: &Path) -> CliResult<Source> {
    let zip = read_at_most(path, ArchiveLimits::default().total_bytes_max)?;
    let package = check(path, &zip)?;
    let named = path.file_name().and_then(|name| name.to_str()).and_then(|name| package_id_from_file_name(name).ok());
    let metadata = match package.metadata() {
        Some(metadata) => Some(metadata.clone()),
        None => metadata_beside(path, named.as_ref())?,
    };
    let package_id = match (&metadata, named) {
        (Some(metadata), _) => id_of(metadata, path)?,
        (None, Some(named)) => named,
        (None, None) => {
            return Err(CliError::bad_input(format_args!("cannot tell which package {} is", path.display()))
                .hint("put a `metadata.json` into the zip or beside it, or name the zip `<package>:<publisher>.zip`"));
        }
    };
    finish(path, zip, &package, package_id, metadata.as_ref())
}

/// The metadata that lies next to a zip. In a folder of downloads it may be another package's: then it is not used.
fn metadata_beside(zip: &Path, named: Option<&PackageId>) -> CliResult<Option<Metadata>> {
    let path = zip.with_file_name(METADATA);
    let Some(bytes) = read_if_there(&path)? else { return Ok(None) };
    let metadata = parse_metadata(&path, &bytes)?;
    match named {
        Some(named) if id_of(&metadata, &path)? != *named => {
            note(&format!("{} is about another package and is not used", path.display()));
            Ok(None)
        }
        _ => Ok(Some(metadata)),
    }
}

fn read_folder(path: &Path) -> CliResult<Source> {
    let (pkg, outer_metadata) = places(path);
    let refused = |error: PackError| CliError::bad_input(format_args!("cannot pack {}: {error}", pkg.display()));
    let mut tree = Tree::default();
    tree.add_dir(&pkg).map_err(refused)?;
    // The metadata goes into the zip, so that the zip says what it is wherever it ends up.
    if tree.file(METADATA).is_none()
        && let Some(place) = outer_metadata
        && let Some(bytes) = read_if_there(&place)?
    {
        parse_metadata(&place, &bytes)?;
        tree.add_file(METADATA, bytes).map_err(refused)?;
    }
    let zip = tree.to_zip().map_err(refused)?;
    let package = check(&pkg, &zip)?;
    let Some(metadata) = package.metadata() else {
        return Err(CliError::bad_input(format_args!(
            "cannot tell which package {} is: there is no {METADATA}",
            path.display()
        ))
        .hint(
            "a package folder has `metadata.json` beside `pkg/`, with the package's name and publisher in `properties`",
        ));
    };
    let (package_id, metadata) = (id_of(metadata, path)?, metadata.clone());
    finish(path, zip, &package, package_id, Some(&metadata))
}

/// The folder with the package's files, and where its metadata may lie outside of it.
fn places(path: &Path) -> (PathBuf, Option<PathBuf>) {
    let inner = path.join("pkg");
    if inner.is_dir() && !path.join("manifest.json").is_file() {
        return (inner, Some(path.join(METADATA)));
    }
    // Made absolute first: `pkg` or `.` alone have no parent in their text.
    let outer = fs::canonicalize(path).ok().and_then(|path| path.parent().map(|outer| outer.join(METADATA)));
    (path.to_owned(), outer)
}

fn finish(
    path: &Path,
    zip: Vec<u8>,
    package: &Package,
    package_id: PackageId,
    metadata: Option<&Metadata>,
) -> CliResult<Source> {
    let processes = package.manifest().process_ids(&package_id);
    let processes = processes.map_err(|error| CliError::bad_input(format_args!("{}: {error}", path.display())))?;
    let signed_by = signature::signer(&package_id, &zip).map_err(|error| {
        CliError::bad_input(format_args!("{} is refused: {error}", path.display()))
            .hint("get it again from whoever made it; nothing was sent to the node")
    })?;
    let asks = package.asks(&package_id);
    Ok(Source {
        package_id,
        version: metadata.and_then(Metadata::current_version).map(str::to_owned),
        version_hash: hash(&zip),
        zip,
        metadata: metadata.map(Metadata::to_message),
        about: metadata.map(|metadata| (metadata.name.clone(), metadata.description.clone())).unwrap_or_default(),
        asks,
        signed_by,
        processes,
    })
}

fn check(path: &Path, zip: &[u8]) -> CliResult<Package> {
    Package::check(zip).map_err(|error| {
        CliError::bad_input(format_args!("{} is not a package that can be installed: {error}", path.display()))
            .hint("build it (again) with `wharf build`, or ask whoever made it; nothing was sent to the node")
    })
}

fn parse_metadata(path: &Path, bytes: &[u8]) -> CliResult<Metadata> {
    Metadata::parse(bytes).map_err(|error| CliError::bad_input(format_args!("{}: {error}", path.display())))
}

fn id_of(metadata: &Metadata, path: &Path) -> CliResult<PackageId> {
    metadata.package_id().map_err(|error| CliError::bad_input(format_args!("{}: {error}", path.display())))
}

fn read_if_there(path: &Path) -> CliResult<Option<Vec<u8>>> {
    if path.is_file() { read_at_most(path, METADATA_BYTES_MAX).map(Some) } else { Ok(None) }
}

fn read_at_most(path: &Path, bytes_max: u64) -> CliResult<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes));
    read.map_err(|error| CliError::file("read", path, &error))?;
    if bytes.len() as u64 > bytes_max {
        let too_large = format_args!("{} is larger than {bytes_max} bytes, the most that is accepted", path.display());
        return Err(CliError::bad_input(too_large));
    }
    Ok(bytes)
}

/// SHA-256 in hex, as a version of a package is named.
pub(crate) fn hash(zip: &[u8]) -> String {
    wharf_types::hex::encode(digest(&SHA256, zip).as_ref())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failure here fails the test")]
mod tests {
    use serde_json::json;
    use tempfile::TempDir;

    use super::*;

    fn metadata(publisher: &str) -> Vec<u8> {
        let properties = json!({"package_name": "chat", "publisher": publisher, "current_version": "0.1.0"});
        json!({ "properties": properties }).to_string().into_bytes()
    }

    /// A zip of this name with one process in it, and perhaps metadata.
    fn zip(dir: &TempDir, name: &str, metadata: Option<Vec<u8>>) -> PathBuf {
        let manifest = json!([{"process_name": "main", "process_wasm_path": "/main.wasm", "on_exit": "None",
            "request_networking": false, "request_capabilities": [], "grant_capabilities": [], "public": false}]);
        let scripts = json!({"main.wasm": {"root": true, "public": false, "request_networking": false}});
        let mut tree = Tree::default();
        tree.add_file("manifest.json", manifest.to_string().into_bytes()).unwrap();
        tree.add_file("scripts.json", scripts.to_string().into_bytes()).unwrap();
        tree.add_file("main.wasm", b"\0asm\x0d\0\x01\0".to_vec()).unwrap();
        if let Some(metadata) = metadata {
            tree.add_file(METADATA, metadata).unwrap();
        }
        let path = dir.path().join(name);
        fs::write(&path, tree.to_zip().unwrap()).unwrap();
        path
    }

    #[test]
    fn the_metadata_in_the_zip_comes_first() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(METADATA), metadata("beside.os")).unwrap();
        let source = read(&zip(&dir, "chat:named.os.zip", Some(metadata("inside.os")))).unwrap();
        assert_eq!(source.package_id.to_string(), "chat:inside.os");
        assert_eq!(source.version.as_deref(), Some("0.1.0"));
        assert_eq!(source.metadata.as_ref().unwrap()["properties"]["code_hashes"], json!([]));
        assert_eq!(source.as_installed().processes[0].to_string(), "main:chat:inside.os");
    }

    #[test]
    fn the_metadata_beside_the_zip_must_be_of_the_package_that_the_zip_is_named_after() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(METADATA), metadata("beside.os")).unwrap();
        let same = read(&zip(&dir, "chat:beside.os.zip", None)).unwrap();
        assert_eq!(same.version.as_deref(), Some("0.1.0"));
        let unnamed = read(&zip(&dir, "download.zip", None)).unwrap();
        assert_eq!(unnamed.package_id.to_string(), "chat:beside.os");
        let other = read(&zip(&dir, "chat:named.os.zip", None)).unwrap();
        assert_eq!((other.package_id.to_string().as_str(), other.metadata), ("chat:named.os", None));
    }

    #[test]
    fn a_zip_that_nothing_names_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert!(read(&zip(&dir, "download.zip", None)).is_err());
    }

    #[test]
    fn a_script_with_the_rights_of_the_terminal_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let source = read(&zip(&dir, "chat:named.os.zip", None)).unwrap();
        let told: Vec<String> = source.asks.iter().map(|ask| format!("{} {}", ask.process, ask.text)).collect();
        assert_eq!(
            told,
            ["script main.wasm gets every right that the terminal has: it may do everything on this node"]
        );
    }
}
