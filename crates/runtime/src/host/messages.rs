//! Sending, receiving, answering, and the blobs beside messages.

use std::sync::Arc;

use wasmtime::component::LinkerInstance;
use wasmtime::{Error, Result, StoreContextMut};
use wharf_bindings as wit;
use wharf_kernel::envelope::{Envelope, Payload, WrittenAddress};
use wharf_kernel::session::{AwaitError, Incoming};

use super::convert;
use crate::guest::Guest;
use crate::instance::Process;

type Blob<B> = Option<wit::LazyLoadBlob<B>>;
type Request = (wit::Target, wit::Request<wit::Lifted>, Option<wit::Lifted>, Blob<wit::Lifted>);
type Message = (Arc<wit::Address>, wit::Message<wit::Shared>);
type Received = std::result::Result<Message, (wit::SendError<wit::Shared>, Option<wit::Shared>)>;
type Awaited = std::result::Result<Message, wit::SendError<wit::Shared>>;

pub(super) fn add(standard: &mut LinkerInstance<'_, Guest<Process>>) -> Result<()> {
    standard.func_wrap_async("receive", |store, ()| Box::new(receive(store)))?;
    standard.func_wrap("has-blob", |store, ()| Ok((store.data().world.session.has_blob(),)))?;
    standard.func_wrap("get-blob", |store, ()| Ok((store.data().world.session.blob().map(convert::blob_in),)))?;
    standard.func_wrap("last-blob", |store, ()| Ok((store.data().world.session.last_blob().map(convert::blob_in),)))?;
    standard.func_wrap_async("send-request", |store, request| Box::new(send_request(store, request)))?;
    standard.func_wrap_async("send-requests", |store, (requests,): (Vec<Request>,)| {
        Box::new(send_requests(store, requests))
    })?;
    standard.func_wrap("send-response", send_response)?;
    standard.func_wrap_async("send-and-await-response", |store, call| Box::new(send_and_await(store, call)))
}

async fn receive(mut store: StoreContextMut<'_, Guest<Process>>) -> Result<(Received,)> {
    let guest = store.data_mut();
    Ok((match guest.world.session.receive().await {
        Incoming::Message { envelope, context } => Ok(message_in(guest, *envelope, context)),
        Incoming::Failed { failure, context } => Err((convert::failure_in(*failure), context)),
    },))
}

/// A message and its sender, whose address is made for guests only when it is not the one before.
fn message_in(guest: &mut Guest<Process>, envelope: Envelope, context: Option<Payload>) -> Message {
    let source = match &guest.world.last_source {
        Some((path, address)) if *path == envelope.reply => Arc::clone(address),
        _ => {
            let address = Arc::new(convert::address(envelope.source()));
            guest.world.last_source = Some((envelope.reply.clone(), Arc::clone(&address)));
            address
        }
    };
    (source, convert::message_in(envelope, context))
}

async fn send_request(mut store: StoreContextMut<'_, Guest<Process>>, request: Request) -> Result<()> {
    send(&mut store, request).await
}

async fn send_requests(mut store: StoreContextMut<'_, Guest<Process>>, requests: Vec<Request>) -> Result<()> {
    for request in requests {
        send(&mut store, request).await?;
    }
    Ok(())
}

async fn send(
    store: &mut StoreContextMut<'_, Guest<Process>>,
    (target, request, context, blob): Request,
) -> Result<()> {
    let target = written(store, &target)?;
    let session = &mut store.data_mut().world.session;
    let request = convert::request_out(request, session.our().node());
    let context = context.map(Arc::new);
    session.send_request(target, request, context, blob.map(convert::blob_out)).await.map_err(Error::from)
}

/// Reads a target where it lies in the guest's memory. Nothing is copied for one that the process sent to before.
fn written(store: &StoreContextMut<'_, Guest<Process>>, target: &wit::Target) -> Result<Arc<WrittenAddress>> {
    let process = &target.process;
    Ok(store.data().world.session.target([
        &target.node.to_str(store)?,
        &process.process_name.to_str(store)?,
        &process.package_name.to_str(store)?,
        &process.publisher_node.to_str(store)?,
    ]))
}

fn send_response(
    mut store: StoreContextMut<'_, Guest<Process>>,
    (response, blob): (wit::Response<wit::Lifted>, Blob<wit::Lifted>),
) -> Result<()> {
    let session = &mut store.data_mut().world.session;
    let response = convert::response_out(response, session.our().node());
    session.send_response(response, blob.map(convert::blob_out));
    Ok(())
}

async fn send_and_await(
    mut store: StoreContextMut<'_, Guest<Process>>,
    (target, request, blob): (wit::Target, wit::Request<wit::Lifted>, Blob<wit::Lifted>),
) -> Result<(Awaited,)> {
    let target = written(&store, &target)?;
    let guest = store.data_mut();
    let session = &mut guest.world.session;
    let request = convert::request_out(request, session.our().node());
    match session.send_and_await(target, request, blob.map(convert::blob_out)).await {
        Ok(Incoming::Message { envelope, .. }) => Ok((Ok(message_in(guest, *envelope, None)),)),
        Ok(Incoming::Failed { failure, .. }) | Err(AwaitError::Failed(failure)) => {
            Ok((Err(convert::failure_in(*failure)),))
        }
        Err(AwaitError::Misuse(reason)) => Err(Error::msg(reason)),
    }
}
