//! A mailbox against a simple model of it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;
use tokio::sync::oneshot;

use super::support::{address, payload};
use crate::Limits;
use crate::envelope::{Content, Envelope, Kind, MessageId, ReplyPath, Rsvp};
use crate::mailbox::{Mailbox, Refused};

const MESSAGES_MAX: usize = 4;
const BYTES_MAX: usize = 2_000;
const OUTSTANDING_MAX: usize = 3;

#[derive(Clone, Debug)]
enum Step {
    Request { bytes: usize },
    Response { id: u64, bytes: usize },
    Expect(u64),
    ExpectAwaited(u64),
    ExpectDirect(u64),
    Forget(u64),
    ForgetAwaited,
    TakeQueued(u64),
    Pop,
    PollAwaited,
    Close,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let id = 0..6_u64;
    let step = prop_oneof![
        6 => (0..1_200_usize).prop_map(|bytes| Step::Request { bytes }),
        1 => (BYTES_MAX..BYTES_MAX + 9).prop_map(|bytes| Step::Request { bytes }),
        8 => (id.clone(), 0..2_500_usize).prop_map(|(id, bytes)| Step::Response { id, bytes }),
        6 => id.clone().prop_map(Step::Expect),
        2 => id.clone().prop_map(Step::ExpectAwaited),
        2 => id.clone().prop_map(Step::ExpectDirect),
        2 => id.clone().prop_map(Step::Forget),
        1 => Just(Step::ForgetAwaited),
        1 => id.prop_map(Step::TakeQueued),
        8 => Just(Step::Pop),
        3 => Just(Step::PollAwaited),
        1 => Just(Step::Close),
    ];
    proptest::collection::vec(step, 0..120)
}

enum Waiter {
    Inbox,
    Direct(oneshot::Receiver<Box<Envelope>>),
}

/// What a message is known by: its kind, its id or number, and its weight.
type Known = (bool, u64, usize);

#[derive(Default)]
struct Model {
    queue: VecDeque<Known>,
    expected: HashMap<u64, Waiter>,
    announced: Option<u64>,
    awaited: Option<Known>,
    closed: bool,
}

impl Model {
    fn bytes(&self) -> usize {
        self.queue.iter().map(|(_, _, weight)| weight).sum()
    }

    fn requests(&self) -> usize {
        self.queue.iter().filter(|(is_request, ..)| *is_request).count()
    }
}

struct Pair {
    mailbox: Arc<Mailbox>,
    model: Model,
    next_request: u64,
}

fn known(envelope: &Envelope) -> Known {
    let is_request = envelope.kind != Kind::Response;
    let number = envelope.content.metadata.as_deref().unwrap().parse().unwrap();
    (is_request, number, envelope.weight())
}

impl Pair {
    fn envelope(&self, kind: Kind, number: u64, bytes: usize) -> Box<Envelope> {
        Box::new(Envelope {
            id: MessageId::new(number),
            kind,
            content: Content {
                metadata: Some(number.to_string().into()),
                ..Content::body(payload(&"x".repeat(bytes)).to_vec())
            },
            blob: None,
            rsvp: Rsvp::Nobody,
            reply: ReplyPath(Arc::clone(&self.mailbox)),
        })
    }

    fn request(&mut self, bytes: usize) {
        self.next_request += 1;
        let envelope = self.envelope(Kind::Request(None), self.next_request, bytes);
        let (weight, known) = (envelope.weight(), known(&envelope));
        let fits = self.model.requests() < MESSAGES_MAX && self.model.bytes() + weight <= BYTES_MAX;
        match self.mailbox.push_request(envelope) {
            Ok(()) => {
                assert!(!self.model.closed && fits);
                self.model.queue.push_back(known);
            }
            Err(Refused::Closed(_)) => assert!(self.model.closed),
            Err(Refused::TooLarge(_)) => assert!(!self.model.closed && weight > BYTES_MAX),
            Err(Refused::Full(_)) => assert!(!self.model.closed && !fits && weight <= BYTES_MAX),
        }
    }

    fn response(&mut self, id: u64, bytes: usize) {
        let envelope = self.envelope(Kind::Response, id, bytes);
        let known = known(&envelope);
        self.mailbox.push_response(envelope);
        if self.model.announced == Some(id) {
            self.model.announced = None;
            self.model.awaited = Some(known);
            return;
        }
        let piled_up = self.model.bytes() + known.2 > 2 * BYTES_MAX;
        if piled_up && matches!(self.model.expected.get(&id), Some(Waiter::Inbox)) {
            return;
        }
        match self.model.expected.remove(&id) {
            None => {}
            Some(Waiter::Inbox) => self.model.queue.push_back(known),
            Some(Waiter::Direct(mut receiver)) => assert_eq!(self::known(&receiver.try_recv().unwrap()), known),
        }
    }

    /// Announces one more, and says whether the model does too.
    fn expect(&mut self, id: u64, announced: Result<Waiter, ()>) {
        let may = self.model.expected.len() < OUTSTANDING_MAX;
        assert_eq!(announced.is_ok(), may);
        if let (Ok(waiter), false) = (announced, self.model.closed) {
            self.model.expected.insert(id, waiter);
        }
    }

