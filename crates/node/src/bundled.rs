//! The packages that belong to the node itself: put in place at boot, without asking, whenever they have changed.
//!
//! Everything else is installed by the app store, which is one of them.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wharf_http::Tools;
use wharf_kernel::Kernel;
use wharf_kernel::lifecycle::{NewProcess, Revocation};
use wharf_kernel::module::Access;
use wharf_package::{Package, PlannedProcess, package_id_from_file_name, plan};
use wharf_types::{PackageId, ProcessId};
use wharf_vfs::{Vfs, VfsPath};

/// The publisher of the node's own packages. A package of anyone else in their folder is left alone.
const PUBLISHER: &str = "sys";
/// Runs programs that come over the endpoint for tools, as `kit run-tests` wants it: only where those need no token.
const TESTER: &str = "tester";
/// Version of the guest interface that the node's own packages are built for.
const WIT_VERSION: u32 = 1;

/// A package could not be put in place.
#[derive(Debug, thiserror::Error)]
pub enum BundledError {
    /// The folder cannot be read.
    #[error("reading {path}: {source}")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// One of them is broken, or cannot be started.
    #[error("putting {package} in place: {reason}")]
    Package {
        /// Which.
        package: PackageId,
        /// What was tried, and why it failed.
        reason: String,
    },
}

/// Puts every package of the node that is in `folder` in place, for the tools that it serves; those that are for other tools
/// are taken away, also without a folder. Returns how many were new or had changed.
///
/// A package counts as in place once its zip is in its drive, which comes last: a boot that was cut off before is done again.
pub async fn install_all(
    kernel: &Kernel,
    vfs: &Arc<Vfs>,
    folder: Option<&Path>,
    tools: Tools,
) -> Result<usize, BundledError> {
    if tools != Tools::KitCompat {
        take_away_tester(kernel).await?;
    }
    let Some(folder) = folder else {
        tracing::warn!(
            "the node's own packages were not found, so nothing can be installed; name their folder with --packages"
        );
        return Ok(0);
    };
    let mut bundled = Vec::new();
    for (package, path) in find(folder).map_err(|source| BundledError::Folder { path: folder.to_owned(), source })? {
        if package.package_name == TESTER && tools != Tools::KitCompat {
            continue;
        }
        let placed = put_in_place(kernel, vfs, &package, &path).await;
        bundled.push(placed.map_err(|reason| BundledError::Package { package, reason })?);
    }
    let new: Vec<_> = bundled.iter().filter(|one| one.new_zip.is_some()).map(|one| one.package.clone()).collect();
    for Bundled { package, processes, .. } in &bundled {
        let given = empower(kernel, package, processes, &new).await;
        given.map_err(|reason| BundledError::Package { package: package.clone(), reason })?;
    }
    for Bundled { package, processes, new_zip } in bundled {
        let Some(zip) = new_zip else { continue };
        let kept = keep_zip(Arc::clone(vfs), package.clone(), zip).await;
        kept.map_err(|reason| BundledError::Package { package, reason })?;
        for planned in &processes {
            kernel.run(&planned.id);
        }
    }
    Ok(new.len())
}

/// A package of the node, whose processes are there.
struct Bundled {
    package: PackageId,
    processes: Vec<PlannedProcess>,
    /// Its zip, if it was not in place before.
    new_zip: Option<Vec<u8>>,
}

/// Gives processes what they ask for, and others what these offer, where a package that is new has a part in it: one that was
/// replaced lost what others gave it, and they what it gave them. All else is as the owner left it.
async fn empower(
    kernel: &Kernel,
    package: &PackageId,
    processes: &[PlannedProcess],
    new: &[PackageId],
) -> Result<(), String> {
    let is_new = |process: &ProcessId| new.iter().any(|package| process.is_in(package));
    for planned in processes {
        let mut receives = planned.receives.clone();
        receives.retain(|capability| new.contains(package) || is_new(capability.issuer.process()));
        kernel.grant(&planned.id, receives).await.map_err(|error| error.to_string())?;
        for (holder, capability) in &planned.gives {
            if new.contains(package) || is_new(holder) {
                kernel.grant(holder, vec![capability.clone()]).await.map_err(|error| error.to_string())?;
            }
        }
    }
    Ok(())
}

fn find(folder: &Path) -> io::Result<Vec<(PackageId, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        match package_id_from_file_name(name) {
            Ok(package) if package.publisher_node == PUBLISHER && package.is_creatable() => found.push((package, path)),
            _ => {}
        }
    }
    found.sort();
    Ok(found)
}

