//! Why a guest ended, told from the error that wasmtime reports.
//!
//! Out of memory is not an error of its own: a guest that is refused memory is told so, and usually gives up with a
//! trap. So a trap counts as out of memory if memory or table elements were refused since the guest last came back to
//! receive. One that was refused memory, went on, and fails over something else in a later turn has trapped.

use wasmtime::{FrameInfo, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;
use wharf_kernel::launcher::{Crash, Exit};

use crate::engine::WASM_STACK_BYTES;
use crate::output::Tail;
use crate::turn::OutOfCpu;

/// Frames of a guest's stack that are shown when it traps.
const FRAMES_MAX: usize = 12;
/// Most of one frame's name.
const FRAME_BYTES_MAX: usize = 256;
/// In wasmtime's words: a call would have made the host allocate more than it may.
const HOST_CALL_TOO_LARGE: &str = "fuel allocated for hostcalls has been exhausted";

/// How far a life had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It was made ready.
    Starting,
    /// `init` was called.
    Running,
}

/// Whether a guest was refused memory or table elements since it last came back to receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Growth {
    /// It was.
    Refused,
    /// It was not.
    Fine,
}

/// How a guest ended that did not return.
pub(crate) fn of(error: &wasmtime::Error, stage: Stage, growth: Growth, written: &Tail) -> Exit {
    if error.downcast_ref::<I32Exit>().is_some_and(|exit| exit.0 == 0) {
        return Exit::Returned;
    }
    let crash = crash(error, written);
    if error.downcast_ref::<OutOfCpu>().is_some() {
        return Exit::OutOfCpu(crash);
    }
    match (stage, error.downcast_ref::<Trap>()) {
        (_, Some(Trap::AllocationTooLarge)) => Exit::OutOfMemory(crash),
        (_, Some(trap)) if growth == Growth::Refused && *trap != Trap::StackOverflow => Exit::OutOfMemory(crash),
        (Stage::Starting, _) => Exit::FailedToStart(crash),
        (Stage::Running, _) => Exit::Trapped(crash),
    }
}

/// Whether a call was refused because of what it would have made the host allocate.
pub(crate) fn is_host_call_too_large(error: &wasmtime::Error) -> bool {
    error.root_cause().to_string().contains(HOST_CALL_TOO_LARGE)
}

/// The root cause, what the guest wrote last, and where it was.
fn crash(error: &wasmtime::Error, written: &Tail) -> Crash {
    let message = match (error.downcast_ref::<Trap>(), error.downcast_ref::<I32Exit>()) {
        (Some(Trap::StackOverflow), _) => {
            format!("its calls are nested too deeply: the stack of {WASM_STACK_BYTES} bytes is used up")
        }
        (_, Some(exit)) => format!("it exited with code {}", exit.0),
        _ => error.root_cause().to_string(),
    };
    let frames = error.downcast_ref::<WasmBacktrace>().map(WasmBacktrace::frames).unwrap_or_default();
    let name = |frame: &FrameInfo| match frame.func_name() {
        Some(name) => readable(name),
        None => format!("function {}", frame.func_index()),
    };
    let stack = frames.iter().take(FRAMES_MAX).map(name).collect();
    Crash { message, stderr: written.text(), stack }
}

/// Names of Rust functions carry a hash that says nothing.
fn readable(name: &str) -> String {
    let name = match name.rsplit_once("::h") {
        Some((path, hash)) if hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => path,
        _ => name,
    };
    name.get(..name.floor_char_boundary(FRAME_BYTES_MAX)).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit(error: wasmtime::Error, stage: Stage, growth: Growth) -> Exit {
        of(&error, stage, growth, &Tail::new(64))
    }

    #[test]
    fn a_trap_is_out_of_memory_only_right_after_a_refusal() {
        let trap = || wasmtime::Error::from(Trap::UnreachableCodeReached);
        assert!(matches!(exit(trap(), Stage::Running, Growth::Refused), Exit::OutOfMemory(_)));
        assert!(matches!(exit(trap(), Stage::Running, Growth::Fine), Exit::Trapped(_)));
        assert!(matches!(exit(trap(), Stage::Starting, Growth::Fine), Exit::FailedToStart(_)));
        // A mistake that the host reports has nothing to do with memory.
        let misuse = wasmtime::Error::msg("a mistake");
        assert!(matches!(exit(misuse, Stage::Running, Growth::Refused), Exit::Trapped(_)));
    }

    #[test]
    fn an_exhausted_stack_has_words_of_its_own() {
        let overflow = wasmtime::Error::from(Trap::StackOverflow);
        let Exit::Trapped(crash) = exit(overflow, Stage::Running, Growth::Refused) else { unreachable!() };
        assert!(crash.message.contains("nested too deeply"));
    }

    #[test]
    fn a_guest_that_exits_has_returned_or_says_its_code() {
        assert_eq!(exit(wasmtime::Error::from(I32Exit(0)), Stage::Running, Growth::Fine), Exit::Returned);
        let Exit::Trapped(crash) = exit(wasmtime::Error::from(I32Exit(3)), Stage::Running, Growth::Fine) else {
            unreachable!()
        };
        assert!(crash.message.contains("code 3"));
    }

    #[test]
    fn names_lose_their_hash_and_stay_short() {
        assert_eq!(readable("a::b::h0123456789abcdef"), "a::b");
        assert_eq!(readable("a::hello"), "a::hello");
        assert_eq!(readable(&"x".repeat(10_000)).len(), FRAME_BYTES_MAX);
    }
}
