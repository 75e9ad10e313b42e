//! The runtime module `http-client:distro:sys`: takes requests in, and sees to it that each is answered.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use rustls::ClientConfig;
use tokio::sync::Semaphore;
use wharf_kernel::budget::Budget;
use wharf_kernel::envelope::{Blob, Payload};
use wharf_kernel::module::{Access, Answer, Caller, Refusal, Replier, RuntimeModule};
use wharf_kernel::places::{Full, Place, Places};
use wharf_kernel::{Book, Kernel, Limit, ModuleHandle};
use wharf_types::http_client::{
    HttpClientAction, HttpClientError, HttpClientReply, HttpClientResponse, OutgoingHttpRequest,
};
use wharf_types::{Failure, ProcessId};

use crate::dial::Dialer;
use crate::exchange::{Outgoing, exchange};
use crate::fault::Fault;
use crate::pool::{Pool, Version};
use crate::resolve::{Resolve, System};
use crate::rules::{Permission, Rules};
use crate::settings::HttpClientLimits;
use crate::sockets::{Sockets, Wanted};
use crate::trust::{Trust, TrustError};

/// What the processes under one set of rules use: those of a package with settings of its own, or all others.
pub(crate) struct Domain {
    pub(crate) rules: Arc<Rules>,
    pub(crate) dialer: Dialer,
    pub(crate) socket_tls: Arc<ClientConfig>,
    pool: Pool,
}

struct HttpClientModule {
    domains: Book<Arc<Domain>>,
    budget: Budget,
    places: Arc<Places<ProcessId>>,
    sockets: Arc<Sockets>,
    /// Set right after the module was started.
    handle: Arc<OnceLock<ModuleHandle>>,
}

/// Starts the module. `node` is where the node itself serves, which no wide allowance includes.
pub async fn start(
    kernel: &Kernel,
    limits: Book<HttpClientLimits>,
    node: Option<SocketAddr>,
) -> Result<(), TrustError> {
    let files = limits.node().ca_files.clone();
    let trust = tokio::task::spawn_blocking(move || Trust::load(&files)).await;
    let trust = trust.map_err(|error| rustls::Error::General(error.to_string()))??;
    let resolver = Arc::new(System::new(limits.node().lookups_max));
    start_with(kernel, &limits, node, &trust, resolver);
    Ok(())
}

pub(crate) fn start_with(
    kernel: &Kernel,
    limits: &Book<HttpClientLimits>,
    node: Option<SocketAddr>,
    trust: &Trust,
    resolver: Arc<dyn Resolve>,
) {
    let all = Arc::clone(limits.node());
    let kept = Arc::new(Semaphore::new(all.idle_connections_max.min(Semaphore::MAX_PERMITS)));
    let domains = limits.map(|limits| {
        let rules = Arc::new(Rules::new(Arc::clone(limits), node));
        let dialer = Dialer { rules: Arc::clone(&rules), resolver: Arc::clone(&resolver) };
        let pool = Pool::new(kernel, &dialer, trust, &kept);
        Arc::new(Domain { rules, dialer, socket_tls: trust.config(Version::One), pool })
    });
    let handle = Arc::new(OnceLock::new());
    let module = HttpClientModule {
        domains,
        budget: Budget::new(all.receiving_bytes_max),
        places: Places::new(all.client_requests_max),
        sockets: Sockets::new(all.client_sockets_max),
        handle: Arc::clone(&handle),
    };
    drop(handle.set(kernel.start_module(module)));
}

impl HttpClientModule {
    /// Sends a request in a task of its own, which answers: callers may have several under way. It ends with the life of
    /// the process that asked.
    fn send(&self, caller: &Caller, request: OutgoingHttpRequest, body: Option<Payload>) -> Result<(), Fault> {
        let process = caller.source().process();
        let domain = Arc::clone(self.domains.of_process(process));
        let limits = &domain.rules.limits;
        if body.as_ref().is_some_and(|body| body.len() > limits.sent_bytes_max) {
            return Err(Fault::limit(Limit::SentBytes, limits.sent_bytes_max));
        }
        let outgoing = Outgoing::new(request, body)?;
        let place = self.place(process, limits)?;
        let permission = Permission::of(caller, Arc::clone(&domain.rules));
        let wait = caller.expects().map_or(limits.request_wait, |own| own.duration().min(limits.request_wait));
        let (kernel, budget, stop) = (caller.kernel().clone(), self.budget.clone(), caller.kernel().stop().clone());
        let (life, replier, process) = (caller.life().clone(), caller.replier(), process.clone());
        caller.kernel().run_until_stop(async move {
            let answered = exchange(&domain.pool, &permission, &budget, outgoing);
            let answered = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = life.ended() => return,
                answered = tokio::time::timeout(wait, answered) => answered.unwrap_or(Err(Fault::Late(wait))),
            };
            match answered {
                Ok(answered) => {
                    let blob = Blob { mime: None, bytes: Arc::new(answered.body) };
                    reply(&replier, &Ok(HttpClientResponse::Http(answered.head)), Some(blob));
                }
                Err(fault) => refuse_request(&kernel, &process, &replier, &fault),
            }
            drop(place);
        });
        Ok(())
    }

    fn place(&self, process: &ProcessId, limits: &HttpClientLimits) -> Result<Place<ProcessId>, Fault> {
        let own_max = limits.client_process_requests_max;
        self.places.take(process, own_max).map_err(|full| match full {
            Full::Own => Fault::limit(Limit::ClientProcessRequests, own_max),
            Full::All => Fault::limit(Limit::ClientRequests, self.places.all_max()),
        })
    }

    async fn open(&self, caller: &Caller, wanted: Wanted) {
        let (url, process) = (wanted.url.clone(), caller.source().process());
        // Only a request that came before the module was wholly started finds no handle, and there is nobody to send one.
        let Some(handle) = self.handle.get() else { return };
        let domain = self.domains.of_process(process);
        if let Err(fault) = self.sockets.open(caller, domain, handle.clone(), wanted).await {
            refuse_socket(handle, process, &caller.replier(), url, &fault);
        }
    }
}

