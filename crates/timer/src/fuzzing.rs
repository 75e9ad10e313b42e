//! Doors for fuzz targets. No part of the interface.

use crate::cron::Cron;
use crate::saved;

/// A cron expression, and when it comes true.
pub fn cron(bytes: &[u8]) {
    let Ok(cron) = Cron::parse(&String::from_utf8_lossy(bytes)) else { return };
    for now in [0, 1_700_000_000_000, u64::MAX] {
        assert!(cron.after(now).is_none_or(|next| next > now));
    }
}

/// The timers that last.
pub fn saved(bytes: &[u8]) {
    let Ok(schedule) = saved::read(bytes) else { return };
    let written = saved::write(&schedule);
    assert!(saved::read(&written).is_ok_and(|again| saved::write(&again) == written));
}
