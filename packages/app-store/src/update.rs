//! Updates that nobody asked for: what `chain:app-store:sys` brings is installed only if the owner would not be asked.
//!
//! The zip is looked at as `wharf install` looks at one from a registry: its hash, that it says itself that it is this
//! version of this package, its signature and whether it is the one that is needed, and what it asks for. What the owner
//! would be asked about waits for the owner.

use serde::{Deserialize, Serialize};
use wharf_package::trust::Standing;
use wharf_package::{Difference, Held, Package, release};
use wharf_process_lib::{Message, NodeName, Response, kernel, println};
use wharf_registry::Version;
use wharf_types::app_store::InstalledPackage;
use wharf_types::ask::Ask;
use wharf_types::{PackageId, ProcessId};

use crate::chain::is_newer;
use crate::error::StoreError;
use crate::paths::{Target, ZipHash};
use crate::prepare::Told;
use crate::record::Record;
use crate::{downloads, granted, install, trust};

/// Most rights that are named in a reason.
const NAMED_MAX: usize = 8;

/// What `chain:app-store:sys` asks of `main`, beside what everybody may ask.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum UpdateRequest {
    /// Put the zip in the blob in place of the installed version.
    Update {
        /// Of which package.
        package_id: PackageId,
        /// Which version.
        version: String,
        /// SHA-256 of the zip, hex.
        version_hash: String,
    },
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum UpdateResponse {
    /// It is installed.
    Updated,
    /// The owner has to be asked.
    Waits {
        /// About what.
        reason: String,
    },
    /// It cannot be installed; the version from before is in place.
    Failed {
        /// Why.
        reason: String,
    },
    /// The package is gone, or not older any more.
    Outdated {
        /// Which of these.
        reason: String,
    },
}

/// Answers a request, if it is one for an update.
pub(crate) fn answer(node: &NodeName, record: &mut Record, message: &Message) -> bool {
    let Ok(UpdateRequest::Update { package_id, version, version_hash }) = message.json() else { return false };
    let zip = message.blob().map(|blob| blob.bytes).unwrap_or_default();
    let response = update(node, record, &Wanted { package: &package_id, version: &version, hash: &version_hash }, zip)
        .unwrap_or_else(|error| UpdateResponse::Failed { reason: error.to_string() });
    println!("update of {package_id} to version {version}: {response:?}");
    // An answer of texts can be written.
    Response::new().body(serde_json::to_vec(&response).unwrap_or_default()).send();
    true
}

struct Wanted<'a> {
    package: &'a PackageId,
    version: &'a str,
    hash: &'a str,
}

fn update(
    node: &NodeName,
    record: &mut Record,
    wanted: &Wanted<'_>,
    zip: Vec<u8>,
) -> Result<UpdateResponse, StoreError> {
    let package = wanted.package;
    let outdated = |reason: &str| Ok(UpdateResponse::Outdated { reason: format!("{package} {reason}") });
    let Some(installed) = record.find(package) else { return outdated("is not installed") };
    if !wanted.version.parse::<Version>().is_ok_and(|version| is_newer(&version, installed)) {
        return outdated("is not older");
    }
    let (target, hash) = (Target::new(package)?, ZipHash::parse(wanted.hash)?);
    let actual = ZipHash::of(&zip);
    if actual != hash {
        let (wanted, actual) = (hash.as_str().to_owned(), actual.as_str().to_owned());
        return Err(StoreError::HashMismatch { package: target.package().clone(), wanted, actual });
    }
    let checked = Package::check(&zip)?;
    release::metadata_of(&checked, package, wanted.version)?;
    let signer = trust::signer(package, &zip)?;
    if let Some(reason) = consent(record, installed, signer.as_deref(), &checked)? {
        return Ok(UpdateResponse::Waits { reason });
    }
    downloads::add(record, package, zip)?;
    install::install(node, record, package, hash.as_str(), Told::Nothing)?;
    Ok(UpdateResponse::Updated)
}

/// What the owner has to be asked about, if there is something.
fn consent(
    record: &Record,
    installed: &InstalledPackage,
    signer: Option<&str>,
    new: &Package,
) -> Result<Option<String>, StoreError> {
    let package = &installed.package_id;
    if trust::check(record, package, signer)? == Standing::FirstSeen {
        let key = signer.unwrap_or_default();
        return Ok(Some(format!("it is signed with the key {key}, which is not known here")));
    }
    let granted = granted::granted(record, package).unwrap_or_else(|error| {
        // All of it counts as new then.
        println!("what {package} was given before is not known: {error}");
        Vec::new()
    });
    let held = match held(installed) {
        Ok(held) => held,
        // The owner may have taken something from it, or ended it: only he gives that back.
        Err(process) => return Ok(Some(format!("{process} does not run, so what it may do now is not known"))),
    };
    let difference = Difference::new(&granted, &new.asks(package), |ask| held.lost(package, ask));
    Ok(difference.adds().then(|| {
        let more: Vec<&Ask> = difference.new.iter().chain(&difference.given_again).collect();
        let named = more.iter().take(NAMED_MAX).map(|ask| format!("{} {}", ask.process, ask.text));
        let named = named.collect::<Vec<_>>().join("; ");
        match more.len().saturating_sub(NAMED_MAX) {
            0 => format!("it asks for more: {named}"),
            rest => format!("it asks for more: {named}; and {rest} more"),
        }
    }))
}

/// What the processes hold; fails with the first that is gone.
fn held(installed: &InstalledPackage) -> Result<Held, &ProcessId> {
    let mut held = Held::default();
    for process in &installed.processes {
        let capabilities = kernel::capabilities(process).map_err(|_| process)?;
        held.add(process.clone(), &capabilities);
    }
    Ok(held)
}
