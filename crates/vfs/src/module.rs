//! The runtime module `vfs:distro:sys`: decides who may, and hands the work to a thread that may block.

use std::sync::Arc;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::Semaphore;
use wharf_kernel::envelope::Blob;
use wharf_kernel::module::{Access, Answer, Caller, Refusal, RuntimeModule};
use wharf_types::PackageId;
use wharf_types::vfs::{VfsAction, VfsError, VfsRequest, VfsResponse};

use crate::access::{Holder, Need, drive_params, need};
use crate::core::Vfs;
use crate::cursor::Who;
use crate::path::VfsPath;
use crate::perform::{Desk, Performed, parse};

const BLOB_MIME: &str = "application/octet-stream";

/// The vfs as guests know it.
#[derive(Debug)]
pub struct VfsModule {
    desk: Arc<Desk>,
    workers: Arc<Semaphore>,
}

/// Where a request is about, once it is allowed.
enum Place {
    Root,
    Package(PackageId),
    Path(VfsPath),
}

impl VfsModule {
    /// The module on top of `vfs`.
    pub fn new(vfs: Arc<Vfs>) -> Self {
        let workers = Arc::new(Semaphore::new(vfs.limits().workers_max.min(Semaphore::MAX_PERMITS)));
        Self { desk: Arc::new(Desk::new(vfs)), workers }
    }

    async fn answer(&self, caller: &Caller, request: VfsRequest, blob: Option<Blob>) -> Performed {
        let VfsRequest { path, action } = request;
        let process = caller.source().process().clone();
        let (place, is_kernel) = {
            let holds = |params: &str| caller.holds(params);
            let holder = Holder { process: &process, holds: &holds };
            (allow(&holder, &path, &action)?, holder.is_kernel())
        };
        let path = match place {
            Place::Root => return self.on_disk(Desk::list_packages).await,
            Place::Package(package) if action == VfsAction::RemoveDirAll => {
                return self.on_disk(move |desk| desk.remove_package(&package)).await;
            }
            Place::Package(package) => return self.on_disk(move |desk| desk.list_drives(&package)).await,
            Place::Path(path) => path,
        };
        // The kernel needs no capabilities.
        let grants = action == VfsAction::CreateDrive && !is_kernel;
        let granted = grants.then(|| [Need::Read, Need::Write].map(|need| drive_params(need, &path)).to_vec());
        let who = Who { process, life: Some(caller.life().clone()) };
        let performed = self
            .on_disk(move |desk| {
                let bytes = blob.as_ref().map(|blob| blob.bytes.as_slice());
                desk.perform(&who, &path, action, bytes)
            })
            .await?;
        if let Some(params) = granted {
            grant(caller, params).await?;
        }
        Ok(performed)
    }

    /// Runs `work` where it may block, of which only so much runs at a time.
    async fn on_disk(&self, work: impl FnOnce(&Desk) -> Performed + Send + 'static) -> Performed {
        let internal = || VfsError::IOError("the vfs failed; the node's log has more".to_owned());
        let permit = Arc::clone(&self.workers).acquire_owned().await.map_err(|_| internal())?;
        if Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread {
            // What else this worker has to do is taken over by another thread, unless this is done before that one is
            // awake, as it nearly always is. Going to another thread and back takes longer than most of the work does.
            let performed = tokio::task::block_in_place(|| work(&self.desk));
            drop(permit);
            return performed;
        }
        let desk = Arc::clone(&self.desk);
        let worker = tokio::task::spawn_blocking(move || {
            // Held here and not by the caller: a request that is given up still uses the disk until it is done.
            let _permit = permit;
            work(&desk)
        });
        worker.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a vfs request did not finish");
            Err(internal().into())
        })
    }
}

/// Gives the caller capabilities. One that is not there afterwards did not fit among those it has.
async fn grant(caller: &Caller, params: Vec<String>) -> Result<(), VfsError> {
    caller.grant(params.clone()).await.map_err(|error| {
        tracing::warn!(%error, process = %caller.source(), "the capabilities of a new drive were not granted");
        VfsError::AddCapFailed
    })?;
    if params.iter().all(|params| caller.holds(params)) { Ok(()) } else { Err(VfsError::AddCapFailed) }
}

/// Reads the path, and checks that the caller may do `action` there.
fn allow(holder: &Holder<'_>, text: &str, action: &VfsAction) -> Result<Place, VfsError> {
    if matches!(text, "/" | "\\") && *action == VfsAction::ReadDir {
        return if holder.is_root() { Ok(Place::Root) } else { Err(VfsError::NoReadCap) };
    }
    // Ours: the reference has no answer to what lies between all packages and one drive.
    if *action == VfsAction::ReadDir
        && let Ok(package) = text.trim_matches(['/', '\\']).parse::<PackageId>()
    {
        let may = holder.process.is_in(&package) || holder.is_root();
        return if may { Ok(Place::Package(package)) } else { Err(VfsError::NoReadCap) };
    }
    // All drives of a package go for good: its own processes remove what is in them, one at a time.
    if *action == VfsAction::RemoveDirAll
        && let Ok(package) = text.trim_matches(['/', '\\']).parse::<PackageId>()
    {
        return if holder.is_root() { Ok(Place::Package(package)) } else { Err(VfsError::NoWriteCap) };
    }
    let path = parse(text)?;
    match action {
        VfsAction::CreateDrive => holder.check_create_drive(&path)?,
        VfsAction::Rename { new_path } | VfsAction::CopyFile { new_path } => {
            let new_path = parse(new_path)?;
            holder.check(Need::Write, &path)?;
            holder.check(Need::Write, &new_path)?;
        }
        _ => holder.check(need(action), &path)?,
    }
    Ok(Place::Path(path))
}

impl RuntimeModule for VfsModule {
    type Request = VfsRequest;
    type Response = VfsResponse;

    const NAME: &'static str = "vfs";
    const ACCESS: Access = Access::Capability;

    async fn handle(&self, caller: Caller, request: VfsRequest, blob: Option<Blob>) -> Answer<VfsResponse> {
        match self.answer(&caller, request, blob).await {
            Ok((response, Some(bytes))) => Answer::ReplyWithBlob(response, Blob::new(Some(BLOB_MIME), bytes)),
            Ok((response, None)) => Answer::Reply(response),
            Err(refused) => {
                if let Some(limit) = refused.limit {
                    caller.kernel().hit(caller.source().process(), limit);
                }
                Answer::Reply(VfsResponse::Err(refused.error))
            }
        }
    }

    fn refuse(&self, refusal: Refusal) -> Option<VfsResponse> {
        match refusal {
            Refusal::Malformed(_) => Some(VfsResponse::Err(VfsError::MalformedRequest)),
            Refusal::Overloaded | Refusal::Internal => Some(VfsResponse::Err(VfsError::IOError(refusal.to_string()))),
            // Guests on other nodes never got an answer here, not even this one.
            Refusal::Foreign => None,
        }
    }
}
