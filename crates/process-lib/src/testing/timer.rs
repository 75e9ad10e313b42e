//! Stands in for `timer:distro:sys`, by the world's time. It knows no cron expressions.

use std::collections::BTreeMap;

use wharf_types::ProcessId;
use wharf_types::timer::{ScheduledTimer, TimerAction, TimerError, TimerNotice, TimerResponse};

use super::module::{Asked, Module, Out};
use super::station::Prompt;
use crate::response::Response;

#[derive(Default)]
pub(super) struct Timer {
    /// When it is over, and whom to tell.
    countdowns: Vec<(u64, Prompt)>,
    lasting: BTreeMap<(ProcessId, String), At>,
}

struct At {
    due_ms: u64,
    body: Vec<u8>,
}

impl Module for Timer {
    fn handle(&mut self, asked: &Asked) -> Vec<Out> {
        let action = match serde_json::from_slice(&asked.request.body) {
            Ok(action) => action,
            Err(error) => {
                return asked.answer(&TimerResponse::Err(TimerError::Malformed { error: error.to_string() }), None);
            }
        };
        let whose = asked.request.source.process().clone();
        let response = match action {
            TimerAction::Debug => return Vec::new(),
            TimerAction::SetTimer(0) => return asked.respond(Response::new()),
            TimerAction::SetTimer(ms) => {
                let due_ms = asked.now_ms.saturating_add(ms);
                self.countdowns.extend(asked.request.answer_to.clone().map(|to| (due_ms, to)));
                return Vec::new();
            }
            TimerAction::At { id, unix_ms, body } => {
                self.lasting.insert((whose, id), At { due_ms: unix_ms, body });
                TimerResponse::Ok
            }
            TimerAction::Every { cron, .. } => {
                let error = "cron expressions are known to nodes only: use `wharf test`".to_owned();
                TimerResponse::Err(TimerError::BadCron { cron, error })
            }
            TimerAction::Cancel { id } => match self.lasting.remove(&(whose, id.clone())) {
                Some(_) => TimerResponse::Ok,
                None => TimerResponse::Err(TimerError::NoSuchTimer { id }),
            },
            TimerAction::List => {
                let own = self.lasting.iter().filter(|((owner, _), _)| *owner == whose);
                let shown = |((_, id), at): (&(ProcessId, String), &At)| ScheduledTimer {
                    id: id.clone(),
                    cron: None,
                    next_unix_ms: at.due_ms,
                };
                TimerResponse::List(own.map(shown).collect())
            }
        };
        asked.answer(&response, None)
    }

    fn due_ms(&self) -> Option<u64> {
        let countdowns = self.countdowns.iter().map(|(due_ms, _)| *due_ms);
        countdowns.chain(self.lasting.values().map(|at| at.due_ms)).min()
    }

    fn fire(&mut self, now_ms: u64) -> Vec<Out> {
        let mut over: Vec<_> = self.countdowns.extract_if(.., |(due_ms, _)| *due_ms <= now_ms).collect();
        over.sort_by_key(|(due_ms, _)| *due_ms);
        let mut outs = Vec::new();
        for (_, prompt) in over {
            let (response, blob) = Response::new().into_parts();
            outs.push(Out::Answer { prompt, response, blob });
        }
        let fired = self.lasting.extract_if(.., |_, at| at.due_ms <= now_ms);
        for ((to, id), At { due_ms, body }) in fired {
            let notice = TimerNotice::Fired { id, due_unix_ms: due_ms };
            let metadata = serde_json::to_string(&notice).ok();
            outs.push(Out::Request { to, body, metadata });
        }
        outs
    }
}
