//! Lives on real threads that wake each other from everywhere while they are ended.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::launcher::Exit;
use crate::scheduler::Life;

/// Lives that wake each other, and themselves, until they are ended.
const CHATTING: usize = 48;
/// Lives that end by themselves when each has had this many turns of the other's; they wake those that chat, too.
const PAIRS: usize = 16;
const MESSAGES: usize = 200;
const ROUNDS: usize = 30;

/// One of those that chat.
#[derive(Default)]
struct Place {
    waker: Mutex<Option<Waker>>,
    is_polled: AtomicBool,
    dropped: AtomicUsize,
}

struct Hall(Vec<Place>);

impl Hall {
    fn new() -> Arc<Self> {
        Arc::new(Self((0..CHATTING).map(|_| Place::default()).collect()))
    }

    fn wake(&self, number: usize) {
        let waker = self.0[number % CHATTING].waker.lock().unwrap().clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// What a life holds.
struct Held(Arc<Hall>, usize);

impl Drop for Held {
    fn drop(&mut self) {
        let place = &self.0.0[self.1];
        assert_eq!(place.dropped.fetch_add(1, Ordering::SeqCst), 0, "dropped twice");
        assert!(!place.is_polled.load(Ordering::SeqCst), "dropped while it runs");
    }
}

fn chat(hall: Arc<Hall>, me: usize) -> impl Future<Output = Exit> + Send {
    let held = Held(hall, me);
    let mut turns = me;
    std::future::poll_fn(move |cx| {
        let Held(hall, me) = &held;
        let place = &hall.0[*me];
        assert!(!place.is_polled.swap(true, Ordering::SeqCst), "runs twice at a time");
        *place.waker.lock().unwrap() = Some(cx.waker().clone());
        turns += 7;
        hall.wake(turns);
        hall.wake(turns * 5 + 3);
        if turns.is_multiple_of(3) {
            cx.waker().wake_by_ref();
        }
        place.is_polled.store(false, Ordering::SeqCst);
        Poll::Pending
    })
}

fn pair(hall: &Arc<Hall>, number: usize) -> [Life; 2] {
    let (to_b, mut at_b) = mpsc::channel::<usize>(1);
    let (to_a, mut at_a) = mpsc::channel::<usize>(1);
    let (at_hall, also_at_hall) = (Arc::clone(hall), Arc::clone(hall));
    let a = Life::start(async move {
        for n in 0..MESSAGES {
            to_b.send(n).await.unwrap();
            at_hall.wake(n + number);
            assert_eq!(at_a.recv().await, Some(n));
        }
        Exit::Returned
    });
    let b = Life::start(async move {
        while let Some(n) = at_b.recv().await {
            also_at_hall.wake(n * number);
            to_a.send(n).await.unwrap();
        }
        Exit::Returned
    });
    [a, b]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn lives_that_are_ended_while_others_wake_them_are_dropped_once_and_the_others_go_on() {
    for round in 0..ROUNDS {
        let hall = Hall::new();
        let chatting: Vec<_> = (0..CHATTING).map(|me| Life::start(chat(Arc::clone(&hall), me))).collect();
        let pairs: Vec<_> = (0..PAIRS).flat_map(|number| pair(&hall, number)).collect();
        // Wakes from a thread that is none of the runtime's.
        let is_over = Arc::new(AtomicBool::new(false));
        let (at_hall, until) = (Arc::clone(&hall), Arc::clone(&is_over));
        let outside = std::thread::spawn(move || {
            for n in (0..).take_while(|_| !until.load(Ordering::SeqCst)) {
                at_hall.wake(n);
                std::thread::yield_now();
            }
        });
        let mut ending = JoinSet::new();
        for (me, life) in chatting.into_iter().enumerate() {
            let hall = Arc::clone(&hall);
            ending.spawn(async move {
                for _ in 0..(me * 7 + round) % 50 {
                    tokio::task::yield_now().await;
                }
                life.end().await;
                assert_eq!(hall.0[me].dropped.load(Ordering::SeqCst), 1, "what it held is free");
            });
        }
        ending.join_all().await;
        for mut life in pairs {
            assert_eq!(life.ended().await, Some(Exit::Returned));
        }
        is_over.store(true, Ordering::SeqCst);
        outside.join().unwrap();
        // Wakers of lives that are over wake nobody, and hold nothing.
        (0..CHATTING).for_each(|me| hall.wake(me));
        assert!(hall.0.iter().all(|place| place.dropped.load(Ordering::SeqCst) == 1));
    }
}
