//! What `main` asks `chain:app-store:sys`: what the registries say of a package, and that it is updated by itself or not.
//!
//! None of it decides whether an install goes well: a listing is a stranger's word, and the process may be gone.

use serde_json::Value;
use wharf_process_lib::{ProcessId, Request, println};
use wharf_registry::chain::{App, ChainRequest, ChainResponse};
use wharf_types::PackageId;

use crate::CHAIN;
use crate::paths::ZipHash;

/// How long the process is waited for; it never waits for anybody itself.
const WAIT_S: u64 = 60;

/// The metadata of the version with this zip, as a registry has it.
pub(crate) fn metadata(package: &PackageId, hash: &ZipHash) -> Option<Value> {
    let (app, version) = listed(package, hash)?;
    let mut metadata = app.metadata?;
    metadata.properties.current_version = version;
    // The version that is meant, which need not be the newest.
    metadata.properties.code_hashes.retain(|(_, listed)| listed == hash.as_str());
    serde_json::to_value(metadata).ok()
}

/// A package was installed that was not there: if it is what a registry of the node lists, it is updated from there.
pub(crate) fn follow(package: &PackageId, hash: &ZipHash) {
    if listed(package, hash).is_some() {
        tell(&ChainRequest::StartAutoUpdate(package.clone()));
    }
}

/// A package is gone.
pub(crate) fn unfollow(package: &PackageId) {
    tell(&ChainRequest::StopAutoUpdate(package.clone()));
}

/// What is listed of a package that has this zip, and as which version.
fn listed(package: &PackageId, hash: &ZipHash) -> Option<(App, String)> {
    let ChainResponse::GetApp(app) = ask(&ChainRequest::GetApp(package.clone()))? else { return None };
    let app = app?;
    let hashes = &app.metadata.as_ref()?.properties.code_hashes;
    let (version, _) = hashes.iter().rev().find(|(_, listed)| listed == hash.as_str())?;
    let version = version.clone();
    Some((*app, version))
}

fn tell(request: &ChainRequest) {
    match ask(request) {
        None | Some(ChainResponse::AutoUpdateStarted | ChainResponse::AutoUpdateStopped) => {}
        // Which is so of a package that never came from a registry.
        Some(other) => println!("{request:?}: {other:?}"),
    }
}

fn ask(request: &ChainRequest) -> Option<ChainResponse> {
    let chain = ProcessId::new(CHAIN, "app-store", "sys").ok()?;
    let answer = Request::to_local(&chain).json(request).ok()?.send_and_await_response(WAIT_S);
    match answer.map_err(|error| error.to_string()).and_then(|it| it.json().map_err(|error| error.to_string())) {
        Ok(response) => Some(response),
        Err(error) => {
            println!("what the registries list is not known: {error}");
            None
        }
    }
}
