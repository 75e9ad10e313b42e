//! What a bad process does.

use std::hint::black_box;

/// Never comes back and calls nothing.
pub(crate) fn spin() -> ! {
    let mut n = 0_u64;
    loop {
        n = black_box(n.wrapping_add(1));
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
