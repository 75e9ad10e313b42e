//! Whether the processes of a package come up: each gets as far as waiting for its first message, or ends by itself.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use wharf_package::PlannedProcess;
use wharf_process_lib::{kernel, timer};
use wharf_types::ProcessId;
use wharf_types::exit::Exit;
use wharf_types::kernel::{ProcessInfo, ProcessPhase};

use crate::error::StoreError;

/// How long they are watched at most. The watch ends as soon as all of them wait for a message or have ended: only one that
/// does neither for all this time reaches it, and is taken for good, as it may have its reasons. It is long because a process
/// that is about to crash has to get there, also on a busy machine.
const WATCHED: Duration = Duration::from_secs(15);
/// First pause between two looks; each is twice as long as the one before, up to the last.
const PAUSE_MS: u64 = 1;
const PAUSE_MS_MAX: u64 = 50;

/// Fails when one of the processes, which were just told to run, ends badly.
pub(crate) fn watch(processes: &[PlannedProcess]) -> Result<(), StoreError> {
    let until = Instant::now() + WATCHED;
    let mut pause = PAUSE_MS;
    let mut seen_up = BTreeSet::new();
    while !all_up(processes, &mut seen_up)? && Instant::now() < until {
        timer::sleep(pause)?;
        pause = pause.saturating_mul(2).min(PAUSE_MS_MAX);
    }
    Ok(())
}

/// One that was seen waiting once is up, whatever it does now: it may have got its first message.
fn all_up<'a>(processes: &'a [PlannedProcess], seen_up: &mut BTreeSet<&'a ProcessId>) -> Result<bool, StoreError> {
    let living = kernel::processes()?;
    for planned in processes {
        let up = match living.iter().find(|info| info.id == planned.id) {
            Some(info) => is_up(info)?,
            None => ended_well(&planned.id)?,
        };
        if up {
            seen_up.insert(&planned.id);
        }
    }
    Ok(processes.iter().all(|planned| seen_up.contains(&planned.id)))
}

/// One that has ended in its first moments and starts again is up, if it ended by itself.
fn is_up(info: &ProcessInfo) -> Result<bool, StoreError> {
    if let Some(last) = &info.exit {
        return judge(&info.id, &last.exit);
    }
    if info.phase == ProcessPhase::Failed {
        let exit = info.last_exit.clone().unwrap_or_else(|| "cannot be loaded".to_owned());
        return Err(StoreError::DoesNotStart { process: info.id.clone(), exit });
    }
    Ok(info.is_waiting)
}

fn ended_well(process: &ProcessId) -> Result<bool, StoreError> {
    let ended = kernel::ended()?;
    match ended.iter().rev().find(|ended| ended.id == *process) {
        Some(ended) => judge(process, &ended.last.exit),
        None => Ok(true),
    }
}

fn judge(process: &ProcessId, exit: &Exit) -> Result<bool, StoreError> {
    match exit {
        Exit::Returned | Exit::Killed => Ok(true),
        bad => Err(StoreError::DoesNotStart { process: process.clone(), exit: bad.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use wharf_types::exit::Crash;

    use super::*;

    #[test]
    fn a_process_that_ends_by_itself_is_up_and_one_that_crashes_is_not() {
        let id = ProcessId::system("x");
        assert!(matches!(judge(&id, &Exit::Returned), Ok(true)));
        assert!(judge(&id, &Exit::FailedToStart(Crash::new("no init"))).is_err());
        assert!(judge(&id, &Exit::Trapped(Crash::new("unreachable"))).is_err());
    }
}
