//! Code of a process on a thread of its own, which runs only while the test waits for it.
//!
//! Exactly one thread of a world runs at any time: the test hands over with [`Thread::run`], and gets its turn back when the
//! process waits for a message or ends. So a test is the same each time, whatever the machine does besides.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use wharf_types::{Address, ProcessId};

use super::kernel::Kernel;
use super::station::Wants;

/// What a process does, each time it is started.
pub(super) type Init = Arc<dyn Fn(Address) + Send + Sync>;

/// A world, as the test and all of its processes see it.
#[derive(Clone)]
pub(super) struct Shared(Arc<Mutex<Kernel>>);

impl Shared {
    pub(super) fn new(kernel: Kernel) -> Self {
        Self(Arc::new(Mutex::new(kernel)))
    }

    /// Whoever runs is alone, so nobody ever waits here; what a test that failed left behind is as good as any.
    pub(super) fn lock(&self) -> MutexGuard<'_, Kernel> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Turn {
    Go,
    End,
}

pub(super) enum Report {
    Waits(Wants),
    /// It returned, or panicked with this.
    Ended(Option<Box<dyn Any + Send>>),
}

/// The test's end of it.
pub(super) struct Thread {
    turns: Sender<Turn>,
    reports: Receiver<Report>,
    handle: JoinHandle<()>,
}

/// With what a thread unwinds whose process is ended from outside.
struct EndOfProcess;

impl Thread {
    /// Makes it; nothing of the process happens before its first turn.
    pub(super) fn spawn(shared: Shared, our: Address, init: Init) -> Self {
        let (turns, turn) = channel();
        let (report, reports) = channel();
        let body = move || {
            let me = our.process().clone();
            let seat = Rc::new(Seat { shared, me, turn, report, is_ending: Cell::new(false) });
            SEAT.set(Some(Rc::clone(&seat)));
            let life = || {
                seat.wait_for_turn();
                init(our);
            };
            let panicked = match catch_unwind(AssertUnwindSafe(life)) {
                Err(payload) if !payload.is::<EndOfProcess>() => Some(payload),
                _ => None,
            };
            SEAT.set(None);
            // Nobody listens once the world is gone.
            let _ = seat.report.send(Report::Ended(panicked));
        };
        match std::thread::Builder::new().spawn(body) {
            Ok(handle) => Self { turns, reports, handle },
            Err(error) => panic!("no thread for a process: {error}"),
        }
    }

    /// Lets it go on until it waits again, or ends.
    pub(super) fn run(&self) -> Report {
        let _ = self.turns.send(Turn::Go);
        self.reports.recv().unwrap_or(Report::Ended(None))
    }

    /// Ends it.
    pub(super) fn end(self) {
        let _ = self.turns.send(Turn::End);
        // While it unwinds it may wait for answers, which it is told do not come.
        while let Ok(Report::Waits(_)) = self.reports.recv() {}
        let _ = self.handle.join();
    }
}

thread_local! {
    static SEAT: RefCell<Option<Rc<Seat>>> = const { RefCell::new(None) };
}

/// The process's end of it.
pub(super) struct Seat {
    shared: Shared,
    me: ProcessId,
    turn: Receiver<Turn>,
    report: Sender<Report>,
    is_ending: Cell<bool>,
}

impl Seat {
    /// The one of this thread.
    pub(super) fn here() -> Rc<Self> {
        let seat = SEAT.with_borrow(Clone::clone);
        let Some(seat) = seat else {
            panic!("this speaks with a node, and there is none here: run it with wharf_process_lib::testing::World")
        };
        seat
    }

    pub(super) fn me(&self) -> &ProcessId {
        &self.me
    }

    pub(super) fn kernel(&self) -> MutexGuard<'_, Kernel> {
        self.shared.lock()
    }

    /// Waits until the test lets it go on; `false` when it is to end and cannot unwind, since it does so already.
    pub(super) fn wait(&self, wants: Wants) -> bool {
        if self.is_ending.get() {
            return self.end();
        }
        let _ = self.report.send(Report::Waits(wants));
        self.wait_for_turn()
    }

    fn wait_for_turn(&self) -> bool {
        match self.turn.recv() {
            Ok(Turn::Go) => true,
            Ok(Turn::End) | Err(_) => self.end(),
        }
    }

    fn end(&self) -> bool {
        self.is_ending.set(true);
        if std::thread::panicking() {
            return false;
        }
        // Not a panic: nothing is printed.
        resume_unwind(Box::new(EndOfProcess))
    }
}
