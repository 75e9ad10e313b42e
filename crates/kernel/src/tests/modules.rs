//! The one runner that serves every module.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, mpsc};
use wharf_types::{Address, Failure};

use super::support::*;
use crate::envelope::{Blob, Content, Envelope, Kind, MessageId, ReplyPath, Rsvp, Seconds};
use crate::mailbox::Mailbox;
use crate::module::{Access, Answer, Caller, Refusal, Replier, RuntimeModule, Works};
use crate::session::{OutgoingRequest, Session};
use crate::{CallError, Limits, SendAs};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Order {
    Echo(String),
    /// Answers when the test opens the gate of that name.
    Gate(String),
    Panic,
    Later,
    Never,
    Fail,
}

#[derive(Clone)]
struct Probe {
    gates: Arc<Mutex<HashMap<String, Arc<Notify>>>>,
    begun: mpsc::UnboundedSender<(Address, Order)>,
    repliers: mpsc::UnboundedSender<Replier>,
}

struct Seen {
    gates: Arc<Mutex<HashMap<String, Arc<Notify>>>>,
    begun: mpsc::UnboundedReceiver<(Address, Order)>,
    repliers: mpsc::UnboundedReceiver<Replier>,
}

impl Seen {
    fn open(&self, gate: &str) {
        self.gates.lock().unwrap().entry(gate.to_owned()).or_default().notify_one();
    }

    async fn next(&mut self) -> (Address, Order) {
        self.begun.recv().await.unwrap()
    }
}

fn probe() -> (Probe, Seen) {
    let gates = Arc::<Mutex<HashMap<String, Arc<Notify>>>>::default();
    let (begun, begun_seen) = mpsc::unbounded_channel();
    let (repliers, repliers_seen) = mpsc::unbounded_channel();
    (Probe { gates: Arc::clone(&gates), begun, repliers }, Seen { gates, begun: begun_seen, repliers: repliers_seen })
}

impl RuntimeModule for Probe {
    type Request = Order;
    type Response = Result<String, String>;
    const NAME: &'static str = "probe";
    const ACCESS: Access = Access::Public;

    async fn handle(&self, caller: Caller, order: Order, blob: Option<Blob>) -> Answer<Self::Response> {
        drop(self.begun.send((caller.source().clone(), order.clone())));
        match order {
            Order::Echo(text) => match blob {
                Some(blob) => Answer::ReplyWithBlob(Ok(text), blob),
                None => Answer::Reply(Ok(text)),
            },
            Order::Gate(name) => {
                let gate = Arc::clone(self.gates.lock().unwrap().entry(name.clone()).or_default());
                gate.notified().await;
                Answer::Reply(Ok(name))
            }
            Order::Panic => panic!("a bug of the module"),
            Order::Later => {
                self.repliers.send(caller.replier()).unwrap();
                Answer::Later
            }
            Order::Never => std::future::pending().await,
            Order::Fail => Answer::ReplyBecause(Err("no".to_owned()), Failure::new("the reason")),
        }
    }

    fn refuse(&self, refusal: Refusal) -> Option<Self::Response> {
        match refusal {
            Refusal::Malformed(reason) if reason.contains("column 3") => panic!("a bug in refusing"),
            refusal => Some(Err(refusal.to_string())),
        }
    }
}

/// The same, handled in the runner; what waits at the gate `long` is not brief.
struct InRunner(Probe);

impl RuntimeModule for InRunner {
    type Request = Order;
    type Response = Result<String, String>;
    const NAME: &'static str = Probe::NAME;
    const ACCESS: Access = Probe::ACCESS;
    const WORKS: Works = Works::InRunner;

    async fn handle(&self, caller: Caller, order: Order, blob: Option<Blob>) -> Answer<Self::Response> {
        self.0.handle(caller, order, blob).await
    }

    fn is_brief(&self, order: &Order, _: Option<&Blob>) -> bool {
        *order != gate("long")
    }

    fn refuse(&self, refusal: Refusal) -> Option<Self::Response> {
        self.0.refuse(refusal)
    }
}

/// Worlds with the probe in them, one for each way of working.
fn both_ways() -> [(World, Seen); 2] {
    [Works::InTasks, Works::InRunner].map(|works| {
        let world = World::new();
        let (module, seen) = probe();
        match works {
            Works::InTasks => world.kernel.start_module(module),
            Works::InRunner => world.kernel.start_module(InRunner(module)),
        };
        (world, seen)
    })
}

fn order(order: &Order) -> OutgoingRequest {
    ask(&serde_json::to_string(order).unwrap(), 60)
}

async fn give(session: &mut Session, what: Order) {
    send(session, "probe:distro:sys", order(&what)).await;
}

async fn answered(session: &mut Session) -> Result<String, String> {
    serde_json::from_str(&receive(session).await).unwrap()
}

fn gate(name: &str) -> Order {
    Order::Gate(name.to_owned())
}

fn echo(text: &str) -> Order {
    Order::Echo(text.to_owned())
}

