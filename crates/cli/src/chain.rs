//! Speaking with `chain:app-store:sys`: the node's own registries, and updates without being asked.

use std::thread;
use std::time::{Duration, Instant};

use wharf_registry::chain::{ChainError, ChainRequest, ChainResponse, Updates};
use wharf_registry::{Digest, PackageRef, Version};
use wharf_types::ProcessId;

use crate::client::{Answer, Client, QUICK_S, unexpected};
use crate::commands::install::{CHANGE_WAIT_S, reason};
use crate::errors::{CliError, CliResult};
use crate::output::note;
use crate::pins::{Pin, Pins};

/// How often one asks whether a look of the node's own has ended.
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// The process.
pub(crate) fn process() -> CliResult<ProcessId> {
    ProcessId::new("chain", "app-store", "sys").map_err(CliError::bad_input)
}

/// Asks it. A refusal is an error, with its reason.
pub(crate) fn ask(client: &Client, request: &ChainRequest) -> CliResult<ChainResponse> {
    match try_ask(client, request, QUICK_S)? {
        Ok(response) => Ok(response),
        Err((_, why)) => Err(CliError::refused(why)),
    }
}

type Asked = Result<ChainResponse, (ChainError, String)>;

fn try_ask(client: &Client, request: &ChainRequest, wait_s: u64) -> CliResult<Asked> {
    let Answer { body, failure, .. }: Answer<ChainResponse> = client.ask(&process()?, request, None, wait_s)?;
    Ok(match body {
        ChainResponse::Err(error) => Err((error, reason(failure))),
        response => Ok(response),
    })
}

/// How updates stand.
pub(crate) fn updates(client: &Client) -> CliResult<Updates> {
    match ask(client, &ChainRequest::Updates)? {
        ChainResponse::Updates(updates) => Ok(updates),
        other => Err(unexpected("the app store", &other)),
    }
}

/// Asks for something that has no answer but that it is done.
pub(crate) fn done(client: &Client, request: &ChainRequest) -> CliResult<()> {
    match ask(client, request)? {
        ChainResponse::Done | ChainResponse::AutoUpdateStarted | ChainResponse::AutoUpdateStopped => Ok(()),
        other => Err(unexpected("the app store", &other)),
    }
}

/// Has the node look at its registries, and waits for the end of that. One that is under way is waited for first.
pub(crate) fn look(client: &Client) -> CliResult<Updates> {
    let deadline = Instant::now() + Duration::from_secs(CHANGE_WAIT_S);
    loop {
        match try_ask(client, &ChainRequest::Look, CHANGE_WAIT_S)? {
            Ok(ChainResponse::Looked) => return updates(client),
            Ok(other) => return Err(unexpected("the app store", &other)),
            Err((ChainError::Busy, _)) if Instant::now() < deadline => thread::sleep(ASK_AGAIN),
            Err((_, why)) => return Err(CliError::refused(why)),
        }
    }
}

/// What is known of releases that were installed on a node: by `wharf`, and by the node itself.
pub(crate) struct Known {
    pins: Pins,
    updates: Option<Updates>,
}

impl Known {
    /// Asks the node. One that cannot say leaves what `wharf` knows.
    pub(crate) fn of(pins: Pins, client: &Client) -> Self {
        Self { pins, updates: updates(client).ok() }
    }

    /// Where a package came from, if it came from a registry.
    pub(crate) fn registry(&self, package: &PackageRef) -> Option<&str> {
        let updates = || self.updates.as_ref()?.packages.get(package)?.registry.as_deref();
        self.pins.registry(package).or_else(updates)
    }

    /// What a version had in it, if that is another content than this.
    pub(crate) fn other(&self, package: &PackageRef, version: &Version, digest: &Digest) -> Option<&Digest> {
        let updates = || self.updates.as_ref()?.packages.get(package)?.versions.get(&version.to_string());
        self.pins.other(package, version, digest).or_else(|| updates().filter(|known| *known != digest))
    }
}

/// Tells the node what was installed from a registry. It is installed in any case: a node that does not listen is a remark.
pub(crate) fn remember(client: &Client, pin: &Pin) {
    let told = done(
        client,
        &ChainRequest::Remember {
            registry: pin.registry.clone(),
            package: pin.package.clone(),
            version: pin.version.to_string(),
            sha256: pin.digest.clone(),
        },
    );
    if let Err(error) = told {
        note(&format!("the node does not know where {} came from: {}", pin.package, error.message()));
    }
}
