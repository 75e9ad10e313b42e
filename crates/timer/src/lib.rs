//! The timer module: tells a process when a time has come, never earlier.
//!
//! | file | what |
//! |---|---|
//! | `module` | the wire: requests in, commands to the wheel out |
//! | `wheel` | the one task that owns all timers |
//! | `countdown` | timers of milliseconds, which end with the life of a process |
//! | `schedule` | timers by the clock, which last: a data structure without time and disk |
//! | `saved` | what of the schedule is on disk |
//! | `cron` | when a cron expression comes true |
//!
//! Timers that last are the module's own saved state in `kernel.db`, rewritten as a whole: there are few, and they are
//! small. A change is answered when it is durable. That a timer fired is saved a little later, so a node that ends in
//! between fires it once more.

mod countdown;
mod cron;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod module;
mod saved;
mod schedule;
mod wheel;

pub use module::{Timers, timer};
pub use saved::LoadError;
pub use wheel::TimerWheel;
