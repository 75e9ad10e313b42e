//! One life of a process that handles HTTP.
//!
//! The loop receives everything that is sent to the process, and never waits for anything else without letting the instances
//! run meanwhile. An instance that still works on a request when nobody waits for it any more is ended: so a handler that
//! spins does not do so for ever, whether or not it has answered.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::StatusCode;
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep};
use wharf_kernel::Limit;
use wharf_kernel::budget::Budget;
use wharf_kernel::envelope::{Blob, Envelope, Kind, Payload, Seconds, WrittenAddress};
use wharf_kernel::launcher::{Crash, Exit};
use wharf_kernel::recorder::Recorder;
use wharf_kernel::session::{Aside, Incoming, OutgoingRequest, OutgoingResponse, Session};
use wharf_types::http_server::{HttpServerAction, HttpServerReply};
use wharf_types::{Address, Capability, ProcessId};

use super::JobId;
use super::desk::{Desk, Event};
use super::instance::{Bodies, Job, Plan};
use super::outgoing::{Asked, Outcome};
use super::pool::{Ended, Pool, Ran};
use super::shape::{self, Answer, NotShown};
use crate::bounds::Sums;
use crate::components::ReadyHandler;
use crate::engine::RuntimeSettings;

/// All paths of a process: its root, and everything below.
const PATHS: [&str; 2] = ["/", "/*"];
/// Params of the capability of the web server with which everybody may ask the process, and not only the owner.
const PUBLIC: &str = r#"{"paths":"public"}"#;
/// How long the web server may take to bind a path, and a request is worked on whose sender does not say.
const WAIT: Seconds = Seconds(60);
/// How often it is looked for what is over.
const SWEEP: Duration = Duration::from_secs(1);
/// Things done in a row before others get the thread.
const ROUNDS_MAX: u32 = 64;

/// Runs one life. Dropping the future ends it, and all its instances.
pub(crate) async fn live(component: Arc<ReadyHandler>, session: Session) -> Exit {
    match Life::begin(component, session).await {
        Ok(life) => life.run().await,
        Err(exit) => exit,
    }
}

/// A request that was not answered yet.
struct UnderWay {
    aside: Aside,
    /// Until when somebody waits.
    until: Instant,
}

/// Something for the loop to do.
enum Happened {
    Received(Incoming),
    Left(Event),
    Ended(Ended),
    Swept,
}

struct Life {
    session: Session,
    recorder: Recorder,
    settings: Arc<RuntimeSettings>,
    server: Address,
    client: Arc<WrittenAddress>,
    desk: Arc<Desk>,
    pool: Pool,
    /// Bytes of bodies that the instances keep.
    budget: Budget,
    under_way: HashMap<JobId, UnderWay>,
    waiting: VecDeque<Job>,
    /// Requests to the world outside, by the number that is their context.
    asked: HashMap<u64, oneshot::Sender<Outcome>>,
    next: u64,
    sweep: Option<Pin<Box<Sleep>>>,
    rounds: u32,
}

impl Life {
    /// Starts an instance, to see that one can be, and binds the paths.
    async fn begin(component: Arc<ReadyHandler>, session: Session) -> Result<Self, Exit> {
        let settings = component.host.settings_of(session.our().process());
        let desk = Arc::<Desk>::default();
        let node = session.our().node().clone();
        let module = |name| Address::new(node.clone(), ProcessId::system(name));
        let budget = Budget::new(settings.http_buffered_bytes_max);
        let plan = Plan {
            process: session.our().process().clone(),
            sums: Arc::new(Sums::new(session.meter())),
            recorder: session.recorder(),
            cpu: Arc::clone(session.cpu()),
            bodies: Bodies { budget: budget.clone(), bytes_max: session.limits().blob_bytes_max },
            component,
            settings: Arc::clone(&settings),
        };
        let mut life = Self {
            recorder: session.recorder(),
            client: Arc::new(WrittenAddress::from(&module("http-client"))),
            server: module("http-server"),
            pool: Pool::new(plan, Arc::clone(&desk), settings.http_instances_max),
            desk,
            session,
            settings,
            budget,
            under_way: HashMap::new(),
            waiting: VecDeque::new(),
            asked: HashMap::new(),
            next: 0,
            sweep: None,
            rounds: 0,
        };
        life.pool.open();
        loop {
            match life.next().await {
                Happened::Left(Event::Started) => break,
                Happened::Ended(ended) => return Err(ended.exit),
                _ => {}
            }
        }
        life.bind().await.map_err(|why| Exit::FailedToStart(Crash::new(why)))?;
        Ok(life)
    }

