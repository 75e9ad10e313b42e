//! What a guest may call beside sending and receiving.

use std::sync::Arc;

use wharf_types::kernel::KernelResponse;
use wharf_types::vfs::{VfsAction, VfsRequest, VfsResponse};
use wharf_types::{Address, Capability, OnExit, ProcessId};

use super::Session;
use crate::calls::{Ask, SendAs};
use crate::envelope::{Content, Payload, Seconds};
use crate::grants::{Gift, NotGiven};
use crate::kernel::Kernel;
use crate::lifecycle::{InitializeError, NewProcess};
use crate::limit_hits::Limit;
use crate::persistence::{SetStateError, StoreError};
use crate::process::{Kept, Process};
use crate::recorder;

/// How long the vfs may take to bring a child's component.
const READ_COMPONENT: Seconds = Seconds(30);

/// A child as a guest asks for it.
#[derive(Debug)]
pub struct SpawnRequest {
    /// Its name; a random number when none is given.
    pub name: Option<String>,
    /// Path of its component in the vfs, readable by the parent.
    pub wasm_path: String,
    /// What happens when it ends.
    pub on_exit: OnExit,
    /// Given to the child, as far as the parent holds or issues them.
    pub request_capabilities: Vec<Capability>,
    /// Given to others, with the child as issuer. An id that does not parse stands for nobody.
    pub grant_capabilities: Vec<(Option<ProcessId>, String)>,
    /// Who may send it messages.
    pub access: crate::module::Access,
}

/// Why there is no child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpawnError {
    /// There is such a process, or the name cannot be one.
    NameTaken,
    /// There is no component there that the parent may read and the node can run.
    NoFileAtPath,
}

impl Session {
    /// Shows a line to whoever reads the log, with the id of the request that the process handles, or handled last.
    pub fn print(&self, verbosity: u8, text: &str) {
        let request = || self.prompt.as_ref().map(|prompt| self.kernel.public_id(prompt.id));
        recorder::print(&self.process, request, verbosity, text);
    }

    /// What happens when the process ends.
    pub fn on_exit(&self) -> OnExit {
        self.process.on_exit()
    }

    /// Changes what happens when the process ends.
    pub async fn set_on_exit(&self, on_exit: OnExit) -> Result<(), StoreError> {
        self.kernel.set_on_exit(self.process.id(), on_exit).await.map(|_| ())
    }

    /// What the process saved.
    pub async fn state(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.kernel.persistence().get_state(self.process.id().clone()).await
    }

    /// Saves state; durable when it returns.
    pub async fn set_state(&self, state: Payload) -> Result<(), StoreError> {
        let max = self.limits().state_bytes_max;
        if state.len() > max {
            self.process.hit(Limit::StateBytes);
            return Err(StoreError {
                action: format!("saving the state of {}", self.process.id()),
                reason: format!("it has {} bytes, and {max} are the most a process may save", state.len()),
            });
        }
        self.check_current("saving")?;
        let room = self.limits().state_room();
        let set = self.kernel.persistence().set_state_within(self.process.id().clone(), state, room).await;
        if let Err(SetStateError::Full { limit, .. }) = &set {
            self.process.hit(*limit);
        }
        set.map_err(StoreError::from)
    }

    /// Forgets the saved state.
    pub async fn clear_state(&self) -> Result<(), StoreError> {
        self.check_current("forgetting")?;
        self.kernel.persistence().clear_state(self.process.id().clone()).await
    }

    /// A guest that was killed may compute to the end of its tick, and its id may be somebody else's by then.
    fn check_current(&self, doing: &str) -> Result<(), StoreError> {
        if self.kernel.is_current(&self.process) {
            return Ok(());
        }
        Err(StoreError {
            action: format!("{doing} the state of {}", self.process.id()),
            reason: "this process was killed".to_owned(),
        })
    }

    /// Everything the process holds.
    pub fn capabilities(&self) -> Vec<Capability> {
        self.process.all_held().iter().map(|held| held.capability().clone()).collect()
    }

    /// Keeps capabilities: those that were received with a message and not revoked since, and those the process issues
    /// itself. Anything else would be authority out of thin air, and is left out.
    pub async fn save_capabilities(&self, capabilities: Vec<Capability>) -> Result<(), StoreError> {
        // More than it may hold need not be looked at.
        let looked_at = capabilities.into_iter().take(self.limits().capabilities_max);
        let savable = looked_at.filter_map(|capability| self.savable(capability)).collect();
        let notice = |refused: NotGiven| {
            self.notice(&format!("a capability was not saved: {refused}"));
            Ok(())
        };
        self.kernel.give_each(&self.process, savable, notice).await
    }

