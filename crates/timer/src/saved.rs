//! The timers that last, as they are saved: JSON with a version, the module's own state in `kernel.db`.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use wharf_kernel::persistence::StoreError;
use wharf_types::ProcessId;

use crate::cron::Cron;
use crate::schedule::{Schedule, Timer};

const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Saved {
    version: u32,
    timers: Vec<SavedTimer>,
}

#[derive(Serialize, Deserialize)]
struct SavedTimer {
    process: ProcessId,
    id: String,
    cron: Option<String>,
    next_unix_ms: u64,
    /// In base64.
    body: String,
}

/// Why the saved timers cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// They are of a newer node.
    #[error("the saved timers have version {0}, and this node knows {VERSION}")]
    Version(u64),
    /// They are damaged.
    #[error("the saved timers are not understood: {0}")]
    Damaged(String),
}

pub(crate) fn write(schedule: &Schedule) -> Vec<u8> {
    let timers = schedule.iter().map(|((process, id), timer)| SavedTimer {
        process: process.clone(),
        id: id.clone(),
        cron: timer.cron.as_ref().map(ToString::to_string),
        next_unix_ms: timer.next_unix_ms,
        body: BASE64_STANDARD.encode(&timer.body),
    });
    // Texts and numbers are always JSON.
    serde_json::to_vec(&Saved { version: VERSION, timers: timers.collect() }).unwrap_or_default()
}

pub(crate) fn read(bytes: &[u8]) -> Result<Schedule, LoadError> {
    let damaged = |error: &dyn std::fmt::Display| LoadError::Damaged(error.to_string());
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|error| damaged(&error))?;
    match value.get("version").and_then(serde_json::Value::as_u64) {
        Some(version) if version == u64::from(VERSION) => {}
        Some(version) => return Err(LoadError::Version(version)),
        None => return Err(damaged(&"there is no version")),
    }
    let saved: Saved = serde_json::from_value(value).map_err(|error| damaged(&error))?;
    let mut schedule = Schedule::default();
    for timer in saved.timers {
        let cron = timer.cron.as_deref().map(Cron::parse).transpose().map_err(|error| damaged(&error))?;
        let body = BASE64_STANDARD.decode(&timer.body).map_err(|error| damaged(&error))?;
        schedule.put((timer.process, timer.id), Timer { cron, next_unix_ms: timer.next_unix_ms, body });
    }
    Ok(schedule)
}
