//! Between the shapes of the guest interface and those of the kernel. Nothing here copies a body or a blob.

use std::sync::Arc;

use wharf_bindings as wit;
use wharf_kernel::capability::HoldingRef;
use wharf_kernel::envelope::{
    Blob, Content, Envelope, FailedRequest, FailureKind, Kind, Payload, Seconds, WrittenAddress,
};
use wharf_kernel::session::{OutgoingRequest, OutgoingResponse};
use wharf_types::{Address, Capability, IdError, LazyLoadBlob, NodeName, OnExit, ProcessId, Request};

pub(crate) fn written(address: wit::Address) -> WrittenAddress {
    let wit::ProcessId { process_name, package_name, publisher_node } = address.process;
    WrittenAddress { node: address.node, process: process_name, package: package_name, publisher: publisher_node }
}

pub(crate) fn address(address: &Address) -> wit::Address {
    wit::Address { node: address.node().shared(), process: process_id(address.process()) }
}

pub(crate) fn process_id(id: &ProcessId) -> wit::ProcessId {
    let [process_name, package_name, publisher_node] = id.shared_parts();
    wit::ProcessId { process_name, package_name, publisher_node }
}

pub(crate) fn parse_process_id(id: &wit::ProcessId) -> Result<ProcessId, IdError> {
    ProcessId::new(&id.process_name, &id.package_name, &id.publisher_node)
}

/// Capabilities as a guest wrote them. One whose issuer is no address is nothing, and left out.
pub(crate) fn capabilities(list: Vec<wit::Capability>, our: &NodeName) -> Vec<Capability> {
    let one = |capability: wit::Capability| {
        let issuer = written(capability.issuer).resolve(our).ok()?;
        Some(Capability::new(issuer, &*capability.params))
    };
    list.into_iter().filter_map(one).collect()
}

pub(crate) fn capability(capability: &Capability) -> wit::Capability {
    wit::Capability { issuer: address(&capability.issuer), params: capability.params.as_str().into() }
}

fn attached(list: &[HoldingRef]) -> Vec<wit::Capability> {
    list.iter().map(|signed| capability(signed.capability())).collect()
}

pub(crate) fn blob_in(blob: &Blob) -> wit::LazyLoadBlob<wit::Shared> {
    wit::LazyLoadBlob { mime: blob.mime.clone(), bytes: Arc::clone(&blob.bytes) }
}

pub(crate) fn blob_out(blob: wit::LazyLoadBlob<wit::Lifted>) -> Blob {
    Blob { mime: blob.mime, bytes: Arc::new(blob.bytes) }
}

pub(crate) fn request_out(request: wit::Request<wit::Lifted>, our: &NodeName) -> OutgoingRequest {
    OutgoingRequest {
        inherit: request.inherit,
        expects: request.expects_response.map(Seconds),
        body: Arc::new(request.body),
        metadata: request.metadata,
        capabilities: capabilities(request.capabilities, our),
    }
}

pub(crate) fn response_out(response: wit::Response<wit::Lifted>, our: &NodeName) -> OutgoingResponse {
    OutgoingResponse {
        inherit: response.inherit,
        body: Arc::new(response.body),
        metadata: response.metadata,
        capabilities: capabilities(response.capabilities, our),
    }
}

fn request_in(content: Content, expects: Option<Seconds>) -> wit::Request<wit::Shared> {
    wit::Request {
        inherit: content.inherit,
        expects_response: expects.map(|seconds| seconds.0),
        body: content.body,
        metadata: content.metadata,
        capabilities: attached(&content.capabilities),
    }
}

pub(crate) fn message_in(envelope: Envelope, context: Option<Payload>) -> wit::Message<wit::Shared> {
    let content = envelope.content;
    match envelope.kind {
        Kind::Request(expects) => wit::Message::Request(request_in(content, expects)),
        Kind::Response => {
            let response = wit::Response {
                inherit: content.inherit,
                body: content.body,
                metadata: content.metadata,
                capabilities: attached(&content.capabilities),
            };
            wit::Message::Response((response, context))
        }
    }
}

pub(crate) fn failure_in(failure: FailedRequest) -> wit::SendError<wit::Shared> {
    let WrittenAddress { node, process, package, publisher } = Arc::unwrap_or_clone(failure.target);
    wit::SendError {
        kind: match failure.kind {
            FailureKind::Offline => wit::SendErrorKind::Offline,
            FailureKind::Timeout => wit::SendErrorKind::Timeout,
        },
        target: wit::Address {
            node,
            process: wit::ProcessId { process_name: process, package_name: package, publisher_node: publisher },
        },
        message: wit::Message::Request(request_in(failure.content, failure.expects_response)),
        lazy_load_blob: failure.blob.as_ref().map(blob_in),
    }
}

/// What happens at exit, as a guest wrote it. A request to what is no address could never be sent.
pub(crate) fn on_exit_out(on_exit: wit::OnExit<wit::Lifted>, our: &NodeName) -> Result<OnExit, IdError> {
    let one = |(target, request, blob): wit::OnExitRequest<wit::Lifted>| {
        let request = Request {
            inherit: request.inherit,
            expects_response: request.expects_response,
            body: request.body,
            metadata: request.metadata.as_deref().map(str::to_owned),
            capabilities: capabilities(request.capabilities, our),
        };
        let blob = blob.map(|blob| LazyLoadBlob { mime: blob.mime.as_deref().map(str::to_owned), bytes: blob.bytes });
        Ok((written(target).resolve(our)?, request, blob))
    };
    Ok(match on_exit {
        wit::OnExit::None => OnExit::None,
        wit::OnExit::Restart => OnExit::Restart,
        wit::OnExit::Requests(list) => OnExit::Requests(list.into_iter().map(one).collect::<Result<_, IdError>>()?),
    })
}

pub(crate) fn on_exit_in(on_exit: OnExit) -> wit::OnExit<wit::Shared> {
    let one = |(target, request, blob): (Address, Request, Option<LazyLoadBlob>)| {
        let request = wit::Request {
            inherit: request.inherit,
            expects_response: request.expects_response,
            body: Arc::new(request.body),
            metadata: request.metadata.map(Into::into),
            capabilities: request.capabilities.iter().map(capability).collect(),
        };
        let blob = blob.map(|blob| wit::LazyLoadBlob { mime: blob.mime.map(Into::into), bytes: Arc::new(blob.bytes) });
        (address(&target), request, blob)
    };
    match on_exit {
        OnExit::None => wit::OnExit::None,
        OnExit::Restart => wit::OnExit::Restart,
        OnExit::Requests(list) => wit::OnExit::Requests(list.into_iter().map(one).collect()),
    }
}
