//! What can be typed: for whoever completes what the owner types.

use wharf_process_lib::Request;
use wharf_types::app_store::{AppStoreRequest, AppStoreResponse};
use wharf_types::terminal::TerminalList;
use wharf_types::{PackageId, ProcessId};

use crate::error::TerminalError;
use crate::{Terminal, aliases, script};

const APP_STORE_S: u64 = 10;
/// Most scripts that are listed.
const SCRIPTS_MAX: usize = 4096;

/// Everything that can be typed. A package whose scripts cannot be read, or whose `scripts.json` is too long, has
/// none.
pub(crate) fn list(terminal: &Terminal) -> Result<TerminalList, TerminalError> {
    let mut scripts = Vec::new();
    for package in packages(&terminal.our.process().package_id())? {
        let Ok(of_package) = script::of_package(&package) else { continue };
        let ids = script::names(&of_package)
            .filter_map(|name| ProcessId::new(name, &package.package_name, &package.publisher_node).ok())
            .filter(ProcessId::is_creatable);
        scripts.extend(ids.take(SCRIPTS_MAX.saturating_sub(scripts.len())));
    }
    scripts.sort();
    Ok(TerminalList { aliases: aliases::all(&terminal.saved), scripts, running: terminal.runs.processes() })
}

fn packages(own: &PackageId) -> Result<Vec<PackageId>, TerminalError> {
    let app_store = script::app_store()?;
    let request = Request::to_local(&app_store)
        .json(&AppStoreRequest::Packages)
        .map_err(|source| TerminalError::Json { tried: "ask what is installed", source })?;
    let answer = request.send_and_await_response(APP_STORE_S)?;
    // The packages that come with the node are not among those that it installed.
    let mut packages = vec![own.clone(), app_store.package_id()];
    match answer.json() {
        Ok(AppStoreResponse::PackagesResponse(list)) => packages.extend(list.into_iter().map(|one| one.package_id)),
        Ok(_) => {}
        Err(source) => return Err(TerminalError::Json { tried: "read what is installed", source }),
    }
    Ok(packages)
}
