//! What a bad process does.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// Never comes back and calls nothing.
pub(crate) fn spin() -> ! {
    let mut n = 0_u64;
    loop {
        n = black_box(n.wrapping_add(1));
    }
}

/// Computes for so long, and calls hardly anything.
pub(crate) fn compute(ms: u64) {
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_millis(ms) {
        (0..1_000_000_u64).for_each(|n| {
            black_box(n);
        });
    }
}

/// Takes memory until there is none, and gives up as programs do.
pub(crate) fn hog() -> ! {
    loop {
        std::mem::forget(black_box(vec![1_u8; 16 << 20]));
    }
}

/// Uses up its stack.
#[allow(unconditional_recursion, reason = "that is the harm")]
pub(crate) fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    recurse(depth + 1).wrapping_add(frame.iter().sum::<u64>())
}

/// Takes memory and writes to all of it; `false` when there is none.
pub(crate) fn allocate(mib: usize) -> bool {
    let mut memory: Vec<u8> = Vec::new();
    if memory.try_reserve_exact(mib << 20).is_err() {
        return false;
    }
    memory.resize(mib << 20, 1);
    black_box(&memory);
    // Kept: a guest that only passes through a large size is not what is looked for.
    std::mem::forget(memory);
    true
}
