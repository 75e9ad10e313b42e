//! Installing a package: all of it, or nothing.
//!
//! ```text
//! prepare            read the zip, check everything          nothing has changed
//! keep the old zip   so that it can come back
//! record.begin       from here on a restart takes it back
//! replace            end the old processes, unpack
//! start              create, grant, let others know, run
//! record.finish
//! ```
//!
//! What fails after `begin` is taken back: new processes are ended, their files removed, and the version from
//! before, if there was one, is installed again from its zip.

use serde_json::Value;
use wharf_package::PlannedProcess;
use wharf_process_lib::kernel::NewProcess;
use wharf_process_lib::{CallError, kernel, println, vfs};
use wharf_types::{NodeName, PackageId};

use crate::downloads;
use crate::error::{StoreError, Undone};
use crate::paths::{Target, ZipHash};
use crate::prepare::Prepared;
use crate::record::Record;
use crate::uninstall::remove;

/// Installs a zip that was kept, in place of any version that is there.
pub(crate) fn install(
    node: &NodeName,
    record: &mut Record,
    package: &PackageId,
    version_hash: &str,
    metadata: Option<&Value>,
) -> Result<(), StoreError> {
    // One install is unfinished at a time; beginning this one would forget another that is still to be taken back.
    recover(node, record)?;
    let prepared = Prepared::new(node, Target::new(package)?, ZipHash::parse(version_hash)?, metadata)?;
    let previous = keep_previous(prepared.target())?;
    record.begin(package, previous.as_ref())?;
    match replace_and_start(&prepared) {
        Ok(()) => record.finish(prepared.into_installed()),
        Err(error) => Err(take_back(node, record, prepared.target(), previous, error)),
    }
}

/// Takes back an install that a restart cut off.
pub(crate) fn recover(node: &NodeName, record: &mut Record) -> Result<(), StoreError> {
    let Some(unfinished) = record.unfinished().cloned() else { return Ok(()) };
    let target = Target::new(&unfinished.package_id)?;
    let previous = unfinished.previous_hash.as_deref().map(ZipHash::parse).transpose()?;
    let undone = undo(node, record, &target, previous)?;
    println!("the install of {} was cut off; {undone}", unfinished.package_id);
    Ok(())
}

/// Puts the zip of the version that is installed, recorded or not, among the downloads.
fn keep_previous(target: &Target) -> Result<Option<ZipHash>, StoreError> {
    let path = target.installed_zip();
    if !vfs::exists(&path)? {
        return Ok(None);
    }
    Ok(Some(downloads::keep(target, vfs::read(&path)?)?))
}

fn replace_and_start(prepared: &Prepared) -> Result<(), StoreError> {
    let target = prepared.target();
    remove(target)?;
    // Not as a drive of ours: that would leave the app store two capabilities for every package it ever met.
    vfs::create_dir_all(&target.drive())?;
    vfs::add_zip(&target.drive(), prepared.zip().to_vec())?;
    vfs::write(&target.installed_zip(), prepared.zip().to_vec())?;
    for planned in prepared.processes() {
        kernel::initialize(&created(planned), prepared.component(&planned.wasm))?;
        kernel::grant(&planned.id, planned.receives.clone())?;
    }
    // Only now that all exist: processes of one package may grant each other.
    for planned in prepared.processes() {
        for (holder, capability) in &planned.gives {
            match kernel::grant(holder, vec![capability.clone()]) {
                // Manifests name processes that not every node has.
                Err(CallError::Refused { tried, source }) => println!("{tried}: {source}"),
                other => other?,
            }
        }
    }
    for planned in prepared.processes() {
        kernel::run(&planned.id)?;
    }
    Ok(())
}

fn created(planned: &PlannedProcess) -> NewProcess {
    NewProcess {
        id: planned.id.clone(),
        wasm_path: planned.wasm_path.clone(),
        on_exit: planned.on_exit.clone(),
        public: planned.public,
    }
}

fn take_back(
    node: &NodeName,
    record: &mut Record,
    target: &Target,
    previous: Option<ZipHash>,
    error: StoreError,
) -> StoreError {
    let error = Box::new(error);
    match undo(node, record, target, previous) {
        Ok(undone) => StoreError::TakenBack { error, undone },
        Err(undo_error) => StoreError::NotTakenBack { error, undo_error: Box::new(undo_error) },
    }
}

/// Removes what is there and puts the version from before in its place. When that is impossible too, the package is
/// removed, and the record says so.
fn undo(
    node: &NodeName,
    record: &mut Record,
    target: &Target,
    previous: Option<ZipHash>,
) -> Result<Undone, StoreError> {
    remove(target)?;
    let Some(hash) = previous else {
        record.forget(target.package())?;
        return Ok(Undone::Removed);
    };
    let restored = Prepared::new(node, target.clone(), hash, None).and_then(|prepared| replace_and_start(&prepared));
    match restored {
        Ok(()) => {
            record.take_back()?;
            Ok(Undone::Restored)
        }
        Err(error) => {
            remove(target)?;
            record.forget(target.package())?;
            Err(error)
        }
    }
}
