//! Between the shared types and those of the interface.

use std::cell::RefCell;
use std::sync::Arc;

use wharf_types::{Address, Capability, IdError, LazyLoadBlob, NodeName, OnExit, ProcessId, Request};

use crate::error::{SendError, SendErrorKind};
use crate::host as wit;
use crate::message::Message;

pub(crate) fn process_to_wit(id: &ProcessId) -> wit::ProcessId {
    wit::ProcessId {
        process_name: id.process().to_owned(),
        package_name: id.package().to_owned(),
        publisher_node: id.publisher().to_owned(),
    }
}

pub(crate) fn process_from_wit(id: &wit::ProcessId) -> Result<ProcessId, IdError> {
    ProcessId::new(&id.process_name, &id.package_name, &id.publisher_node)
}

pub(crate) fn address_to_wit(address: &Address) -> wit::Address {
    wit::Address { node: address.node().as_str().to_owned(), process: process_to_wit(address.process()) }
}

/// A process on this node, whatever the node's name is.
pub(crate) fn local_to_wit(process: &ProcessId) -> wit::Address {
    wit::Address { node: NodeName::OUR.to_owned(), process: process_to_wit(process) }
}

pub(crate) fn address_from_wit(address: &wit::Address) -> Result<Address, IdError> {
    Ok(Address::new(NodeName::new(&address.node)?, process_from_wit(&address.process)?))
}

pub(crate) fn address_text(address: &wit::Address) -> String {
    let wit::ProcessId { process_name, package_name, publisher_node } = &address.process;
    format!("{}@{process_name}:{package_name}:{publisher_node}", address.node)
}

pub(crate) fn caps_to_wit(caps: &[Capability]) -> Vec<wit::Capability> {
    caps.iter().map(|cap| wit::Capability { issuer: address_to_wit(&cap.issuer), params: cap.params.clone() }).collect()
}

/// A capability whose issuer is not an address is left out: nobody could accept it.
pub(crate) fn caps_from_wit(caps: Vec<wit::Capability>) -> Vec<Capability> {
    caps.into_iter().filter_map(|cap| Some(Capability::new(address_from_wit(&cap.issuer).ok()?, cap.params))).collect()
}

pub(crate) fn blob_to_wit(blob: LazyLoadBlob) -> wit::LazyLoadBlob {
    wit::LazyLoadBlob { mime: blob.mime, bytes: blob.bytes }
}

pub(crate) fn blob_from_wit(blob: wit::LazyLoadBlob) -> LazyLoadBlob {
    LazyLoadBlob { mime: blob.mime, bytes: blob.bytes }
}

fn request_to_wit(request: Request) -> wit::Request {
    wit::Request {
        inherit: request.inherit,
        expects_response: request.expects_response,
        body: request.body,
        metadata: request.metadata,
        capabilities: caps_to_wit(&request.capabilities),
    }
}

pub(crate) fn on_exit_to_wit(on_exit: OnExit) -> wit::OnExit {
    match on_exit {
        OnExit::None => wit::OnExit::None,
        OnExit::Restart => wit::OnExit::Restart,
        OnExit::Requests(requests) => wit::OnExit::Requests(
            requests
                .into_iter()
                .map(|(target, request, blob)| {
                    (address_to_wit(&target), request_to_wit(request), blob.map(blob_to_wit))
                })
                .collect(),
        ),
    }
}

pub(crate) fn on_exit_from_wit(on_exit: wit::OnExit) -> Result<OnExit, IdError> {
    let requests = match on_exit {
        wit::OnExit::None => return Ok(OnExit::None),
        wit::OnExit::Restart => return Ok(OnExit::Restart),
        wit::OnExit::Requests(requests) => requests,
    };
    let read = |(target, request, blob): (wit::Address, wit::Request, Option<wit::LazyLoadBlob>)| {
        let request = Request {
            inherit: request.inherit,
            expects_response: request.expects_response,
            body: request.body,
            metadata: request.metadata,
            capabilities: caps_from_wit(request.capabilities),
        };
        Ok((address_from_wit(&target)?, request, blob.map(blob_from_wit)))
    };
    requests.into_iter().map(read).collect::<Result<_, _>>().map(OnExit::Requests)
}