    fn step(&mut self, step: &Step) {
        let mut cx = Context::from_waker(Waker::noop());
        let key = MessageId::new;
        match *step {
            Step::Request { bytes } => self.request(bytes),
            Step::Response { id, bytes } => self.response(id, bytes),
            Step::Expect(id) => {
                let announced = self.mailbox.expect(key(id)).map(|()| Waiter::Inbox);
                self.expect(id, announced.map_err(|_| ()));
            }
            Step::ExpectAwaited(id) => {
                let announced = self.mailbox.expect_awaited(key(id)).is_ok();
                assert_eq!(announced, self.model.expected.len() < OUTSTANDING_MAX);
                if announced && !self.model.closed {
                    self.model.expected.remove(&id);
                    (self.model.announced, self.model.awaited) = (Some(id), None);
                }
            }
            Step::ExpectDirect(id) => {
                let announced = self.mailbox.expect_direct(key(id)).map(Waiter::Direct);
                self.expect(id, announced.map_err(|_| ()));
            }
            Step::Forget(id) => {
                self.mailbox.forget(key(id));
                self.model.expected.remove(&id);
            }
            Step::ForgetAwaited => {
                self.mailbox.forget_awaited();
                (self.model.announced, self.model.awaited) = (None, None);
            }
            Step::TakeQueued(id) => {
                let at = self.model.queue.iter().position(|(is_request, number, _)| !is_request && *number == id);
                let expected = at.and_then(|at| self.model.queue.remove(at));
                assert_eq!(self.mailbox.take_queued_response(key(id)).as_deref().map(known), expected);
            }
            Step::Pop => match self.mailbox.poll_pop(&mut cx) {
                Poll::Ready(Some(envelope)) => assert_eq!(Some(known(&envelope)), self.model.queue.pop_front()),
                Poll::Ready(None) => assert!(self.model.closed),
                Poll::Pending => assert!(!self.model.closed && self.model.queue.is_empty()),
            },
            Step::PollAwaited => {
                let polled = match self.mailbox.poll_awaited(&mut cx) {
                    Poll::Ready(envelope) => Some(known(&envelope)),
                    Poll::Pending => None,
                };
                assert_eq!(polled, self.model.awaited.take());
            }
            Step::Close => {
                self.mailbox.close();
                for (_, waiter) in std::mem::take(&mut self.model.expected) {
                    if let Waiter::Direct(mut receiver) = waiter {
                        assert_eq!(receiver.try_recv().unwrap_err(), oneshot::error::TryRecvError::Closed);
                    }
                }
                self.model = Model { closed: true, ..Model::default() };
            }
        }
        assert_eq!(self.mailbox.len(), self.model.queue.len());
        assert_eq!(self.mailbox.is_closed(), self.model.closed);
        assert!(self.model.requests() <= MESSAGES_MAX && self.model.bytes() <= 2 * BYTES_MAX);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_mailbox_does_what_its_model_does(steps in steps()) {
        let limits = Limits {
            mailbox_messages_max: MESSAGES_MAX,
            mailbox_bytes_max: BYTES_MAX,
            outstanding_max: OUTSTANDING_MAX,
            ..Limits::default()
        };
        let mut pair = Pair { mailbox: Arc::new(Mailbox::new(address("a"), &limits)), model: Model::default(), next_request: 1_000 };
        for step in &steps {
            pair.step(step);
        }
    }
}

/// A receiver that waited for one response and then for anything is woken by anything.
#[tokio::test]
async fn no_wakeup_is_lost_between_awaiting_and_receiving() {
    let pair = Pair {
        mailbox: Arc::new(Mailbox::new(address("a"), &Limits::default())),
        model: Model::default(),
        next_request: 0,
    };
    let mailbox = Arc::clone(&pair.mailbox);
    mailbox.expect_awaited(MessageId::new(1)).unwrap();
    assert!(mailbox.poll_awaited(&mut Context::from_waker(Waker::noop())).is_pending());
    mailbox.push_request(pair.envelope(Kind::Request(None), 7, 0)).unwrap();
    mailbox.forget_awaited();
    assert_eq!(known(&mailbox.pop().await.unwrap()).1, 7);
    let receiving = tokio::spawn(async move { mailbox.pop().await });
    tokio::task::yield_now().await;
    pair.mailbox.push_request(pair.envelope(Kind::Request(None), 8, 0)).unwrap();
    assert_eq!(known(&receiving.await.unwrap().unwrap()).1, 8);
}

/// Senders and a receiver on several threads: everything that was taken arrives, each sender's in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_senders_that_wait_for_room_all_get_through() {
    const SENDERS: u64 = 8;
    const EACH: u64 = 500;
    let limits = Limits { mailbox_messages_max: 2, ..Limits::default() };
    let mailbox = Arc::new(Mailbox::new(address("a"), &limits));
    for sender in 0..SENDERS {
        let pair = Pair { mailbox: Arc::clone(&mailbox), model: Model::default(), next_request: 0 };
        tokio::spawn(async move {
            for n in 0..EACH {
                let mut envelope = pair.envelope(Kind::Request(None), sender * EACH + n, 0);
                let weight = envelope.weight();
                while let Err(Refused::Full(back)) = pair.mailbox.push_request(envelope) {
                    envelope = back;
                    pair.mailbox.wait_for_room(weight).await;
                }
            }
        });
    }
    let mut next = vec![0; usize::try_from(SENDERS).unwrap()];
    for _ in 0..SENDERS * EACH {
        let number = known(&mailbox.pop().await.unwrap()).1;
        let sender = usize::try_from(number / EACH).unwrap();
        assert_eq!(number % EACH, next[sender]);
        next[sender] += 1;
    }
}

/// Whoever asked on behalf of a process that has ended was kept waiting for the whole of its time.
#[tokio::test]
async fn nobody_waits_for_a_response_in_a_closed_mailbox() {
    let mailbox = Mailbox::new(address("a"), &Limits::default());
    mailbox.close();
    let response = mailbox.expect_direct(MessageId::new(1)).unwrap();
    assert!(response.await.is_err());
}
