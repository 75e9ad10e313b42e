//! Who a process is, what it saved, what happens when it ends, and its children.

use std::sync::Arc;

use wasmtime::component::LinkerInstance;
use wasmtime::{Error, Result, StoreContextMut};
use wharf_bindings as wit;
use wharf_kernel::module::Access;
use wharf_kernel::session::{SpawnError, SpawnRequest};

use super::convert;
use crate::guest::Guest;
use crate::instance::Process;

type Child =
    (Option<String>, String, wit::OnExit<wit::Lifted>, Vec<wit::Capability>, Vec<(wit::ProcessId, String)>, bool);

pub(super) fn add(standard: &mut LinkerInstance<'_, Guest<Process>>) -> Result<()> {
    standard.func_wrap("print-to-terminal", |store, (verbosity, text): (u8, Arc<str>)| {
        store.data().world.session.print(verbosity, &text);
        Ok(())
    })?;
    standard.func_wrap("our", |store, ()| Ok((convert::address(store.data().world.session.our()),)))?;
    standard.func_wrap("get-on-exit", |store, ()| Ok((convert::on_exit_in(store.data().world.session.on_exit()),)))?;
    standard.func_wrap_async("set-on-exit", |store, (on_exit,): (wit::OnExit<wit::Lifted>,)| {
        Box::new(set_on_exit(store, on_exit))
    })?;
    standard.func_wrap_async("get-state", |store, ()| Box::new(get_state(store)))?;
    standard.func_wrap_async("set-state", |store, (state,): (wit::Lifted,)| Box::new(set_state(store, state)))?;
    standard.func_wrap_async("clear-state", |store, ()| Box::new(clear_state(store)))?;
    standard.func_wrap_async("spawn", |store, child: Child| Box::new(spawn(store, child)))
}

async fn set_on_exit(store: StoreContextMut<'_, Guest<Process>>, on_exit: wit::OnExit<wit::Lifted>) -> Result<()> {
    let session = &store.data().world.session;
    let on_exit = convert::on_exit_out(on_exit, session.our().node()).map_err(Error::from)?;
    session.set_on_exit(on_exit).await.map_err(Error::from)
}

/// A process that saved state and is told it has none would begin anew and overwrite it: it traps instead.
async fn get_state(store: StoreContextMut<'_, Guest<Process>>) -> Result<(Option<wit::Shared>,)> {
    let state = store.data().world.session.state().await.map_err(Error::from)?;
    Ok((state.map(Arc::new),))
}

/// The interface has no way to say that saving failed, and a process must not go on as if it had worked.
async fn set_state(store: StoreContextMut<'_, Guest<Process>>, state: wit::Lifted) -> Result<()> {
    store.data().world.session.set_state(Arc::new(state)).await.map_err(Error::from)
}

async fn clear_state(store: StoreContextMut<'_, Guest<Process>>) -> Result<()> {
    store.data().world.session.clear_state().await.map_err(Error::from)
}

async fn spawn(
    mut store: StoreContextMut<'_, Guest<Process>>,
    (name, wasm_path, on_exit, request, grant, public): Child,
) -> Result<(std::result::Result<wit::ProcessId, wit::SpawnError>,)> {
    let session = &mut store.data_mut().world.session;
    let our = session.our().node().clone();
    let request = SpawnRequest {
        name,
        wasm_path,
        on_exit: convert::on_exit_out(on_exit, &our).map_err(Error::from)?,
        request_capabilities: convert::capabilities(request, &our),
        grant_capabilities: grant
            .into_iter()
            .map(|(holder, params)| (convert::parse_process_id(&holder).ok(), params))
            .collect(),
        access: if public { Access::Public } else { Access::Capability },
    };
    Ok((match session.spawn(request).await {
        Ok(child) => Ok(convert::process_id(&child)),
        Err(SpawnError::NameTaken) => Err(wit::SpawnError::NameTaken),
        Err(SpawnError::NoFileAtPath) => Err(wit::SpawnError::NoFileAtPath),
    },))
}