    async fn bind(&mut self) -> Result<(), String> {
        let server = Arc::new(WrittenAddress::from(&self.server));
        let public = Capability::new(self.server.clone(), PUBLIC).key();
        let authenticated = !self.session.capabilities().iter().any(|held| held.key() == public);
        for path in PATHS {
            let action =
                HttpServerAction::Bind { path: path.to_owned(), authenticated, local_only: false, cache: false };
            // Plain data with names.
            let body = serde_json::to_vec(&action).unwrap_or_default();
            let asked = self.session.send_and_await(Arc::clone(&server), request(body, WAIT), None).await;
            let Ok(Incoming::Message { envelope, .. }) = asked else {
                return Err("its paths could not be bound: `http-server:distro:sys` did not answer; a process that \
                            handles HTTP has to request the capability to send messages to it"
                    .to_owned());
            };
            if let Some(why) = not_bound(&envelope) {
                return Err(format!("its paths could not be bound: {why}"));
            }
        }
        Ok(())
    }

    async fn run(mut self) -> Exit {
        loop {
            match self.next().await {
                Happened::Received(Incoming::Message { envelope, context }) => self.received(*envelope, context),
                Happened::Received(Incoming::Failed { context, .. }) => self.came_back(context, Outcome::Silence),
                Happened::Left(Event::Started) => {}
                Happened::Left(Event::Answered(job, answer)) => self.answer(job, answer),
                Happened::Left(Event::Free(seat)) => {
                    self.pool.free(seat);
                    self.hand_out();
                }
                Happened::Left(Event::Asked(asked)) => self.ask(asked).await,
                Happened::Ended(ended) => self.instance_ended(ended),
                Happened::Swept => self.sweep_up(),
            }
        }
    }

    /// The next thing to do. Instances run meanwhile.
    async fn next(&mut self) -> Happened {
        let is_busy = self.pool.has_more_than_rest();
        if is_busy && self.sweep.is_none() {
            self.sweep = Some(Box::pin(tokio::time::sleep(SWEEP)));
        }
        let Self { session, pool, desk, sweep, rounds, .. } = self;
        let mut receive = pin!(session.receive());
        std::future::poll_fn(|cx| {
            *rounds += 1;
            let happened = poll_next(cx, pool, desk, receive.as_mut(), sweep, *rounds);
            if happened.is_pending() {
                *rounds = 0;
            }
            happened
        })
        .await
    }

    fn received(&mut self, envelope: Envelope, context: Option<Payload>) {
        let Kind::Request(wait) = envelope.kind else {
            let outcome = Outcome::Answered(Arc::clone(&envelope.content.body), envelope.blob);
            return self.came_back(context, outcome);
        };
        if !envelope.is_answerable() {
            return;
        }
        let Some(aside) = self.session.put_aside() else { return };
        if *envelope.source() != self.server {
            let why = "a message was ignored: a process that handles HTTP takes requests of the web server only";
            return self.recorder.notice(Some(aside.shown_as()), why);
        }
        let (message, blob) = (Arc::clone(&envelope.content.body), envelope.blob);
        let id = JobId(self.number());
        let shown_as = aside.shown_as();
        let until = Instant::now() + wait.unwrap_or(WAIT).duration();
        self.under_way.insert(id, UnderWay { aside, until });
        match shape::request(&message, blob, self.session.our().process(), &self.budget) {
            Ok(shown) => self.hand(Job { id, request: shown.request, scheme: shown.scheme, shown_as, until }),
            Err(NotShown::Other) => drop(self.under_way.remove(&id)),
            Err(error @ NotShown::Busy) => {
                self.answer(id, Answer::failed(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()));
            }
            Err(error) => self.answer(id, Answer::failed(StatusCode::BAD_REQUEST, &error.to_string())),
        }
    }

    fn hand(&mut self, job: Job) {
        let Some(job) = self.pool.hand(job) else { return };
        if self.waiting.len() < self.settings.http_waiting_max {
            self.waiting.push_back(job);
            return;
        }
        self.recorder.hit(Limit::HttpWaiting);
        let why = format!("{} requests wait for an instance already, try again", self.settings.http_waiting_max);
        self.answer(job.id, Answer::failed(StatusCode::SERVICE_UNAVAILABLE, &why));
    }

    /// Gives waiting requests to instances that have nothing to do.
    fn hand_out(&mut self) {
        while let Some(job) = self.waiting.pop_front() {
            if !self.under_way.contains_key(&job.id) {
                continue;
            }
            if let Some(job) = self.pool.hand(job) {
                self.waiting.push_front(job);
                return;
            }
        }
    }

    fn answer(&mut self, job: JobId, answer: Answer) {
        // One that nobody waits for any more is gone from here.
        let Some(UnderWay { aside, .. }) = self.under_way.remove(&job) else { return };
        let (head, blob) = answer.into_message();
        self.session.take_up(aside);
        let response =
            OutgoingResponse { inherit: false, body: Arc::new(head), metadata: None, capabilities: Vec::new() };
        self.session.send_response(response, Some(blob));
    }

    fn instance_ended(&mut self, Ended { job, exit }: Ended) {
        let under_way = job.filter(|job| self.under_way.contains_key(job));
        let shown_as = under_way.and_then(|job| self.under_way.get(&job)).map(|request| request.aside.shown_as());
        if let Some((status, why, crash)) = reason(&exit) {
            let shown = crash.map(|crash| format!(": {crash}")).unwrap_or_default();
            self.recorder.notice(shown_as, &format!("{why}{shown}"));
            if let Some(job) = under_way {
                self.answer(job, Answer::failed(status, why));
            }
        } else if let Some(job) = under_way {
            let why = "the handler exited without an answer";
            self.answer(job, Answer::failed(StatusCode::INTERNAL_SERVER_ERROR, why));
        }
        self.hand_out();
    }

