//! Wakes a process at its earliest deadline.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::time::{Instant, Sleep};

/// Kept between waits: it usually stands at a deadline that was met long before, and firing too early once costs less
/// than arming it for each request.
#[derive(Default)]
pub(super) struct Alarm {
    armed: Option<Armed>,
}

struct Armed {
    sleep: Pin<Box<Sleep>>,
    wakes: Waker,
}

impl Alarm {
    /// Whether it will wake this task at `deadline` or earlier. Costs less than [`Alarm::poll`], which may be left out
    /// then: the wake-up leads to another poll.
    pub(super) fn is_set(&self, cx: &Context<'_>, deadline: Instant) -> bool {
        self.armed.as_ref().is_some_and(|armed| {
            armed.sleep.deadline() <= deadline && !armed.sleep.is_elapsed() && armed.wakes.will_wake(cx.waker())
        })
    }

    /// Completes at `deadline`, never earlier.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let armed = self.armed.get_or_insert_with(|| Armed {
            sleep: Box::pin(tokio::time::sleep_until(deadline)),
            wakes: cx.waker().clone(),
        });
        if !armed.wakes.will_wake(cx.waker()) {
            armed.wakes.clone_from(cx.waker());
        }
        if deadline < armed.sleep.deadline() {
            armed.sleep.as_mut().reset(deadline);
        }
        loop {
            std::task::ready!(armed.sleep.as_mut().poll(cx));
            if Instant::now() >= deadline {
                self.armed = None;
                return Poll::Ready(());
            }
            armed.sleep.as_mut().reset(deadline);
        }
    }
}
