//! Removing a package, and all authority it had or gave. Its saved state, databases, other drives and kept zips stay: they
//! belong to whoever used it, and [`crate::purge`] removes them.

use wharf_process_lib::{CallError, kernel, vfs};
use wharf_types::PackageId;

use crate::error::StoreError;
use crate::listed;
use crate::paths::Target;
use crate::record::{Record, Work};

/// How often to look for processes that were spawned while others were being ended.
const ROUNDS_MAX: usize = 8;

/// Ends the processes of a package, removes its files, and forgets it.
pub(crate) fn uninstall(record: &mut Record, package: &PackageId) -> Result<(), StoreError> {
    if record.find(package).is_none() {
        return Err(StoreError::NotInstalled(package.clone()));
    }
    let target = Target::new(package)?;
    record.remove_with(package, Work::Uninstall, || remove(&target))?;
    listed::unfollow(package);
    Ok(())
}

/// Ends every process of a package, those that its processes spawned included, revokes what they held, handed on and
/// issued, and removes its files. What is not there need not be removed, so that doing it again after a failure works.
pub(crate) fn remove(target: &Target) -> Result<(), StoreError> {
    end_processes(target)?;
    // Also of processes that ended long ago: what they handed on would outlive the package otherwise.
    kernel::revoke_package(target.package())?;
    if vfs::exists(&target.drive())? {
        vfs::remove_dir_all(&target.drive())?;
    }
    Ok(())
}

/// Looks again after each round: a process may have spawned another before it was ended.
fn end_processes(target: &Target) -> Result<(), StoreError> {
    let mut refused = None;
    for _ in 0..ROUNDS_MAX {
        let processes = kernel::processes()?;
        let mut left = processes.iter().filter(|process| process.id.is_in(target.package())).peekable();
        if left.peek().is_none() {
            return Ok(());
        }
        for process in left {
            match kernel::kill(&process.id) {
                Ok(()) => {}
                // It ended by itself since it was listed; if not, the next round finds it.
                Err(error @ CallError::Refused { .. }) => refused = Some(error),
                Err(error) => return Err(error.into()),
            }
        }
    }
    Err(refused.map_or_else(|| StoreError::StillRunning(target.package().clone()), StoreError::from))
}