async fn put_in_place(kernel: &Kernel, vfs: &Arc<Vfs>, package: &PackageId, path: &Path) -> Result<Bundled, String> {
    let zip = std::fs::read(path).map_err(|error| format!("reading {}: {error}", path.display()))?;
    let checked = Package::check(&zip).map_err(|error| error.to_string())?;
    let processes = plan(kernel.node(), package, checked.manifest()).map_err(|error| error.to_string())?;
    let package = package.clone();
    let is_alive = processes.iter().all(|planned| kernel.is_alive(&planned.id));
    if is_alive && is_unpacked(vfs, &package, &zip) && have_components(vfs, &checked, &processes) {
        return Ok(Bundled { package, processes, new_zip: None });
    }
    // Those that another version had, and what they spawned, are not of this one.
    end_all(kernel, kernel.guests_of(&package)).await?;
    kernel.revoke_package(&package).await.map_err(|error| error.to_string())?;
    unpack(Arc::clone(vfs), package.clone(), zip.clone()).await?;
    for planned in &processes {
        let wasm = checked.component(&planned.wasm).ok_or_else(|| format!("{} is not in the zip", planned.wasm))?;
        create(kernel, planned, wasm.to_vec()).await?;
    }
    Ok(Bundled { package, processes, new_zip: Some(zip) })
}

/// Ends what a boot with other settings has left of the packages that are only for some tools, with all authority that came
/// from it. Their drives stay.
async fn take_away_tester(kernel: &Kernel) -> Result<(), BundledError> {
    let package = PackageId { package_name: TESTER.to_owned(), publisher_node: PUBLISHER.to_owned() };
    let ended = end_all(kernel, kernel.guests_of(&package)).await;
    let revoked = kernel.revoke_package(&package).await.map_err(|error| error.to_string());
    ended.and(revoked).map_err(|reason| BundledError::Package { package, reason })
}

/// The zip is written last, so one that is there and the same says that everything else was, too.
fn is_unpacked(vfs: &Vfs, package: &PackageId, zip: &[u8]) -> bool {
    plan::installed_zip(package).parse::<VfsPath>().is_ok_and(|path| vfs.read(&path).is_ok_and(|there| there == zip))
}

/// Whether each process would find its component. One that was damaged does not run, and nobody but the node puts it back.
fn have_components(vfs: &Vfs, checked: &Package, processes: &[PlannedProcess]) -> bool {
    processes.iter().all(|planned| {
        let there = planned.wasm_path.parse::<VfsPath>().ok().and_then(|path| vfs.read(&path).ok());
        there.is_some_and(|there| checked.component(&planned.wasm).is_some_and(|component| there == component))
    })
}

async fn unpack(vfs: Arc<Vfs>, package: PackageId, zip: Vec<u8>) -> Result<(), String> {
    let unpack = move || -> Result<(), String> {
        let parse = |path: String| path.parse::<VfsPath>().map_err(|error| error.to_string());
        let drive = parse(plan::drive(&package))?;
        // Now, and not when its first process begins: the node says that it is ready before that.
        vfs.create_package_drives(&package).map_err(|error| error.to_string())?;
        vfs.remove_dir_all(&drive).map_err(|error| error.to_string())?;
        vfs.add_zip(&drive, &zip).map(drop).map_err(|error| error.to_string())
    };
    tokio::task::spawn_blocking(unpack).await.map_err(|error| error.to_string())?
}

async fn keep_zip(vfs: Arc<Vfs>, package: PackageId, zip: Vec<u8>) -> Result<(), String> {
    let keep = move || {
        let path = plan::installed_zip(&package).parse::<VfsPath>().map_err(|error| error.to_string())?;
        vfs.write(&path, &zip).map_err(|error| error.to_string())
    };
    tokio::task::spawn_blocking(keep).await.map_err(|error| error.to_string())?
}

async fn end_all(kernel: &Kernel, processes: Vec<ProcessId>) -> Result<(), String> {
    for id in processes {
        kernel.kill(&id, Revocation::Revoke).await.map_err(|error| error.to_string())?;
    }
    Ok(())
}

async fn create(kernel: &Kernel, planned: &PlannedProcess, wasm: Vec<u8>) -> Result<(), String> {
    let access = if planned.public { Access::Public } else { Access::Capability };
    let new = NewProcess::installed(
        planned.id.clone(),
        planned.wasm_path.clone(),
        Some(WIT_VERSION),
        planned.on_exit.clone(),
        access,
    );
    kernel.initialize(new, Arc::new(wasm), planned.receives.clone(), None).await.map_err(|error| error.to_string())
}
