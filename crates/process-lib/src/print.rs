//! Lines for whoever watches the node.

use crate::host as wit;

/// Shows a line. Verbosity 0 is for everyone, 3 for debugging.
///
/// ```
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |_| {
/// wharf_process_lib::print(3, "only who asks for everything sees this");
/// # });
/// ```
pub fn print(verbosity: u8, line: &str) {
    wit::print_to_terminal(verbosity, line);
}

/// Shows a line to everyone who watches the node.
///
/// ```no_run
/// let name = "alice.os";
/// wharf_process_lib::println!("hello from {name}");
/// ```
#[macro_export]
macro_rules! println {
    () => { $crate::print(0, "") };
    ($($arg:tt)*) => { $crate::print(0, &::std::format!($($arg)*)) };
}
