//! The runtime module `timer:distro:sys`.

use tokio::sync::{Semaphore, mpsc, oneshot};
use wharf_kernel::Kernel;
use wharf_kernel::envelope::Blob;
use wharf_kernel::module::{Access, Answer, Caller, Refusal, RuntimeModule};
use wharf_types::timer::{TimerAction, TimerError, TimerResponse};

use crate::countdown::Alarm;
use crate::saved::LoadError;
use crate::schedule::{Change, Owner, When};
use crate::wheel::{Command, TimerWheel, unix_ms};

/// Requests on their way to the wheel.
const QUEUE: usize = 1_024;

/// Handles of the timers, for whoever starts the node.
pub struct Timers {
    commands: mpsc::Sender<Command>,
}

impl Timers {
    /// Every process of before is back: timers whose process is not are forgotten, and those that last begin to fire.
    pub async fn processes_are_back(&self) {
        drop(self.commands.send(Command::ProcessesAreBack).await);
    }
}

/// Starts the module and reads the timers that last. They fire once [`Timers::processes_are_back`].
pub async fn timer(kernel: &Kernel) -> Result<(Timers, TimerWheel), LoadError> {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let handle = kernel.start_module(TimerModule { commands: sender.clone(), reading: Semaphore::new(1) });
    let wheel = TimerWheel::load(handle, receiver).await?;
    Ok((Timers { commands: sender }, wheel))
}

struct TimerModule {
    commands: mpsc::Sender<Command>,
    /// Whoever has it reads an expression.
    reading: Semaphore,
}

impl TimerModule {
    /// When an expression comes true. Not on a worker, nor in the wheel, which others wait for: it may take long.
    async fn read(&self, cron: String) -> Result<When, TimerError> {
        // It is never closed.
        let _turn = self.reading.acquire().await;
        let text = cron.clone();
        let read = tokio::task::spawn_blocking(move || When::every(&text, unix_ms())).await;
        read.unwrap_or_else(|_| Err(TimerError::BadCron { cron, error: "it could not be read".to_owned() }))
    }

    /// Asks the wheel and waits for its answer.
    async fn ask(&self, caller: &Caller, change: Change) -> Answer<TimerResponse> {
        let process = caller.source().process();
        if process.package() == "distro" && process.publisher() == "sys" {
            return Answer::Reply(TimerResponse::Err(TimerError::NotAProcess));
        }
        let limits = caller.limits();
        let owner = Owner {
            process: process.clone(),
            timers_max: limits.scheduled_per_process_max,
            body_bytes_max: limits.scheduled_body_bytes_max,
        };
        let (answer, answered) = oneshot::channel();
        let command = Command::Schedule { owner, life: caller.life().clone(), change, answer };
        drop(self.commands.send(command).await);
        match answered.await {
            Ok(response) => Answer::Reply(response),
            // The life that asked is over, or the node stops.
            Err(_) => Answer::Later,
        }
    }
}

impl RuntimeModule for TimerModule {
    type Request = TimerAction;
    type Response = TimerResponse;

    const NAME: &'static str = "timer";
    const ACCESS: Access = Access::Public;

    async fn handle(&self, caller: Caller, action: TimerAction, _: Option<Blob>) -> Answer<TimerResponse> {
        let command = match action {
            TimerAction::Debug => Command::Report(caller.source().process().clone()),
            TimerAction::SetTimer(ms) => Command::Set(Alarm::new(&caller, ms)),
            TimerAction::Every { id, cron, body } => {
                return match self.read(cron).await {
                    Ok(when) => self.ask(&caller, Change::Put { id, when, body }).await,
                    Err(error) => Answer::Reply(TimerResponse::Err(error)),
                };
            }
            TimerAction::At { id, unix_ms, body } => {
                return self.ask(&caller, Change::Put { id, when: When::At(unix_ms), body }).await;
            }
            TimerAction::Cancel { id } => return self.ask(&caller, Change::Remove { id }).await,
            TimerAction::List => return self.ask(&caller, Change::None).await,
        };
        // Only a node that stops has no wheel.
        drop(self.commands.send(command).await);
        Answer::Later
    }

    fn refuse(&self, refusal: Refusal) -> Option<TimerResponse> {
        match refusal {
            Refusal::Malformed(error) => Some(TimerResponse::Err(TimerError::Malformed { error })),
            // Perhaps a `SetTimer`: any answer would say that its time has come.
            Refusal::Overloaded | Refusal::Internal => None,
            Refusal::Foreign => None,
        }
    }
}