thread_local! {
    /// The sender of the message before: most messages come from the same few, and parsing costs more than comparing.
    static LAST_SOURCE: RefCell<Option<Address>> = const { RefCell::new(None) };
    /// The target of the request before, for the same reason.
    static LAST_TARGET: RefCell<Option<(Address, Arc<wit::Address>)>> = const { RefCell::new(None) };
    /// The module that was asked before, for the same reason.
    static LAST_MODULE: RefCell<Option<(&'static str, Arc<wit::Address>)>> = const { RefCell::new(None) };
}

/// The target of a request.
pub(crate) fn target_to_wit(target: &Address) -> Arc<wit::Address> {
    LAST_TARGET.with_borrow_mut(|last| {
        if let Some((known, wit)) = last
            && known == target
        {
            return Arc::clone(wit);
        }
        let wit = Arc::new(address_to_wit(target));
        *last = Some((target.clone(), Arc::clone(&wit)));
        wit
    })
}

/// A module of this node, `name:distro:sys`.
pub(crate) fn module_to_wit(name: &'static str) -> Arc<wit::Address> {
    LAST_MODULE.with_borrow_mut(|last| match last {
        Some((known, wit)) if *known == name => Arc::clone(wit),
        _ => {
            let wit = Arc::new(local_to_wit(&ProcessId::system(name)));
            *last = Some((name, Arc::clone(&wit)));
            wit
        }
    })
}

fn source_from_wit(source: &wit::Address) -> Result<Address, IdError> {
    let wit::ProcessId { process_name, package_name, publisher_node } = &source.process;
    LAST_SOURCE.with_borrow_mut(|last| {
        if let Some(known) = last
            && known.process().has_parts(process_name, package_name, publisher_node)
            && known.node().as_str() == source.node
        {
            return Ok(known.clone());
        }
        let address = address_from_wit(source)?;
        *last = Some(address.clone());
        Ok(address)
    })
}

pub(crate) fn message_from_wit(source: &wit::Address, message: wit::Message) -> Result<Message, IdError> {
    let source = source_from_wit(source)?;
    Ok(match message {
        wit::Message::Request(request) => Message::Request {
            source,
            expects_response: request.expects_response,
            body: request.body,
            metadata: request.metadata,
            capabilities: caps_from_wit(request.capabilities),
        },
        wit::Message::Response((response, context)) => Message::Response {
            source,
            body: response.body,
            metadata: response.metadata,
            context,
            capabilities: caps_from_wit(response.capabilities),
        },
    })
}

pub(crate) fn send_error_from_wit(error: wit::SendError, context: Option<Vec<u8>>) -> SendError {
    SendError {
        kind: match error.kind {
            wit::SendErrorKind::Offline => SendErrorKind::Offline,
            wit::SendErrorKind::Timeout => SendErrorKind::Timeout,
        },
        target: address_text(&error.target),
        body: match error.message {
            wit::Message::Request(request) => request.body,
            wit::Message::Response((response, _)) => response.body,
        },
        context,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn an_address_comes_back_as_it_went() {
        let address: Address = "alice.os@main:app-store:sys".parse().unwrap();
        let wit = address_to_wit(&address);
        assert_eq!(address_text(&wit), address.to_string());
        assert_eq!(address_from_wit(&wit).unwrap(), address);
    }

    #[test]
    fn a_capability_of_an_issuer_that_is_no_address_is_left_out() {
        let good = wit::Capability {
            issuer: local_to_wit(&ProcessId::system("vfs")),
            params: Capability::MESSAGING.to_owned(),
        };
        let mut bad = good.clone();
        bad.issuer.process.process_name.push(':');
        assert_eq!(caps_from_wit(vec![bad, good]).len(), 1);
    }

    #[test]
    fn a_message_from_what_is_no_address_is_an_error() {
        let mut source = local_to_wit(&ProcessId::system("vfs"));
        source.node = "not a node".to_owned();
        let request = wit::Request {
            inherit: false,
            expects_response: None,
            body: Vec::new(),
            metadata: None,
            capabilities: Vec::new(),
        };
        assert!(message_from_wit(&source, wit::Message::Request(request)).is_err());
    }
}
