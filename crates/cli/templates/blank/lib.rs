//! A process that does nothing yet.

use wharf_process_lib::{Address, Message, Response, await_message, println};

fn init(our: Address) {
    println!("{our} is up");
    loop {
        match await_message() {
            // Whoever asks learns that nothing is understood here yet.
            Ok(Message::Request { .. }) => Response::new().failure("this process understands nothing yet").send(),
            Ok(Message::Response { .. }) => {}
            Err(error) => println!("{error}"),
        }
    }
}

wharf_process_lib::main!(init);

/// Without a node: run by `cargo test`.
#[cfg(test)]
mod tests {
    use wharf_process_lib::testing::World;

    use super::*;

    #[test]
    fn whoever_asks_is_told_that_nothing_is_understood() {
        let world = World::new();
        let process = world.start("main:blank:test.os", init);
        assert_eq!(process.printed(), ["test.os@main:blank:test.os is up"]);
        assert_eq!(process.ask(&"hello").failure().as_deref(), Some("this process understands nothing yet"));
    }
}
