//! One instance of a handler: requests, one after the other.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, StatusCode};
use tokio::sync::oneshot;
use tokio::time::Instant;
use wasmtime::{Result, Store};
use wasmtime_wasi_http::p2::bindings::Proxy;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpView};
use wharf_kernel::Limit;
use wharf_kernel::budget::Budget;
use wharf_kernel::launcher::Exit;
use wharf_kernel::process::CpuTime;
use wharf_kernel::public_id::PublicId;
use wharf_kernel::recorder::Recorder;
use wharf_types::ProcessId;

use super::desk::{Desk, Event};
use super::outgoing::Outside;
use super::pool::{SeatId, Slot};
use super::shape::{Answer, Body};
use super::{Handler, JobId};
use crate::bounds::Sums;
use crate::components::ReadyHandler;
use crate::ending::{self, Stage};
use crate::engine::RuntimeSettings;
use crate::guest::{Guest, Start};
use crate::lanes::LifeFuture;
use crate::output::Tail;
use crate::turn::Turn;

/// A request to handle.
pub(super) struct Job {
    pub(super) id: JobId,
    pub(super) request: Request<Full<Bytes>>,
    pub(super) scheme: Scheme,
    /// For lines that are printed meanwhile.
    pub(super) shown_as: PublicId,
    /// Until when somebody waits for the answer.
    pub(super) until: Instant,
}

/// What all instances of one life are made of.
pub(super) struct Plan {
    pub(super) component: Arc<ReadyHandler>,
    pub(super) process: ProcessId,
    pub(super) settings: Arc<RuntimeSettings>,
    pub(super) sums: Arc<Sums>,
    pub(super) recorder: Recorder,
    pub(super) cpu: Arc<CpuTime>,
    /// Bytes of bodies that instances have written.
    pub(super) bodies: Bodies,
}

/// Bounds of what instances write: answers, and requests to the world outside.
#[derive(Clone, Debug)]
pub(super) struct Bodies {
    pub(super) budget: Budget,
    /// Most bytes in one.
    pub(super) bytes_max: usize,
}

impl Plan {
    /// Begins an instance. Dropping the future ends it wherever it is, at the latest when its tick is over.
    pub(super) fn begin(&self, seat: SeatId, slot: Arc<Slot>, desk: Arc<Desk>) -> LifeFuture {
        let host = Arc::clone(&self.component.host);
        let burst_ms_max = self.settings.cpu_burst_ms_max;
        let turn = Arc::new(Turn::new(Arc::clone(&host.ticks), Arc::clone(&self.cpu), burst_ms_max));
        let output = Tail::with_lines(self.settings.stderr_bytes_max, self.recorder.clone());
        let start = Start {
            process: &self.process,
            settings: &self.settings,
            sums: Arc::clone(&self.sums),
            recorder: self.recorder.clone(),
            turn: Arc::clone(&turn),
            output: output.clone(),
        };
        let outside = Outside::new(Arc::clone(&desk), self.bodies.clone());
        let world = Handler { http: WasiHttpCtx::new(), outside, begun: 0 };
        let instance = Instance {
            store: Guest::store(&host.engine, &host, start, world),
            component: Arc::clone(&self.component),
            requests_max: self.settings.http_instance_requests_max.max(1),
            bodies: self.bodies.clone(),
            recorder: self.recorder.clone(),
            output,
            desk,
        };
        LifeFuture::new(Box::pin(instance.live(seat, slot)), turn, Arc::clone(&host.lanes))
    }
}

struct Instance {
    store: Store<Guest<Handler>>,
    component: Arc<ReadyHandler>,
    requests_max: u64,
    bodies: Bodies,
    recorder: Recorder,
    output: Tail,
    desk: Arc<Desk>,
}

impl Instance {
    async fn live(mut self, seat: SeatId, slot: Arc<Slot>) -> Exit {
        let proxy = match self.component.pre.instantiate_async(&mut self.store).await {
            Ok(proxy) => proxy,
            Err(error) => return self.ending(&error, Stage::Starting),
        };
        self.desk.put(Event::Started);
        let mut left = self.requests_max;
        loop {
            let job = slot.next().await;
            self.output.now_about(Some(job.shown_as));
            let handled = self.handle(&proxy, job).await;
            self.output.now_about(None);
            if let Err(error) = handled {
                return self.ending(&error, Stage::Running);
            }
            left -= 1;
            if left == 0 {
                return Exit::Returned;
            }
            self.desk.put(Event::Free(seat));
        }
    }

