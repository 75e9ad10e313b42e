//! The one task that owns all timers.

use std::collections::HashSet;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wharf_kernel::envelope::{Content, ReplyPath};
use wharf_kernel::persistence::StoreError;
use wharf_kernel::{Kernel, Limit, ModuleHandle, SendAs};
use wharf_types::timer::{TimerError, TimerNotice, TimerResponse};
use wharf_types::{Address, ProcessId};

use crate::countdown::{Alarm, Countdowns};
use crate::saved::{self, LoadError};
use crate::schedule::{Change, Full, Owner, Refused, Schedule};

/// The clock may be set: it is looked at this often, however far the next time is.
const LOOK: Duration = Duration::from_secs(30);
/// A process that could not take a message is tried again after this long. Saving what only fired waits as long.
const SOON: Duration = Duration::from_secs(1);

/// What the wheel is told.
pub(crate) enum Command {
    Set(Alarm),
    /// Say in the log how many timers run, for this process.
    Report(ProcessId),
    Schedule {
        owner: Owner,
        life: ReplyPath,
        change: Change,
        answer: oneshot::Sender<TimerResponse>,
    },
    ProcessesAreBack,
}

/// Whether timers that last may fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The processes of before are being started.
    Waiting,
    Firing,
}

/// What has to be saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unsaved {
    Nothing,
    /// Only that some fired.
    Since(Instant),
    /// Something that somebody waits for.
    Now,
}

/// The task behind the module; run it until the node stops.
pub struct TimerWheel {
    commands: mpsc::Receiver<Command>,
    handle: ModuleHandle,
    kernel: Kernel,
    countdowns: Countdowns,
    schedule: Schedule,
    stage: Stage,
    /// Processes with timers that last, each with one future in `removals`.
    watched: HashSet<ProcessId>,
    removals: FuturesUnordered<BoxFuture<'static, ProcessId>>,
    unsaved: Unsaved,
    /// Those whose change is not saved yet.
    waiting: Vec<oneshot::Sender<TimerResponse>>,
    /// The save that is under way, and those it is for.
    saving: Option<BoxFuture<'static, Result<(), StoreError>>>,
    saved_for: Vec<oneshot::Sender<TimerResponse>>,
    /// Processes that could not take what is due. They hold up nobody else.
    held_up: HashSet<ProcessId>,
    /// When they are tried again.
    retry: Instant,
}

impl TimerWheel {
    pub(crate) async fn load(handle: ModuleHandle, commands: mpsc::Receiver<Command>) -> Result<Self, LoadError> {
        let schedule = match handle.saved().await? {
            Some(bytes) => saved::read(&bytes)?,
            None => Schedule::default(),
        };
        let kernel = handle.kernel().clone();
        Ok(Self {
            commands,
            countdowns: Countdowns::new(kernel.limits().timers_max),
            kernel,
            handle,
            schedule,
            stage: Stage::Waiting,
            watched: HashSet::new(),
            removals: FuturesUnordered::new(),
            unsaved: Unsaved::Nothing,
            waiting: Vec::new(),
            saving: None,
            saved_for: Vec::new(),
            held_up: HashSet::new(),
            retry: Instant::now(),
        })
    }

