//! Where a script is, and what it was granted.

use sha2::{Digest, Sha256};
use wharf_package::ArchiveLimits;
use wharf_package::describe::script_subject;
use wharf_package::plan;
use wharf_package::scripts::{FILE_NAME, Scripts};
use wharf_process_lib::{Request, vfs};
use wharf_types::app_store::{AppStoreRequest, AppStoreResponse, GrantedScripts};
use wharf_types::ask::Ask;
use wharf_types::{Failure, IdError, PackageId, ProcessId};

use crate::error::TerminalError;

/// How long the app store may take to look into a package.
const APP_STORE_S: u64 = 60;
/// Publisher of the packages that come with the node. The app store installs none of it, so nobody else has it.
const NODE_PUBLISHER: &str = "sys";
/// Most of a `scripts.json` that is read: the package may have put anything there.
const SCRIPTS_BYTES_MAX: u64 = 1 << 20;

/// A script that can be run.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    /// Its component, as a path in the vfs.
    pub(crate) wasm_path: String,
    /// The component.
    pub(crate) wasm: Vec<u8>,
    /// Everything that it asks for, all of which was granted.
    pub(crate) granted: Vec<Ask>,
}

/// Finds a script. Its id was checked before: each part of it is a plain name.
pub(crate) fn find(script: &ProcessId) -> Result<Script, TerminalError> {
    let package = script.package_id();
    let scripts = of_package(&package)?;
    let wasm = format!("{}.wasm", script.process());
    let Some(asks) = scripts.asks(&package, &wasm) else {
        let others = names(&scripts).map(str::to_owned).collect();
        return Err(TerminalError::NoScript { package, name: script.process().to_owned(), others });
    };
    let granted = granted(&package)?;
    if let Some(granted) = &granted {
        check_asks(script, granted, &wasm, &asks)?;
    }
    let wasm_path = plan::file(&package, &wasm);
    let component = read(&wasm_path, ArchiveLimits::default().entry_bytes_max)?;
    if let Some(granted) = &granted {
        check_component(script, granted, &wasm, &component)?;
    }
    Ok(Script { wasm: component, wasm_path, granted: asks })
}

/// The scripts of a package.
pub(crate) fn of_package(package: &PackageId) -> Result<Scripts, TerminalError> {
    let path = plan::file(package, FILE_NAME);
    if !vfs::exists(&path)? {
        return Err(TerminalError::NoScripts(package.clone()));
    }
    Scripts::parse(&read(&path, SCRIPTS_BYTES_MAX)?)
        .map_err(|source| TerminalError::Scripts { package: package.clone(), source: Box::new(source) })
}

/// What they are called by: their files without `.wasm`.
pub(crate) fn names(scripts: &Scripts) -> impl Iterator<Item = &str> {
    scripts.iter().filter_map(|(wasm, _)| wasm.strip_suffix(".wasm"))
}

/// The whole of a file, if it is not too long to be what it should be.
fn read(path: &str, bytes_max: u64) -> Result<Vec<u8>, TerminalError> {
    let len = vfs::metadata(path)?.len;
    if len > bytes_max {
        return Err(TerminalError::TooLong { path: path.to_owned(), len, bytes_max });
    }
    Ok(vfs::read(path)?)
}

fn check_asks(script: &ProcessId, granted: &GrantedScripts, wasm: &str, asks: &[Ask]) -> Result<(), TerminalError> {
    let subject = script_subject(wasm);
    let is_granted =
        |ask: &&Ask| granted.asks.iter().any(|granted| granted.process == subject && granted.is_same_as(ask));
    match asks.iter().find(|ask| !is_granted(ask)) {
        Some(ask) => Err(TerminalError::NotGranted { script: script.clone(), ask: Box::new(ask.clone()) }),
        None => Ok(()),
    }
}

/// What was granted was granted to this code, which may have been signed, and to no other.
fn check_component(
    script: &ProcessId,
    granted: &GrantedScripts,
    wasm: &str,
    component: &[u8],
) -> Result<(), TerminalError> {
    let actual: String = Sha256::digest(component).iter().map(|byte| format!("{byte:02x}")).collect();
    match granted.components.get(wasm) {
        Some(installed) if *installed == actual => Ok(()),
        _ => Err(TerminalError::Changed { script: script.clone(), wasm: wasm.to_owned() }),
    }
}

/// What the owner agreed to. `scripts.json` and the components lie in the package's own drive, which its processes may write
/// to; the app store keeps the zip that was installed, and says what is in that one. `None` for the node's own packages: the
/// node puts them in place, and their drives are its own.
fn granted(package: &PackageId) -> Result<Option<GrantedScripts>, TerminalError> {
    if package.publisher_node == NODE_PUBLISHER {
        return Ok(None);
    }
    let unknown = |reason: String| TerminalError::GrantsUnknown { package: package.clone(), reason };
    let request = Request::to_local(&app_store()?)
        .json(&AppStoreRequest::GrantedScripts(package.clone()))
        .map_err(|source| TerminalError::Json { tried: "ask what was granted", source })?;
    let answer = request.send_and_await_response(APP_STORE_S)?;
    // The shape has no room for a failure.
    if let Some(Failure { error }) = Failure::from_metadata(answer.metadata()) {
        return Err(unknown(error));
    }
    match answer.json() {
        Ok(AppStoreResponse::GrantedScriptsResponse(granted)) => Ok(Some(granted)),
        Ok(_) => Err(unknown("the app store answered something else".to_owned())),
        Err(error) => Err(unknown(error.to_string())),
    }
}

/// Who knows what is installed.
pub(crate) fn app_store() -> Result<ProcessId, IdError> {
    ProcessId::new("main", "app-store", NODE_PUBLISHER)
}