    fn ending(&self, error: &wasmtime::Error, stage: Stage) -> Exit {
        let guest = self.store.data();
        if ending::is_host_call_too_large(error) {
            guest.hit(Limit::HostCallBytes);
        }
        ending::of(error, stage, guest.growth(), &self.output)
    }

    /// Calls the handler, and gathers what it answers while it writes it. The answer is left as soon as it is whole; the handler
    /// may go on after that.
    async fn handle(&mut self, proxy: &Proxy, job: Job) -> Result<()> {
        let Job { id, request, scheme, .. } = job;
        let world = &mut self.store.data_mut().world;
        world.begun = world.begun.wrapping_add(1);
        let (sender, response) = oneshot::channel();
        let mut http = self.store.data_mut().http();
        let request = http.new_incoming_request(scheme, request)?;
        let out = http.new_response_outparam(sender)?;
        let mut call = pin!(proxy.wasi_http_incoming_handler().call_handle(&mut self.store, request, out));
        let mut answer = pin!(gather(response, &self.bodies, &self.recorder));
        let mut is_left = false;
        std::future::poll_fn(|cx| {
            let called = call.as_mut().poll(cx)?;
            if !is_left && let Poll::Ready(answer) = answer.as_mut().poll(cx) {
                self.desk.put(Event::Answered(id, answer));
                is_left = true;
            }
            if called.is_ready() && !is_left {
                let why = "the handler returned, and its answer was not whole";
                self.desk.put(Event::Answered(id, Answer::failed(StatusCode::INTERNAL_SERVER_ERROR, why)));
            }
            called.map(Ok)
        })
        .await
    }
}

type Responded = std::result::Result<Response<HyperOutgoingBody>, ErrorCode>;

/// Waits for an answer until it is whole.
async fn gather(response: oneshot::Receiver<Responded>, bodies: &Bodies, recorder: &Recorder) -> Answer {
    let failed = |why: &str| Answer::failed(StatusCode::INTERNAL_SERVER_ERROR, why);
    let response = match response.await {
        Ok(Ok(response)) => response,
        Ok(Err(code)) => return failed(&format!("the handler gave up: {code:?}")),
        Err(_) => return failed("the handler gave no answer"),
    };
    let (parts, body) = response.into_parts();
    match whole(body, bodies).await {
        Ok(body) => Answer { status: parts.status, headers: parts.headers, body },
        Err(NotWhole::Over(limit, max)) => {
            recorder.hit(limit);
            failed(&format!("the answer was over a limit: {} is {max} bytes", limit.name()))
        }
        Err(NotWhole::Broken) => failed("the handler did not finish its answer as it had announced it"),
    }
}

/// Why a body that an instance writes did not become whole.
pub(super) enum NotWhole {
    /// A limit was reached.
    Over(Limit, usize),
    /// The guest gave it up, or wrote another number of bytes than it had said.
    Broken,
}

/// A whole body. Trailers are left out: nothing here has a place for them.
pub(super) async fn whole<B>(mut body: B, bodies: &Bodies) -> std::result::Result<Body, NotWhole>
where
    B: hyper::body::Body<Data = Bytes> + Unpin,
{
    let (mut bytes, mut held) = (Vec::new(), bodies.budget.begin());
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| NotWhole::Broken)?.into_data() else { continue };
        if data.len() > bodies.bytes_max.saturating_sub(bytes.len()) {
            return Err(NotWhole::Over(Limit::BlobBytes, bodies.bytes_max));
        }
        if !held.grow(data.len()) {
            return Err(NotWhole::Over(Limit::HttpBuffered, bodies.budget.max()));
        }
        // Most bodies are one piece, which is then taken over as it is.
        if bytes.is_empty() { bytes = Vec::from(data) } else { bytes.extend_from_slice(&data) }
    }
    Ok(Body { bytes, held: Some(held) })
}
