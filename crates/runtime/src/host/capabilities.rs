//! What a process holds.

use wasmtime::component::LinkerInstance;
use wasmtime::{Error, Result, StoreContextMut};
use wharf_bindings as wit;

use super::convert;
use crate::guest::Guest;
use crate::instance::Process;

pub(super) fn add(standard: &mut LinkerInstance<'_, Guest<Process>>) -> Result<()> {
    standard
        .func_wrap_async("save-capabilities", |store, (list,): (Vec<wit::Capability>,)| Box::new(save(store, list)))?;
    standard.func_wrap_async("drop-capabilities", |store, (list,): (Vec<wit::Capability>,)| {
        Box::new(drop_capabilities(store, list))
    })?;
    standard.func_wrap("our-capabilities", |store, ()| {
        let held = store.data().world.session.capabilities();
        Ok((held.iter().map(convert::capability).collect::<Vec<_>>(),))
    })
}

async fn save(store: StoreContextMut<'_, Guest<Process>>, list: Vec<wit::Capability>) -> Result<()> {
    let session = &store.data().world.session;
    let list = convert::capabilities(list, session.our().node());
    session.save_capabilities(list).await.map_err(Error::from)
}

async fn drop_capabilities(store: StoreContextMut<'_, Guest<Process>>, list: Vec<wit::Capability>) -> Result<()> {
    let session = &store.data().world.session;
    let list = convert::capabilities(list, session.our().node());
    session.drop_capabilities(list).await.map_err(Error::from)
}
