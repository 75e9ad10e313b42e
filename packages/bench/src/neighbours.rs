//! Processes that nobody wants beside him.

use std::time::Duration;

use wharf_process_lib::{Address, OnExit, Request, println};

use crate::children;

/// Processes that are flooded, beside the one that never reads.
const FLOODED: usize = 4;

/// Starts one of each.
pub(crate) fn start(our: &Address) -> Result<(), String> {
    let component = children::component(our);
    children::make_idle(our, FLOODED, crate::protocol::Lifetime::ThisBoot)?;
    for (name, on_exit) in
        [("deaf", OnExit::None), ("spin", OnExit::None), ("flood", OnExit::None), ("crash", OnExit::Restart)]
    {
        children::start(&component, name.to_owned(), on_exit)?;
    }
    Ok(())
}

/// Its mailbox fills and stays full.
pub(crate) fn never_read() {
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}

/// Never calls the node again.
pub(crate) fn compute_for_ever() {
    let mut n = 0_u64;
    loop {
        n = std::hint::black_box(n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    }
}

/// Sends to everyone it knows, as fast as it can.
pub(crate) fn flood(our: &Address) {
    let names = (0..FLOODED).map(|n| format!("idle-{n}")).chain(["deaf".to_owned()]);
    let targets: Vec<_> = names.filter_map(|name| children::sibling(our, &name).ok()).collect();
    loop {
        for target in &targets {
            Request::to(target).body("flood").send();
        }
    }
}

/// Is started again, and again.
pub(crate) fn crash() {
    println!("crashing on purpose");
    std::process::abort();
}
