//! The app store: keeps zips, installs and removes packages, and tells what is installed.
//!
//! The way of an install: [`downloads`] has kept the zip, [`prepare`] reads and checks all of it, [`plan`] turns its
//! manifest into processes and capabilities, [`trust`] decides whether its publisher's word is needed and there, and
//! [`install`] carries the plan out, or takes back what it did. What is installed, and whose keys are known, is in the
//! [`record`].
//!
//! The component is three processes: `main`, which does all of this; `downloads`, which has an address of its own for the
//! zips that are kept ([`downloads_api`], [`front`]); and `chain`, which knows what the registries list and has `main` bring
//! packages up to date ([`chain`](mod@chain), [`listed`], [`update`]).
//!
//! Only processes of this node that hold the messaging capability reach it; whoever does may install what they like, within
//! what [`trust`] allows. To change whom to trust, to roll back and to purge is for the owner alone, so that nobody else
//! gets around a signature. Every request is answered.

mod answer;
mod api;
mod chain;
mod downloads;
mod downloads_api;
mod error;
mod front;
mod granted;
mod install;
mod listed;
mod paths;
mod prepare;
mod purge;
mod record;
mod start;
mod trust;
mod uninstall;
mod update;

use wharf_process_lib::{Address, Message, ProcessId, await_message, println};

use crate::record::Record;

/// The name of the process that keeps the zips and the record.
const MAIN: &str = "main";
/// The name of the process at whose address the downloads are asked for.
const DOWNLOADS: &str = "downloads";
/// The name of the process that looks at the registries.
const CHAIN: &str = "chain";

fn init(our: Address) {
    let own = |process: &str| ProcessId::new(process, our.process().package(), our.process().publisher());
    let (Ok(main), Ok(downloads), Ok(chain)) = (own(MAIN), own(DOWNLOADS), own(CHAIN)) else {
        return println!("{our} is no process of the app store");
    };
    if *our.process() == chain {
        return chain::serve(&our, &main);
    }
    if *our.process() == downloads {
        return front::serve(&main);
    }
    let mut record = match Record::load() {
        Ok(record) => record,
        // Left as it is: what this version does not understand, it does not overwrite.
        Err(error) => return println!("{error}"),
    };
    if let Err(error) = install::recover(our.node(), &mut record) {
        // It stays in the record, and is tried again at the next start.
        println!("what was cut off could not be put in order: {error}");
    }
    loop {
        match await_message() {
            Ok(message @ Message::Request { .. }) if message.is_from(&downloads) => {
                downloads_api::answer(our.node(), &mut record, &message);
            }
            Ok(message @ Message::Request { .. }) => {
                if !(message.is_from(&chain) && update::answer(our.node(), &mut record, &message)) {
                    answer::answer(our.node(), &mut record, &message);
                }
            }
            Ok(Message::Response { .. }) => {}
            Err(error) => println!("{error}"),
        }
    }
}

wharf_process_lib::main!(init);
