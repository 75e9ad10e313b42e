//! Where a process begins: [`main!`](crate::main).
//!
//! ```no_run
//! use wharf_process_lib::{Address, println, state};
//!
//! /// What goes wrong is printed, and the process ends.
//! fn init(our: Address) -> Result<(), state::StateError> {
//!     let lives: u64 = state::get()?.unwrap_or(0);
//!     state::set(&(lives + 1))?;
//!     println!("{our} lives for the {}. time", lives + 1);
//!     Ok(())
//! }
//!
//! wharf_process_lib::main!(init);
//! # fn main() {}
//! ```
//!
//! A macro of one line, and not an attribute: an attribute needs a crate of its own, which is compiled for each package
//! before anything else, and could do no more.

use std::convert::Infallible;
use std::fmt::Display;

use crate::Address;

/// What the function of a process may return: nothing, or a [`Result`]. An error is printed for everyone who watches the node.
///
/// ```
/// use wharf_process_lib::testing::World;
///
/// let world = World::new();
/// let process = world.start("main:app:test.os", |_| Err::<(), _>("the database is gone"));
/// assert_eq!(process.printed(), ["the database is gone"]);
/// assert!(process.has_ended());
/// ```
pub trait Outcome {
    /// Prints what is wrong, if anything is.
    fn tell(self);
}

impl Outcome for () {
    fn tell(self) {}
}

/// What comes of a loop that does not end.
impl Outcome for Infallible {
    fn tell(self) {
        match self {}
    }
}

impl<T: Outcome, E: Display> Outcome for Result<T, E> {
    fn tell(self) {
        match self {
            Ok(outcome) => outcome.tell(),
            Err(error) => crate::println!("{error}"),
        }
    }
}

/// Makes a function the process: `fn(our: Address)`, which may return a [`Result`].
///
/// It is called once in each life of the process, and the life is over when it returns. See [`mod@crate::entry`].
///
/// ```no_run
/// fn init(our: wharf_process_lib::Address) {
///     wharf_process_lib::println!("{our} has nothing to do");
/// }
/// wharf_process_lib::main!(init);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! main {
    ($init:path) => {
        #[allow(unsafe_code, reason = "the component's export")]
        const _: () = {
            struct WharfProcess;

            impl $crate::__private::bindings::Guest for WharfProcess {
                fn init(our: ::std::string::String) {
                    $crate::__private::start(&our, $init);
                }
            }

    $crate::__private::bindings::export!(WharfProcess with_types_in $crate::__private::bindings);
        };
    };
}

/// Hands over to the process, with its address read.
pub(crate) fn start<O: Outcome>(our: &str, init: impl FnOnce(Address) -> O) {
    match our.parse() {
        Ok(our) => init(our).tell(),
        Err(error) => crate::println!("the node gave this process an address that is none: {error}"),
    }
}
