//! From a request to its answer.

use wharf_process_lib::{Capability, Failure, Message, PackageId, ProcessId, Response};
use wharf_registry::chain::{CHANGE, ChainError, ChainRequest, ChainResponse, EVERY_S_MAX, EVERY_S_MIN, Updates};
use wharf_registry::{Digest, PackageRef, Version};

use super::Chain;
use super::listings::{Listings, Updated};
use super::look::AskedBy;
use super::record::RecordError;

/// Longest address of a registry.
const REGISTRY_BYTES_MAX: usize = 2048;

/// Why nothing was done: for programs, and for people.
struct Refusal(ChainError, String);

impl From<RecordError> for Refusal {
    fn from(error: RecordError) -> Self {
        let kind = match error {
            RecordError::TooMany(..) => ChainError::TooMany,
            RecordError::State(_) | RecordError::Version(_) => ChainError::NotSaved,
        };
        Self(kind, error.to_string())
    }
}

/// Does what a request asks, and answers it; a look is answered when it is done.
pub(super) fn answer(chain: &mut Chain, message: &Message) {
    let done = match message.json::<ChainRequest>() {
        Ok(request) => perform(chain, request, message),
        Err(error) => Err(Refusal(ChainError::Malformed, format!("not a request to the listings: {error}"))),
    };
    match done {
        Ok(Some(response)) => send(&response, None),
        Ok(None) => {}
        Err(Refusal(error, why)) => send(&ChainResponse::Err(error), Some(&why)),
    }
}

/// Sends an answer, with the reason of a failure.
pub(super) fn send(response: &ChainResponse, why: Option<&str>) {
    let body = serde_json::to_vec(response).unwrap_or_default();
    let answer = Response::new().body(body);
    match why {
        Some(why) => answer.metadata(Failure::new(why).to_metadata()).send(),
        None => answer.send(),
    }
}

fn perform(chain: &mut Chain, request: ChainRequest, message: &Message) -> Result<Option<ChainResponse>, Refusal> {
    may(chain, &request, message)?;
    let updated = |package: &PackageRef| match chain.record.is_updated(package) {
        true => Updated::ByItself,
        false => Updated::ByTheOwner,
    };
    let response = match request {
        ChainRequest::GetApp(id) => {
            let package = PackageRef::of(&id).ok();
            let app = package.and_then(|package| chain.listings.app(&package, updated(&package)));
            ChainResponse::GetApp(app.map(Box::new))
        }
        ChainRequest::GetApps => ChainResponse::GetApps(chain.listings.apps(|_| true, updated)),
        ChainRequest::GetOurApps => {
            let node = chain.our.node().as_str();
            ChainResponse::GetOurApps(chain.listings.apps(|package| package.publisher() == node, updated))
        }
        ChainRequest::StartAutoUpdate(id) => {
            start(chain, &id)?;
            ChainResponse::AutoUpdateStarted
        }
        ChainRequest::StopAutoUpdate(id) => {
            chain.record.stop(&package(&id)?)?;
            ChainResponse::AutoUpdateStopped
        }
        ChainRequest::Reset => {
            chain.record.try_again()?;
            chain.listings = Listings::default();
            // Answered first: to look takes a while.
            send(&ChainResponse::ResetOk, None);
            chain.begin(AskedBy::Clock);
            return Ok(None);
        }
        ChainRequest::Updates => ChainResponse::Updates(updates(chain)),
        ChainRequest::AddRegistry { registry } => {
            chain.record.add_registry(checked(registry)?)?;
            ChainResponse::Done
        }
        ChainRequest::RemoveRegistry { registry } => {
            chain.record.remove_registry(&registry)?;
            ChainResponse::Done
        }
        ChainRequest::LookEvery { seconds } => {
            if seconds.is_some_and(|seconds| !(EVERY_S_MIN..=EVERY_S_MAX).contains(&seconds)) {
                let why = format!("the time between two looks is {EVERY_S_MIN} to {EVERY_S_MAX} seconds");
                return Err(Refusal(ChainError::Malformed, why));
            }
            chain.record.look_every(seconds)?;
            chain.plan();
            ChainResponse::Done
        }
        ChainRequest::Look if chain.look.is_some() => {
            return Err(Refusal(ChainError::Busy, ChainError::Busy.to_string()));
        }
        ChainRequest::Look => {
            chain.record.try_again()?;
            chain.begin(AskedBy::Someone);
            return Ok(None);
        }
        ChainRequest::Remember { registry, package, version, sha256 } => {
            remember(chain, &registry, &package, &version, &sha256)?;
            ChainResponse::Done
        }
    };
    Ok(Some(response))
}