    /// Turns until the node stops.
    pub async fn turn(mut self, stop: CancellationToken) {
        loop {
            let wake = self.wake();
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                // Before any request: one that is created anew under the same id begins without timers.
                Some(removed) = self.removals.next() => self.forget(&removed),
                saved = outcome(&mut self.saving) => self.saved(saved),
                // Before requests, however many come: they are not to hold up those whose time has come.
                never = poll_fn(|cx| self.countdowns.poll(cx)) => match never {},
                Some(command) = self.commands.recv() => self.obey(command),
                () = tokio::time::sleep_until(wake) => {}
            }
            if !self.held_up.is_empty() && Instant::now() >= self.retry {
                self.held_up.clear();
            }
            self.fire().await;
            self.save();
        }
    }

    /// When there is something to do although nothing happens.
    fn wake(&self) -> Instant {
        let now = Instant::now();
        let mut wake = now + LOOK;
        let next = self.schedule.next(|process| !self.held_up.contains(process));
        if let Some(next) = next.filter(|_| self.stage == Stage::Firing) {
            wake = wake.min(now + Duration::from_millis(next.saturating_sub(unix_ms())).min(LOOK));
        }
        if !self.held_up.is_empty() {
            wake = wake.min(self.retry);
        }
        match self.unsaved {
            Unsaved::Since(since) if self.saving.is_none() => wake.min(since + SOON),
            _ => wake,
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Set(alarm) => self.countdowns.set(alarm, &self.kernel),
            Command::Report(process) => {
                let (running, lasting) = (self.countdowns.of(&process), self.schedule.list(&process).len());
                let all = self.countdowns.len() + self.schedule.len();
                tracing::debug!(%process, all, "{running} of its timers are running, {lasting} are scheduled");
            }
            Command::Schedule { owner, life, change, answer } => {
                if !life.has_ended() {
                    self.change(&owner, change, answer);
                }
            }
            Command::ProcessesAreBack => {
                self.stage = Stage::Firing;
                for process in self.schedule.processes() {
                    self.watch(&process);
                }
            }
        }
    }

    fn change(&mut self, owner: &Owner, change: Change, answer: oneshot::Sender<TimerResponse>) {
        let all_max = self.kernel.limits().scheduled_max;
        let changed = match change {
            Change::None => {
                drop(answer.send(TimerResponse::List(self.schedule.list(&owner.process))));
                return;
            }
            Change::Put { id, when, body } => self.schedule.set(owner, id, when, body, all_max),
            Change::Remove { id } => {
                let key = (owner.process.clone(), id);
                let removed = self.schedule.remove(&key).map(drop);
                removed.ok_or(Refused::Other(TimerError::NoSuchTimer { id: key.1 }))
            }
        };
        match changed {
            Ok(()) => {
                self.watch(&owner.process);
                self.unsaved = Unsaved::Now;
                self.waiting.push(answer);
            }
            Err(refused) => drop(answer.send(TimerResponse::Err(self.refusal(&owner.process, refused)))),
        }
    }

    fn refusal(&self, process: &ProcessId, refused: Refused) -> TimerError {
        let (limit, max) = match refused {
            Refused::Other(error) => return error,
            Refused::Limit(Full::Process(max)) => (Limit::ProcessScheduled, max),
            Refused::Limit(Full::Node(max)) => (Limit::Scheduled, max),
            Refused::Limit(Full::Body(max)) => (Limit::ScheduledBodyBytes, max),
        };
        self.kernel.hit(process, limit);
        TimerError::TooMany { limit: limit.name().to_owned(), max }
    }

    fn watch(&mut self, process: &ProcessId) {
        if self.watched.insert(process.clone()) {
            let (kernel, process) = (self.kernel.clone(), process.clone());
            self.removals.push(
                async move {
                    kernel.removed(&process).await;
                    process
                }
                .boxed(),
            );
        }
    }

    /// A process was removed. Nobody waits for this to be saved: at the next boot it is not there either.
    fn forget(&mut self, process: &ProcessId) {
        self.watched.remove(process);
        if self.schedule.remove_all(process) && self.unsaved == Unsaved::Nothing {
            self.unsaved = Unsaved::Since(Instant::now());
        }
    }

    /// Sends what is due. One that cannot be taken now keeps its place and is tried again.
    async fn fire(&mut self) {
        if self.stage == Stage::Waiting {
            return;
        }
        let now_ms = unix_ms();
        while let Some((key, timer)) = self.schedule.due(now_ms, |process| !self.held_up.contains(process)) {
            let (process, id) = &key;
            let notice = TimerNotice::Fired { id: id.clone(), due_unix_ms: timer.next_unix_ms };
            let metadata = serde_json::to_string(&notice).unwrap_or_default();
            let content = Content { metadata: Some(metadata.into()), ..Content::body(timer.body) };
            let target = Address::new(self.kernel.node().clone(), process.clone());
            if let Err(error) = self.handle.tell(&target, content, None, SendAs::Invited).await {
                self.kernel.notice(process, &format!("timer `{id}` is sent later: {error}"));
                if self.held_up.is_empty() {
                    self.retry = Instant::now() + SOON;
                }
                self.held_up.insert(process.clone());
                continue;
            }
            self.schedule.fired(&key, now_ms);
            if self.unsaved == Unsaved::Nothing {
                self.unsaved = Unsaved::Since(Instant::now());
            }
        }
    }

    /// Begins to save, unless that goes on already. Changes that come meanwhile share the next save.
    fn save(&mut self) {
        let is_time = match self.unsaved {
            Unsaved::Nothing => false,
            Unsaved::Since(since) => since.elapsed() >= SOON,
            Unsaved::Now => true,
        };
        if !is_time || self.saving.is_some() {
            return;
        }
        self.unsaved = Unsaved::Nothing;
        self.saved_for = std::mem::take(&mut self.waiting);
        let (handle, bytes) = (self.handle.clone(), Arc::new(saved::write(&self.schedule)));
        self.saving = Some(async move { handle.save(bytes).await }.boxed());
    }

    fn saved(&mut self, saved: Result<(), StoreError>) {
        self.saving = None;
        if let Err(error) = &saved {
            tracing::warn!(%error, "the timers could not be saved");
            self.unsaved = Unsaved::Since(Instant::now());
        }
        let response = match saved {
            Ok(()) => TimerResponse::Ok,
            Err(error) => TimerResponse::Err(TimerError::Store { error: error.to_string() }),
        };
        for answer in self.saved_for.drain(..) {
            drop(answer.send(response.clone()));
        }
    }
}

/// What becomes of a save; never, when there is none.
async fn outcome(saving: &mut Option<BoxFuture<'static, Result<(), StoreError>>>) -> Result<(), StoreError> {
    match saving {
        Some(saving) => saving.await,
        None => std::future::pending().await,
    }
}

/// Milliseconds since 1970, of the clock as it is set now.
pub(crate) fn unix_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
