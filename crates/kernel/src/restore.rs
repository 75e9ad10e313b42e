//! Bringing back at boot what was stored: who runs, with what, and who holds what.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use dashmap::mapref::entry::Entry;
use futures_util::{StreamExt, stream};
use wharf_types::ProcessId;

use crate::kernel::Kernel;
use crate::launcher::{ComponentHash, ComponentSource, Prepared, Program};
use crate::lifecycle::NewProcess;
use crate::module::Access;
use crate::persistence::{Change, StoreError, StoredProcess};
use crate::process::Process;

/// Components read and compiled at the same time while the node boots.
const RESTORED_AT_ONCE: usize = 16;

impl Kernel {
    /// Brings back what the store has: capabilities of everyone, and guest processes, which start. A process whose
    /// component cannot be loaded, or is another than it was created with, has failed to start, and goes through its
    /// on-exit behaviour; one without any keeps its record and capabilities for the next boot, since what failed is the
    /// node. Returns how many were loaded.
    pub async fn restore(&self, components: Arc<dyn ComponentSource>) -> Result<usize, StoreError> {
        let stored = self.persistence().load().await?;
        // Many processes run the same component: it is read once.
        let handles: HashSet<_> = stored.processes.iter().map(|record| record.wasm_bytes_handle.clone()).collect();
        let loaded: HashMap<_, _> = stream::iter(handles)
            .map(|handle| async {
                let loaded = self.load(&*components, &handle).await;
                (handle, loaded)
            })
            .buffer_unordered(RESTORED_AT_ONCE)
            .collect()
            .await;
        let mut restored = Vec::with_capacity(stored.processes.len());
        let (mut runnable, mut learned) = (0, Vec::new());
        for mut record in stored.processes {
            let loaded = loaded.get(&record.wasm_bytes_handle).cloned();
            let loaded = loaded.unwrap_or_else(|| Err("its component was not read".to_owned()));
            let loaded = loaded.and_then(|prepared| unchanged(prepared, &record.wasm_bytes_handle, record.component));
            runnable += usize::from(loaded.is_ok());
            let (id, parent) = (record.id.clone(), record.parent.clone());
            let program = match loaded {
                Ok(prepared) => {
                    if record.component.is_none() {
                        record.component = Some(prepared.hash());
                        learned.push(Change::PutProcess(record.clone()));
                    }
                    Program::Ready(prepared)
                }
                Err(problem) => Program::Broken { problem, components: Arc::clone(&components) },
            };
            if self.put_back(record, program).is_some() {
                restored.push((id, parent));
            } else {
                tracing::error!("a stored process has the id of one of the node's own modules; it was left out");
            }
        }
        self.keep_learned(learned).await;
        self.restore_capabilities(stored.capabilities);
        for (id, parent) in &restored {
            self.count_as_child(id, parent.as_ref());
        }
        for (id, _) in &restored {
            self.run(id);
        }
        Ok(runnable)
    }

    /// Reads and compiles the component of a process that is in the table.
    pub(crate) async fn load_again(
        &self,
        components: &dyn ComponentSource,
        handle: &str,
        created_with: Option<ComponentHash>,
    ) -> Result<Arc<dyn Prepared>, String> {
        unchanged(self.load(components, handle).await?, handle, created_with)
    }

    /// Stores what a process runs, if an older version of the node did not, and it could not be read when the node came up.
    pub(crate) async fn note_component(&self, process: &Process, hash: ComponentHash) {
        let is_new = process.guest.as_ref().is_some_and(|guest| guest.component.set(hash).is_ok());
        if !is_new {
            return;
        }
        let put = || process.stored().filter(|_| process.is_kept() && self.is_current(process)).map(Change::PutProcess);
        if let Err(error) = self.commit(|| Ok::<_, StoreError>(put().into_iter().collect())).await {
            tracing::warn!(process = %process.id(), %error, "the component that it runs was not noted");
        }
    }

    async fn load(&self, components: &dyn ComponentSource, handle: &str) -> Result<Arc<dyn Prepared>, String> {
        let bytes = components.read(handle).await.map_err(|error| format!("reading {handle}: {error}"))?;
        self.launcher().prepare(Arc::new(bytes)).await.map_err(|error| format!("loading {handle}: {error}"))
    }

    /// Stores what processes of an older version of the node run. Should that fail, the next boot tries again.
    async fn keep_learned(&self, learned: Vec<Change>) {
        if learned.is_empty() {
            return;
        }
        let count = learned.len();
        match self.persistence().apply(learned).await {
            Ok(()) => tracing::info!(count, "noted the components that processes run"),
            Err(error) => tracing::warn!(%error, "the components that processes run were not noted"),
        }
    }

    /// The bound on a process's children is also over those of earlier boots.
    fn count_as_child(&self, id: &ProcessId, parent: Option<&ProcessId>) {
        let parent = parent.and_then(|parent| self.find(parent)).filter(|parent| !parent.is_module());
        let child = self.find(id);
        let (Some(parent), Some(guest)) = (parent, child.as_ref().and_then(|child| child.guest.as_ref())) else {
            return;
        };
        let parent = parent.as_parent();
        if guest.parent.set(parent.clone()).is_ok() {
            self.census().adopt(&parent);
        }
    }

    fn put_back(&self, record: StoredProcess, program: Program) -> Option<()> {
        let access = if record.public { Access::Public } else { Access::Capability };
        let (id, component) = (record.id.clone(), record.component);
        let new =
            NewProcess::installed(record.id, record.wasm_bytes_handle, record.wit_version, record.on_exit, access);
        let process = new.into_process(self, component, program);
        match self.table().entry(id.clone()) {
            Entry::Occupied(_) => None,
            Entry::Vacant(slot) => {
                slot.insert(Arc::new(process));
                self.census().add(&id, None);
                Some(())
            }
        }
    }
}

/// The component, if it is the one that a process was created with.
///
/// Every process of a package may write to the drive that components are in. One that put its own in the place of
/// another's would, after the next boot, have whatever that other process may do.
fn unchanged(
    prepared: Arc<dyn Prepared>,
    handle: &str,
    created_with: Option<ComponentHash>,
) -> Result<Arc<dyn Prepared>, String> {
    if created_with.is_none_or(|hash| hash == prepared.hash()) {
        return Ok(prepared);
    }
    Err(format!("{handle} is not the component that the process was created with: install its package again"))
}
