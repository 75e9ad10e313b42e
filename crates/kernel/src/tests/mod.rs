//! The kernel from outside and inside: guests are closures, the store is in memory.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what goes wrong in a test fails it"
)]

mod api;
mod capabilities;
mod counted;
mod delivery;
mod life;
mod limits;
mod lineage;
mod mailbox_model;
mod messages;
mod model;
mod modules;
mod permit;
#[cfg(shuttle)]
mod schedules;
mod store;
mod support;
mod told;
mod traced;
mod turns;
