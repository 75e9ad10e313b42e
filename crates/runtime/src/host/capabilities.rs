//! What a process holds.

use wasmtime::component::LinkerInstance;
use wasmtime::{Error, Result, StoreContextMut};
use wharf_bindings as wit;

use super::convert;
use crate::instance::Guest;

pub(super) fn add(standard: &mut LinkerInstance<'_, Guest>) -> Result<()> {
    standard
        .func_wrap_async("save-capabilities", |store, (list,): (Vec<wit::Capability>,)| Box::new(save(store, list)))?;
    standard.func_wrap_async("drop-capabilities", |store, (list,): (Vec<wit::Capability>,)| {
        Box::new(drop_capabilities(store, list))
    })?;
    standard.func_wrap("our-capabilities", |store, ()| {
        let held = store.data().session.capabilities();
        Ok((held.iter().map(convert::capability).collect::<Vec<_>>(),))
    })
}

async fn save(store: StoreContextMut<'_, Guest>, list: Vec<wit::Capability>) -> Result<()> {
    let session = &store.data().session;
    let list = convert::capabilities(list, session.our().node());
    session.save_capabilities(list).await.map_err(Error::from)
}

async fn drop_capabilities(store: StoreContextMut<'_, Guest>, list: Vec<wit::Capability>) -> Result<()> {
    let session = &store.data().session;
    let list = convert::capabilities(list, session.our().node());
    session.drop_capabilities(list).await.map_err(Error::from)
}