/// Whether the sender may ask for this.
fn may(chain: &Chain, request: &ChainRequest, message: &Message) -> Result<(), Refusal> {
    let refused = |why: &str| Err(Refusal(ChainError::NotAllowed, why.to_owned()));
    if !message.is_local() {
        return refused("this node's listings are for its own processes");
    }
    // The owner speaks as the web server, and nobody else does.
    let is_owner = message.is_from(&ProcessId::system("http-server"));
    let is_main = message.is_from(&chain.main);
    match request {
        ChainRequest::GetApp(_) | ChainRequest::GetApps | ChainRequest::GetOurApps | ChainRequest::Updates => Ok(()),
        ChainRequest::StartAutoUpdate(_) | ChainRequest::StopAutoUpdate(_) | ChainRequest::Reset => {
            let wanted = Capability::new(chain.our.clone(), CHANGE).key();
            let shows = || message.capabilities().iter().any(|shown| wanted.is_some() && shown.key() == wanted);
            if is_owner || is_main || shows() {
                return Ok(());
            }
            refused("that takes this process's capability {\"root\":true}, shown with the request")
        }
        ChainRequest::AddRegistry { .. }
        | ChainRequest::RemoveRegistry { .. }
        | ChainRequest::LookEvery { .. }
        | ChainRequest::Look
        | ChainRequest::Remember { .. } => {
            if is_owner {
                return Ok(());
            }
            refused("that is for the node's owner only")
        }
    }
}

fn package(id: &PackageId) -> Result<PackageRef, Refusal> {
    PackageRef::of(id).map_err(|error| Refusal(ChainError::NoPackage, error.to_string()))
}

/// Updates come from where the package came from, if that is a registry of the node, else from the first that lists it.
fn start(chain: &mut Chain, id: &PackageId) -> Result<(), Refusal> {
    let package = package(id)?;
    let is_ours = |registry: &&str| chain.record.registries().iter().any(|ours| ours == registry);
    let before = chain.record.find(&package).and_then(|followed| followed.registry.as_deref());
    let listed = chain.listings.find(&package).map(|listing| listing.registry());
    let Some(registry) = before.filter(is_ours).or(listed.filter(is_ours)).map(str::to_owned) else {
        let why = match before {
            Some(before) => format!("{package} came from {before}, which is no registry of this node"),
            None => format!("no registry of this node is known to have {package}"),
        };
        return Err(Refusal(ChainError::NoPackage, why));
    };
    Ok(chain.record.start(&package, &registry)?)
}

fn remember(
    chain: &mut Chain,
    registry: &str,
    package: &PackageRef,
    version: &str,
    sha256: &Digest,
) -> Result<(), Refusal> {
    let malformed = |why: String| Refusal(ChainError::Malformed, why);
    if registry.len() > REGISTRY_BYTES_MAX {
        return Err(malformed(format!("the address of a registry has at most {REGISTRY_BYTES_MAX} bytes")));
    }
    let version: Version =
        version.parse().map_err(|error| malformed(format!("`{version}` is not a version: {error}")))?;
    Ok(chain.record.remember(package, registry, &version, sha256)?)
}

/// A web server, as it is written. Whether it may be asked, and how, is for the HTTP client to say.
fn checked(registry: String) -> Result<String, Refusal> {
    let is_web = registry.starts_with("https://") || registry.starts_with("http://");
    let is_plain = registry.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'@' | b'\\'));
    if is_web && is_plain && registry.ends_with('/') && registry.len() <= REGISTRY_BYTES_MAX {
        return Ok(registry);
    }
    let why = "a registry that the node asks itself is a web server, `http(s)://host[:port]/[path/]`";
    Err(Refusal(ChainError::Malformed, why.to_owned()))
}

fn updates(chain: &Chain) -> Updates {
    Updates {
        registries: chain.record.registries().to_vec(),
        every_s: chain.record.every_s(),
        is_looking: chain.look.is_some(),
        last_look: chain.last_look.clone(),
        packages: chain.record.packages().clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_servers_are_registries_of_a_node() {
        for good in ["https://packages.example/", "http://127.0.0.1:8000/a/b/", "https://[::1]/"] {
            assert!(checked(good.to_owned()).is_ok(), "{good}");
        }
        let long = format!("https://{}/", "a".repeat(REGISTRY_BYTES_MAX));
        for bad in [
            "",
            "/srv/packages",
            "oci://ghcr.io/",
            "https://a",
            "https://a/?x=/",
            "https://u@a/",
            "https://a b/",
            &long,
        ] {
            assert!(checked(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