#[tokio::test]
async fn a_module_answers_with_blob_and_metadata() {
    let world = World::new();
    world.kernel.start_module(probe().0);
    // The answer comes although the process is not public and has granted the module nothing.
    let mut a = world.private("a").await;
    let request = OutgoingRequest { metadata: Some("meta".into()), ..order(&echo("x")) };
    a.send_request(to("probe:distro:sys"), request, Some(payload("ctx")), blob("blob")).await.unwrap();
    let (envelope, body, context) = message(&mut a).await;
    assert_eq!((body.as_str(), context.as_deref()), (r#"{"Ok":"x"}"#, Some("ctx")));
    assert_eq!(envelope.content.metadata.as_deref(), Some("meta"));
    assert_eq!(blob_text(a.blob()).as_deref(), Some("blob"));
    give(&mut a, Order::Fail).await;
    let (envelope, body, _) = message(&mut a).await;
    assert_eq!(body, r#"{"Err":"no"}"#);
    let failure = Failure::from_metadata(envelope.content.metadata.as_deref()).unwrap();
    assert_eq!(failure.error, "the reason");
}

#[tokio::test]
async fn one_callers_requests_are_served_in_order_and_those_of_others_beside_them() {
    for (world, mut seen) in both_ways() {
        let (mut a, mut b) = (world.public("a").await, world.public("b").await);
        for name in ["short", "long"] {
            give(&mut a, gate(name)).await;
            give(&mut a, echo("after")).await;
            assert_eq!(seen.next().await.1, gate(name));
            give(&mut b, echo("other")).await;
            assert_eq!(answered(&mut b).await, Ok("other".to_owned()));
            assert_eq!(seen.next().await.0, address("b"));
            assert!(seen.begun.try_recv().is_err());
            seen.open(name);
            assert_eq!(answered(&mut a).await, Ok(name.to_owned()));
            assert_eq!(answered(&mut a).await, Ok("after".to_owned()));
            assert_eq!(seen.next().await.1, echo("after"));
            // Nothing of an earlier request is left in the way.
            give(&mut a, echo("again")).await;
            assert_eq!(answered(&mut a).await, Ok("again".to_owned()));
            assert_eq!(seen.next().await.1, echo("again"));
        }
    }
}

/// Answers in the runner, and counts.
struct Quick(Arc<AtomicUsize>);

impl RuntimeModule for Quick {
    type Request = String;
    type Response = ();
    const NAME: &'static str = "quick";
    const ACCESS: Access = Access::Public;
    const WORKS: Works = Works::InRunner;

    async fn handle(&self, _: Caller, _: String, _: Option<Blob>) -> Answer<()> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Answer::Later
    }

    fn refuse(&self, _: Refusal) -> Option<()> {
        None
    }
}

/// On one thread: the others' turn comes only if the module's loop gives way.
#[tokio::test]
async fn a_module_with_much_to_do_lets_others_have_their_turn() {
    const REQUESTS: usize = 1_000;
    let world = World::new();
    let handled = Arc::new(AtomicUsize::new(0));
    world.kernel.start_module(Quick(Arc::clone(&handled)));
    let mut a = world.public("a").await;
    for _ in 0..REQUESTS {
        send(&mut a, "quick:distro:sys", tell(r#""x""#)).await;
    }
    let other = Arc::clone(&handled);
    let seen = tokio::spawn(async move { other.load(Ordering::Relaxed) }).await.unwrap();
    assert!((1..REQUESTS).contains(&seen), "{seen}");
    while handled.load(Ordering::Relaxed) < REQUESTS {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_panic_in_a_module_costs_the_one_request() {
    for (world, _seen) in both_ways() {
        let mut a = world.public("a").await;
        give(&mut a, Order::Panic).await;
        give(&mut a, echo("next")).await;
        assert_eq!(answered(&mut a).await, Err(Refusal::Internal.to_string()));
        assert_eq!(answered(&mut a).await, Ok("next".to_owned()));
    }
}

/// Such a panic ended the task outside of what is caught, and the caller was never served again.
#[tokio::test]
async fn a_panic_in_refusing_costs_the_one_request_too() {
    let world = World::new();
    world.kernel.start_module(probe().0);
    let mut a = world.public("a").await;
    send(&mut a, "probe:distro:sys", ask("{ x", 60)).await;
    give(&mut a, echo("next")).await;
    assert_eq!(answered(&mut a).await, Ok("next".to_owned()));
}

#[tokio::test]
async fn a_malformed_request_is_answered_with_the_reason() {
    let world = World::new();
    world.kernel.start_module(probe().0);
    let mut a = world.public("a").await;
    for body in ["", "null", "{\"Unknown\":1}", "\u{0}"] {
        send(&mut a, "probe:distro:sys", ask(body, 60)).await;
        let (envelope, body, _) = message(&mut a).await;
        assert!(body.contains("malformed"), "{body}");
        assert!(Failure::from_metadata(envelope.content.metadata.as_deref()).unwrap().error.contains("malformed"));
    }
}

#[tokio::test]
async fn s7_modules_refuse_requests_from_other_nodes() {
    let world = World::new();
    let (module, mut seen) = probe();
    world.kernel.start_module(module);
    let process = world.kernel.find(&id("probe:distro:sys")).unwrap();
    let asker = world.public("a").await;
    let reply = ReplyPath(Arc::new(Mailbox::new("b.os@a:pkg:pub".parse().unwrap(), world.kernel.limits())));
    let message_id = MessageId::new(1);
    let response = reply.mailbox().expect_direct(message_id).unwrap();
    let foreign = Envelope {
        id: message_id,
        kind: Kind::Request(Some(Seconds(5))),
        content: Content::body(serde_json::to_vec(&echo("x")).unwrap()),
        blob: None,
        rsvp: Rsvp::Source,
        reply,
    };
    process.mailbox().push_request(Box::new(foreign)).unwrap();
    assert!(body(&response.await.unwrap().content).contains("other nodes"));
    assert!(seen.begun.try_recv().is_err());
    drop(asker);
}

#[tokio::test]
async fn an_answer_can_come_later_and_only_once() {
    let world = World::new();
    let (module, mut seen) = probe();
    world.kernel.start_module(module);
    let mut a = world.public("a").await;
    give(&mut a, Order::Later).await;
    give(&mut a, echo("meanwhile")).await;
    assert_eq!(answered(&mut a).await, Ok("meanwhile".to_owned()));
    let replier = seen.repliers.recv().await.unwrap();
    assert!(!replier.is_orphaned());
    replier.send(br#"{"Ok":"later"}"#.to_vec(), None);
    replier.send(br#"{"Ok":"again"}"#.to_vec(), None);
    assert_eq!(answered(&mut a).await, Ok("later".to_owned()));
    assert!(is_idle(&mut a));
    world.kernel.kill(&id("a"), crate::lifecycle::Revocation::Revoke).await.unwrap();
    replier.orphaned().await;
}

#[tokio::test]
async fn a_module_takes_no_more_than_its_bound_and_no_caller_more_than_its_own() {
    let limits = Limits {
        module_requests_max: 6,
        module_requests_per_caller_max: 2,
        mailbox_messages_max: 3,
        ..Limits::default()
    };
    let world = World::with(limits);
    let (module, mut seen) = probe();
    world.kernel.start_module(module);
    let mut a = world.public("a").await;
    give(&mut a, gate("a")).await;
    seen.next().await;
    for text in ["1", "2", "3"] {
        give(&mut a, echo(text)).await;
    }
    // Two wait; the third is refused and does not wait for the first.
    assert_eq!(answered(&mut a).await, Err(Refusal::Overloaded.to_string()));
    // Others are served meanwhile, up to the bound for all.
    let mut others = Vec::new();
    for n in 0..3 {
        let mut other = world.public(&format!("other{n}")).await;
        give(&mut other, gate("others")).await;
        seen.next().await;
        others.push(other);
    }
    let mut late = world.public("late").await;
    give(&mut late, echo("late")).await;
    tokio::task::yield_now().await;
    assert!(seen.begun.try_recv().is_err());
    seen.open("a");
    assert_eq!(answered(&mut a).await, Ok("a".to_owned()));
    assert_eq!(answered(&mut late).await, Ok("late".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_module_asks_in_its_own_authority_or_the_owners() {
    let world = World::with(Limits { mailbox_messages_max: 1, ..Limits::default() });
    let handle = world.kernel.start_module(probe().0);
    world.script("private", |mut session| async move {
        loop {
            message(&mut session).await;
            session.send_response(answer("yes"), None);
        }
    });
    world.create("private", Access::Capability, wharf_types::OnExit::None).await.unwrap();
    world.run("private");
    let call = async |name: &str, send_as| {
        let content = Content::body(b"x".to_vec());
        let answer = handle.request(&address(name), content, None, Seconds(5), send_as).await;
        answer.map(|envelope| body(&envelope.content))
    };
    assert_eq!(call("nobody", SendAs::Owner).await, Err(CallError::NoSuchProcess));
    assert_eq!(call("private", SendAs::Module).await, Err(CallError::NotAllowed));
    assert_eq!(call("private", SendAs::Owner).await, Ok("yes".to_owned()));
    world.grant("probe:distro:sys", messaging("private")).await;
    assert_eq!(call("private", SendAs::Module).await, Ok("yes".to_owned()));
    // One that does not answer, then one that is full.
    let silent = world.public("silent").await;
    assert_eq!(call("silent", SendAs::Module).await, Err(CallError::Timeout));
    assert_eq!(call("silent", SendAs::Module).await, Err(CallError::MailboxFull));
    let far = "b.os@a:pkg:pub".parse().unwrap();
    let told = handle.tell(&far, Content::body(Vec::new()), None, SendAs::Owner).await;
    assert_eq!(told, Err(CallError::Offline));
    let large = Content::body(vec![0; world.kernel.limits().body_bytes_max + 1]);
    assert!(matches!(handle.tell(&address("silent"), large, None, SendAs::Owner).await, Err(CallError::TooLarge(_))));
    drop(silent);
}

#[tokio::test]
async fn shutting_down_ends_handlers_that_never_do() {
    for (world, mut seen) in both_ways() {
        let mut a = world.public("a").await;
        give(&mut a, Order::Never).await;
        seen.next().await;
        world.kernel.shut_down().await;
    }
}