/// Answers a request.
pub(crate) fn reply(replier: &Replier, reply: &HttpClientReply, blob: Option<Blob>) {
    // Plain data with names.
    replier.send(serde_json::to_vec(reply).unwrap_or_default(), blob);
}

fn refuse_request(kernel: &Kernel, process: &ProcessId, replier: &Replier, fault: &Fault) {
    note(kernel, process, fault);
    refuse(replier, fault.of_request(), fault);
}

/// Answers that no WebSocket was opened.
pub(crate) fn refuse_socket(handle: &ModuleHandle, process: &ProcessId, to: &Replier, url: String, fault: &Fault) {
    note(handle.kernel(), process, fault);
    let error = match fault {
        Fault::Url(..) => HttpClientError::BadUrl { url },
        _ => HttpClientError::WsOpenFailed { url },
    };
    refuse(to, error, fault);
}

/// With the reason in the metadata where the protocol has no room for it.
fn refuse(replier: &Replier, error: HttpClientError, fault: &Fault) {
    let has_reason = matches!(error, HttpClientError::ExecuteRequestFailed(_) | HttpClientError::BuildRequestFailed(_));
    let refused: HttpClientReply = Err(error);
    if has_reason {
        return reply(replier, &refused, None);
    }
    replier.send_because(serde_json::to_vec(&refused).unwrap_or_default(), &Failure::new(fault));
}

/// Counts a limit that was reached, and tells whoever reads the log of the process what it may not do.
fn note(kernel: &Kernel, process: &ProcessId, fault: &Fault) {
    match fault {
        Fault::Limit { limit, .. } => kernel.hit(process, *limit),
        Fault::HostRefused(_) | Fault::AddressRefused(..) => kernel.notice(process, &format!("http-client: {fault}")),
        _ => {}
    }
}

impl RuntimeModule for HttpClientModule {
    type Request = HttpClientAction;
    type Response = HttpClientReply;

    const NAME: &'static str = "http-client";
    const ACCESS: Access = Access::Capability;

    async fn handle(&self, caller: Caller, request: HttpClientAction, blob: Option<Blob>) -> Answer<HttpClientReply> {
        let blob = blob.map(|blob| blob.bytes);
        let acknowledged = |done: Result<(), _>| Answer::Reply(done.map(|()| HttpClientResponse::WebSocketAck));
        match request {
            HttpClientAction::Http(request) => {
                if let Err(fault) = self.send(&caller, request, blob) {
                    refuse_request(caller.kernel(), caller.source().process(), &caller.replier(), &fault);
                }
                Answer::Later
            }
            HttpClientAction::WebSocketOpen { url, headers, channel_id } => {
                self.open(&caller, Wanted { url, headers, channel_id }).await;
                Answer::Later
            }
            HttpClientAction::WebSocketPush { channel_id, message_type } => {
                let limits = &self.domains.of_process(caller.source().process()).rules.limits;
                acknowledged(self.sockets.push(&caller, limits, channel_id, message_type, blob).await)
            }
            HttpClientAction::WebSocketClose { channel_id } => {
                acknowledged(self.sockets.close(&caller, channel_id).await)
            }
        }
    }

    fn refuse(&self, refusal: Refusal) -> Option<HttpClientReply> {
        refused(&refusal)
    }
}

fn refused(refusal: &Refusal) -> Option<HttpClientReply> {
    match refusal {
        Refusal::Malformed(_) => Some(Err(HttpClientError::MalformedRequest)),
        Refusal::Overloaded | Refusal::Internal => {
            Some(Err(HttpClientError::ExecuteRequestFailed(refusal.to_string())))
        }
        // S7: another node asks nobody through this one, and learns nothing.
        Refusal::Foreign => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// That the runner never hands such a request to a module is a test of the kernel's.
    #[test]
    fn s7_another_node_gets_no_answer() {
        assert_eq!(refused(&Refusal::Foreign), None);
        assert_eq!(refused(&Refusal::Malformed("x".into())), Some(Err(HttpClientError::MalformedRequest)));
    }
}
