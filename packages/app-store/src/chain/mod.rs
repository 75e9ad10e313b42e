//! `chain:app-store:sys`: what the node's registries list, and automatic updates.
//!
//! The name is that of Kinode's app store, where packages are listed on a blockchain; here the registries that the owner
//! named are in its place. [`look`] asks them, [`choose`] decides which release is wanted, and `main` ([`crate::update`])
//! whether it may be installed without a word of the owner. What has to last is in the [`record`]; what is listed is in
//! memory only, as it is a stranger's word and soon old.
//!
//! The process never waits for anybody: `main` asks it in the middle of an install.

mod answer;
mod choose;
mod listings;
mod look;
mod record;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

use wharf_process_lib::{Address, Message, ProcessId, SendError, await_message, println, timer};
use wharf_registry::chain::{ChainResponse, LastLook};

pub(crate) use self::choose::is_newer;
use self::listings::Listings;
use self::look::{AskedBy, Look};
use self::record::ChainRecord;

/// The timer of the next look.
const TIMER: &str = "look";
/// How soon after the first start the first look is, at most.
const FIRST_MS_MAX: u64 = 60_000;

/// The process.
struct Chain {
    our: Address,
    main: ProcessId,
    record: ChainRecord,
    listings: Listings,
    look: Option<Look>,
    looks: u64,
    last_look: Option<LastLook>,
}

/// Answers every request and looks when it is time, until it is ended.
pub(crate) fn serve(our: &Address, main: &ProcessId) {
    let record = match ChainRecord::load() {
        Ok(record) => record,
        // Left as it is: what this version does not understand, it does not overwrite.
        Err(error) => return println!("{error}"),
    };
    let (our, main) = (our.clone(), main.clone());
    let mut chain = Chain { our, main, record, listings: Listings::default(), look: None, looks: 0, last_look: None };
    chain.plan_first();
    loop {
        match await_message() {
            Ok(message @ Message::Request { .. }) => match timer::fired(&message) {
                Some(fired) if fired.id == TIMER => chain.begin(AskedBy::Clock),
                _ => answer::answer(&mut chain, &message),
            },
            Ok(message @ Message::Response { .. }) => chain.answered(message.context(), Ok(&message)),
            Err(error) => chain.answered(error.context.as_deref(), Err(&error)),
        }
    }
}

impl Chain {
    /// Begins a look, unless one is under way.
    fn begin(&mut self, asked_by: AskedBy) {
        if self.look.is_some() {
            return;
        }
        self.looks = self.looks.wrapping_add(1);
        self.look = Some(Look::new(self.looks, asked_by, self.main.clone(), &self.record));
        self.go_on();
    }

    fn answered(&mut self, context: Option<&[u8]>, answer: Result<&Message, &SendError>) {
        let Some(look) = self.look.as_mut().filter(|look| look.is_about(context)) else { return };
        look.answered(&mut self.record, answer);
        self.go_on();
    }

    fn go_on(&mut self) {
        if self.look.as_mut().is_some_and(|look| look.go_on().is_some()) {
            return;
        }
        let Some(look) = self.look.take() else { return };
        let asked_by = look.asked_by();
        let (problems, listings) = look.end(&self.listings);
        problems.iter().for_each(|problem| println!("{problem}"));
        self.listings = listings;
        self.last_look = Some(LastLook { ended_unix_ms: unix_ms(), problems });
        self.plan();
        if asked_by == AskedBy::Someone {
            // The request that began the look is the current one again: every request of the look was sent because of it.
            answer::send(&ChainResponse::Looked, None);
        }
    }

    /// Plans the next look after one has ended, or the interval was changed: not at the same moment as other nodes.
    fn plan(&self) {
        let planned = match self.record.every_s() {
            None => timer::cancel(TIMER).or(Ok(())),
            Some(every_s) => {
                let every_ms = every_s.saturating_mul(1000);
                let jitter = random(every_ms.checked_div(10).unwrap_or_default());
                timer::at(TIMER, unix_ms().saturating_add(every_ms).saturating_add(jitter), [])
            }
        };
        if let Err(error) = planned {
            println!("the next look is not planned: {error}");
        }
    }

    /// At the start: what was planned stays. If nothing was, or the node was ended in the middle of a look, there is one soon.
    fn plan_first(&self) {
        let Some(every_s) = self.record.every_s() else { return };
        let is_planned = timer::list().is_ok_and(|timers| timers.iter().any(|timer| timer.id == TIMER));
        if is_planned {
            return;
        }
        let soon = random(every_s.saturating_mul(1000).min(FIRST_MS_MAX));
        if let Err(error) = timer::at(TIMER, unix_ms().saturating_add(soon), []) {
            println!("the first look is not planned: {error}");
        }
    }
}

fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A number up to `max`, for nothing that has to be secret.
fn random(max: u64) -> u64 {
    let number = RandomState::new().build_hasher().finish();
    number.checked_rem(max.saturating_add(1)).unwrap_or(number)
}
