//! Installing a package: all of it, or nothing.
//!
//! ```text
//! prepare            read the zip, check everything          nothing has changed
//! keep the old zip   so that it can come back
//! record.begin       from here on a restart takes it back
//! replace            end the old processes, unpack
//! start              create, grant, let others know, run; wait until they are up
//! record.finish
//! ```
//!
//! What fails after `begin` is taken back: new processes are ended, their files removed, and the version from
//! before, if there was one, is installed again from its zip. What a package keeps (other drives, databases, saved state) is
//! touched by none of this. The version that was replaced stays among the downloads, for [`roll_back`].

use wharf_package::PlannedProcess;
use wharf_process_lib::kernel::NewProcess;
use wharf_process_lib::{CallError, kernel, println, vfs};
use wharf_types::app_store::InstalledPackage;
use wharf_types::{NodeName, PackageId};

use crate::downloads;
use crate::error::{StoreError, Undone};
use crate::paths::{Target, ZipHash};
use crate::prepare::{Prepared, Told};
use crate::record::{Record, Work};
use crate::uninstall::remove;
use crate::{listed, purge, start, trust};

/// Installs a zip that was kept, in place of any version that is there.
pub(crate) fn install(
    node: &NodeName,
    record: &mut Record,
    package: &PackageId,
    version_hash: &str,
    told: Told<'_>,
) -> Result<(), StoreError> {
    let target = Target::new(package)?;
    settle(node, record, package)?;
    let hash = ZipHash::parse(version_hash)?;
    let prepared = Prepared::new(node, target, hash.clone(), told)?;
    trust::check(record, package, prepared.signed_by())?;
    let is_first = record.find(package).is_none();
    put_in_place(node, record, prepared)?;
    if is_first {
        // Of one that was there it stays as the owner has it.
        listed::follow(package, &hash);
    }
    Ok(())
}

/// Puts the version from before in place of the present one, which becomes the version from before. No signature is
/// asked for: it was when that version was installed.
pub(crate) fn roll_back(node: &NodeName, record: &mut Record, package: &PackageId) -> Result<(), StoreError> {
    let target = Target::new(package)?;
    settle(node, record, package)?;
    let installed = record.find(package).ok_or_else(|| StoreError::NotInstalled(package.clone()))?;
    let previous = installed.previous.clone().ok_or_else(|| StoreError::NoPrevious(package.clone()))?;
    let prepared = Prepared::new(node, target, ZipHash::parse(&previous.version_hash)?, Told::Before)?;
    put_in_place(node, record, prepared.of_version(previous.version))
}

/// One install is unfinished at a time; beginning another would forget one that is still to be taken back. Only the same
/// package may be put in its place: that is the way out where taking back fails for good.
fn settle(node: &NodeName, record: &mut Record, package: &PackageId) -> Result<(), StoreError> {
    match recover(node, record) {
        Err(error) if record.unfinished().is_some_and(|unfinished| unfinished.package_id == *package) => {
            println!("{error}");
            Ok(())
        }
        settled => settled,
    }
}

fn put_in_place(node: &NodeName, record: &mut Record, prepared: Prepared) -> Result<(), StoreError> {
    let target = prepared.target().clone();
    let replaced = record.find(target.package()).cloned();
    let previous = replaced.as_ref().map(|replaced| keep_previous(&target, replaced)).transpose()?.flatten();
    record.begin(target.package(), prepared.signed_by(), previous.as_ref())?;
    replace_and_start(&prepared)
        .and_then(|()| record.finish(prepared.into_installed(replaced.as_ref())))
        .map_err(|error| take_back(node, record, &target, previous, error))
}

/// Takes back an install that was cut off, or that could not be taken back before, and ends a removal that was cut off.
pub(crate) fn recover(node: &NodeName, record: &mut Record) -> Result<(), StoreError> {
    let Some(unfinished) = record.unfinished().cloned() else { return Ok(()) };
    let (package, target) = (&unfinished.package_id, Target::new(&unfinished.package_id)?);
    match unfinished.work {
        Work::Install => {
            let previous = unfinished.previous_hash.as_deref().map(ZipHash::parse).transpose()?;
            let undone = undo(node, record, &target, previous)?;
            println!("the install of {package} was cut off; {undone}");
            return Ok(());
        }
        Work::Uninstall => remove(&target)?,
        Work::Purge => purge::remove_all(&target)?,
    }
    record.forget(package, unfinished.work)?;
    println!("the removal of {package} was cut off; it is done now");
    Ok(())
}

/// Makes sure that the zip of the version that is there is among the downloads; `None` when it is lost, and there is no way
/// back.
///
/// If the kept one is gone, there is another in the package's own drive. The package may write there: it is taken only if it is
/// still the one that was installed.
fn keep_previous(target: &Target, replaced: &InstalledPackage) -> Result<Option<ZipHash>, StoreError> {
    let hash = ZipHash::parse(&replaced.version_hash)?;
    match downloads::read(target, &hash) {
        Ok(_) => return Ok(Some(hash)),
        Err(error) => println!("{error}"),
    }
    let path = target.installed_zip();
    if !vfs::exists(&path)? {
        return Ok(None);
    }
    let zip = vfs::read(&path)?;
    if ZipHash::of(&zip) != hash {
        println!("{path} is not the zip that was installed");
        return Ok(None);
    }
    Ok(Some(downloads::keep(target, zip)?))
}

fn replace_and_start(prepared: &Prepared) -> Result<(), StoreError> {
    replace_and_run(prepared)?;
    start::watch(prepared.processes())
}

fn replace_and_run(prepared: &Prepared) -> Result<(), StoreError> {
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

/// Removes what is there and puts the version from before in its place. Where that fails, the record stays as it is: it is
/// tried again before anything else is done, and after each start.
fn undo(
    node: &NodeName,
    record: &mut Record,
    target: &Target,
    previous: Option<ZipHash>,
) -> Result<Undone, StoreError> {
    remove(target)?;
    let Some(hash) = previous else {
        let undone = if record.find(target.package()).is_some() { Undone::Lost } else { Undone::Removed };
        record.forget(target.package(), Work::Install)?;
        return Ok(undone);
    };
    replace_and_run(&Prepared::new(node, target.clone(), hash, Told::Before)?)?;
    record.take_back()?;
    Ok(Undone::Restored)
}