    async fn ask(&mut self, asked: Asked) {
        let Asked { action, body, wait, answer } = asked;
        // The guest gave up, or ended.
        if answer.is_closed() {
            return;
        }
        if !self.session.may_send_to(&self.client) {
            self.recorder.notice(None, "a request to the world outside was refused: this process holds no messaging capability for http-client:distro:sys");
            drop(answer.send(Outcome::NotAllowed));
            return;
        }
        let number = self.number();
        let context = Arc::new(number.to_le_bytes().to_vec());
        let blob = Some(Blob::new(None, body.bytes));
        let sending = self.session.send_request(Arc::clone(&self.client), request(action, wait), Some(context), blob);
        // Its mailbox may be full: instances go on meanwhile.
        let sent = run_meanwhile(&mut self.pool, sending).await;
        drop(body.held);
        match sent {
            Ok(()) => drop(self.asked.insert(number, answer)),
            Err(_) => drop(answer.send(Outcome::Silence)),
        }
    }

    /// Something came of a request to the world outside.
    fn came_back(&mut self, context: Option<Payload>, outcome: Outcome) {
        let number = context.and_then(|context| Some(u64::from_le_bytes(context.as_slice().try_into().ok()?)));
        if let Some(answer) = number.and_then(|number| self.asked.remove(&number)) {
            drop(answer.send(outcome));
        }
    }

    /// Gives up what nobody waits for, and ends instances that had nothing to do for long.
    fn sweep_up(&mut self) {
        self.sweep = None;
        let now = Instant::now();
        self.under_way.retain(|_, request| request.until > now);
        self.pool.give_up(now);
        if let Some(since) = now.checked_sub(Duration::from_secs(self.settings.http_idle_s)) {
            self.pool.shrink(since);
        }
        self.hand_out();
    }

    fn number(&mut self) -> u64 {
        self.next = self.next.wrapping_add(1);
        self.next
    }
}

/// What the loop does first. Whoever gave way lets others have the thread, whatever else there is to do.
fn poll_next(
    cx: &mut Context<'_>,
    pool: &mut Pool,
    desk: &Desk,
    receive: Pin<&mut impl Future<Output = Incoming>>,
    sweep: &mut Option<Pin<Box<Sleep>>>,
    rounds: u32,
) -> Poll<Happened> {
    if let Ran::GaveWay = pool.run(cx) {
        return Poll::Pending;
    }
    if rounds > ROUNDS_MAX {
        cx.waker().wake_by_ref();
        return Poll::Pending;
    }
    if let Some(event) = desk.take() {
        return Poll::Ready(Happened::Left(event));
    }
    if let Some(ended) = pool.take_ended() {
        return Poll::Ready(Happened::Ended(ended));
    }
    if let Some(sweep) = sweep
        && sweep.as_mut().poll(cx).is_ready()
    {
        return Poll::Ready(Happened::Swept);
    }
    receive.poll(cx).map(Happened::Received)
}

/// Waits for `work` while instances go on.
async fn run_meanwhile<T>(pool: &mut Pool, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    std::future::poll_fn(|cx| {
        let done = work.as_mut().poll(cx);
        if done.is_pending() {
            pool.run(cx);
        }
        done
    })
    .await
}

fn request(body: Vec<u8>, wait: Seconds) -> OutgoingRequest {
    OutgoingRequest {
        inherit: false,
        expects: Some(wait),
        body: Arc::new(body),
        metadata: None,
        capabilities: Vec::new(),
    }
}

/// Why the web server did not bind a path.
fn not_bound(envelope: &Envelope) -> Option<String> {
    match serde_json::from_slice::<HttpServerReply>(&envelope.content.body) {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(envelope.content.metadata.as_deref().map_or_else(|| error.to_string(), str::to_owned)),
        Err(error) => Some(error.to_string()),
    }
}

/// What is answered when an instance ends of this, and what people are told. `None`: it ended as it should.
fn reason(exit: &Exit) -> Option<(StatusCode, &'static str, Option<&Crash>)> {
    let failed = StatusCode::INTERNAL_SERVER_ERROR;
    let later = StatusCode::SERVICE_UNAVAILABLE;
    Some(match exit {
        Exit::Trapped(crash) => (failed, "the handler trapped", Some(crash)),
        Exit::OutOfCpu(crash) => (failed, "the handler computed for too long", Some(crash)),
        Exit::OutOfMemory(crash) => (later, "the handler ran out of memory", Some(crash)),
        Exit::FailedToStart(crash) => (later, "an instance of the handler could not be started", Some(crash)),
        Exit::NodeFault(_) => (failed, "the node failed while it ran the handler", None),
        _ => return None,
    })
}
