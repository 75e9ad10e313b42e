//! Brings files from one process to another, piece by piece.
//!
//! Each process of this package shares the files of a drive of its own, and fetches files of others into it. The package has
//! two of them, `mirror` being the second, so that there is something to fetch from.
//!
//! | who asks | what | answer |
//! |---|---|---|
//! | anyone | `{"Describe":{"name":"a.txt"}}` | `{"bytes":n,"hash":"…"}` |
//! | anyone | `{"Read":{"name":"a.txt","offset":0}}` | at most 64 KiB, as the blob; none behind the end |
//! | owner or package | `{"Fetch":{"from":"node@process:package:publisher","name":"a.txt"}}` | nothing: it has begun |
//! | owner or package | `"Transfers"` | `{"a.txt":{"Fetching":{"bytes":n,"of":m}}}`, or `"Done"`, or `{"Failed":"why"}` |
//! | owner or package | `{"Save":{"name":"a.txt","text":"…"}}` | nothing: it is saved |
//!
//! A worker, which is a process of its own, fetches each file, so that the others are not kept waiting. What is asked for one
//! piece at a time needs no buffers, and whoever shares keeps nothing in mind. What has begun is saved: it goes on after a
//! restart of the node, where it was.

mod share;
mod transfers;
mod worker;

#[cfg(test)]
mod tests;

use std::error::Error;

use serde::{Deserialize, Serialize};
use wharf_process_lib::service::{Incoming, Service};
use wharf_process_lib::{Address, Message, ProcessId, vfs};

use crate::share::Share;
use crate::transfers::{Transfer, Transfers};

/// What anyone may ask.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum ShareRequest {
    Describe { name: String },
    Read { name: String, offset: u64 },
}

/// What the node's owner and the package itself may ask.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum OwnRequest {
    Fetch { from: Address, name: String },
    Transfers,
    Save { name: String, text: String },
}

/// What a worker tells who started it.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Report {
    /// So far.
    Fetched { name: String, bytes: u64, of: u64 },
    /// The file is there.
    Done { name: String },
    /// It is not, and why.
    Failed { name: String, why: String },
    /// The worker is gone, whatever it said before.
    Ended { name: String },
}

/// A process: what it shares, and what it fetches.
struct Files {
    our: Address,
    share: Share,
    transfers: Transfers,
}

impl Files {
    fn own_request(&mut self, asked: Incoming<OwnRequest>) -> Result<serde_json::Value, Box<dyn Error>> {
        if !may_manage(&self.our, &asked.message) {
            return Err("only the node's owner and this package may do that".into());
        }
        match asked.request {
            OwnRequest::Fetch { from, name } => self.transfers.begin(&self.our, from, &name)?,
            OwnRequest::Transfers => return Ok(serde_json::to_value(self.transfers.all())?),
            OwnRequest::Save { name, text } => vfs::write(&self.share.path(&name)?, text)?,
        }
        Ok(serde_json::Value::Null)
    }

    fn report(&mut self, asked: Incoming<Report>) -> Result<(), Box<dyn Error>> {
        if asked.source().process().package_id() != self.our.process().package_id() || !asked.message.is_local() {
            return Err("only workers report".into());
        }
        let (name, transfer) = match asked.request.clone() {
            Report::Fetched { name, bytes, of } => (name, Transfer::Fetching { bytes, of }),
            Report::Done { name } => (name, Transfer::Done),
            Report::Failed { name, why } => (name, Transfer::Failed(why)),
            // It said neither of these, or it is known already.
            Report::Ended { name } => (name, Transfer::Failed("its worker ended before it was done".to_owned())),
        };
        Ok(self.transfers.set(asked.source().process(), &name, transfer)?)
    }
}

/// What the owner sends comes in the name of the web server.
fn may_manage(our: &Address, message: &Message) -> bool {
    let of_package = message.source().process().package_id() == our.process().package_id();
    message.is_local() && of_package || message.is_from(&ProcessId::system("http-server"))
}

fn init(our: Address) -> Result<(), Box<dyn Error>> {
    if worker::is_one(our.process()) {
        return worker::work();
    }
    let share = Share::open(our.process())?;
    let transfers = Transfers::go_on(&our)?;
    Service::new(Files { our, share, transfers })
        .on_request(|files: &mut Files, asked: Incoming<ShareRequest>| files.share.answer(&asked.request))
        .on_request(Files::own_request)
        .on_request(Files::report)
        .serve();
    Ok(())
}

wharf_process_lib::main!(init);
