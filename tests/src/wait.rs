//! Waiting for what will be so: looking again and again, up to a deadline that only a failing test reaches.

use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(180);
const PAUSE: Duration = Duration::from_millis(10);

/// Looks until there is a result.
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "it never came to be that {what}");
        std::thread::sleep(PAUSE);
    }
}
