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