    fn savable(&self, capability: Capability) -> Option<Gift> {
        let key = capability.key()?;
        if capability.issuer == *self.our() {
            if self.process.holds(&key) {
                return None;
            }
            return self.kernel.authority().sign(capability).map(Gift::Issued);
        }
        let found = self.received.find(&key).map(Gift::Received);
        if found.is_none() && !self.process.holds(&key) {
            self.notice(&format!("{capability:?} was not saved: this process neither received nor issues it"));
        }
        found
    }

    /// Gives capabilities up.
    pub async fn drop_capabilities(&self, capabilities: Vec<Capability>) -> Result<(), StoreError> {
        self.kernel.drop_capabilities(self.process.id(), &capabilities).await.map(|_| ())
    }

    /// Starts a child of this process's package.
    pub async fn spawn(&mut self, request: SpawnRequest) -> Result<ProcessId, SpawnError> {
        let component = self.read_component(&request.wasm_path).await?;
        let name = match request.name {
            Some(name) => name,
            None => format!("{}", u64::from_le_bytes(random_bytes())),
        };
        let parent = self.process.id();
        let id = ProcessId::new(&name, parent.package(), parent.publisher()).map_err(|error| {
            self.notice(&format!("a child was not started: {error}"));
            SpawnError::NameTaken
        })?;
        let kept = if matches!(request.on_exit, OnExit::None) { Kept::UntilShutdown } else { Kept::AcrossBoots };
        let new = NewProcess {
            id: id.clone(),
            wasm_bytes_handle: request.wasm_path,
            wit_version: self.process.guest.as_ref().and_then(|guest| guest.wit_version),
            on_exit: request.on_exit,
            access: request.access,
            kept,
            parent: Some(self.process.as_parent()),
        };
        let mut given = request.request_capabilities;
        given.truncate(self.limits().capabilities_max);
        given.push(Capability::messaging(self.our().clone()));
        // A task of its own: a parent that is ended meanwhile must not leave a child behind that nobody runs.
        let (kernel, parent) = (self.kernel.clone(), Arc::clone(&self.process));
        let grants = request.grant_capabilities;
        let start = async move { start_child(&kernel, &parent, new, component, given, grants).await };
        self.kernel.tasks().spawn(start).await.unwrap_or(Err(SpawnError::NoFileAtPath))?;
        Ok(id)
    }

    /// Reads a component from the vfs in this process's own name, so that it reaches no further than the process does.
    async fn read_component(&self, path: &str) -> Result<Payload, SpawnError> {
        let refuse = |reason: String| {
            self.notice(&format!("{path} was not spawned: {reason}"));
            SpawnError::NoFileAtPath
        };
        let request = VfsRequest { path: path.to_owned(), action: VfsAction::Read };
        let body = serde_json::to_vec(&request).map_err(|error| refuse(error.to_string()))?;
        let vfs = Address::new(self.our().node().clone(), ProcessId::system("vfs"));
        let id = self.kernel.fresh_id();
        let ask = Ask { from: &self.process, target: &vfs, send_as: SendAs::Module, id };
        let reply = self
            .kernel
            .call(ask, Content::body(body), None, READ_COMPONENT)
            .await
            .map_err(|error| refuse(error.to_string()))?;
        match serde_json::from_slice(&reply.content.body) {
            Ok(VfsResponse::Read) => reply.blob.map(|blob| blob.bytes).ok_or_else(|| refuse("no bytes".to_owned())),
            Ok(VfsResponse::Err(error)) => Err(refuse(error.to_string())),
            other => Err(refuse(format!("unexpected answer {other:?}"))),
        }
    }
}

async fn start_child(
    kernel: &Kernel,
    parent: &Arc<Process>,
    new: NewProcess,
    component: Payload,
    given: Vec<Capability>,
    grants: Vec<(Option<ProcessId>, String)>,
) -> Result<(), SpawnError> {
    let id = new.id.clone();
    kernel.initialize(new, component, given, Some(parent)).await.map_err(|error| {
        parent.notice(None, &format!("{id} was not started: {error}"));
        match error {
            InitializeError::Exists(_) | InitializeError::BadId(_) => SpawnError::NameTaken,
            _ => SpawnError::NoFileAtPath,
        }
    })?;
    let child = kernel.find(&id);
    for (holder, params) in grants.into_iter().take(kernel.limits().capabilities_max) {
        let (Some(holder), Some(child)) = (holder, &child) else { continue };
        let issued = Capability::new(child.address().clone(), params);
        if let Err(error) = kernel.offer(child, &holder, vec![issued]).await {
            parent.notice(None, &format!("a capability of {id} was not granted to {holder}: {error}"));
        }
    }
    match kernel.run(&id) {
        KernelResponse::StartedProcess => Ok(()),
        _ => Err(SpawnError::NoFileAtPath),
    }
}

fn random_bytes() -> [u8; 8] {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0).to_le_bytes()
}
