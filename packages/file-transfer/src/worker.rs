//! Fetches one file, in a process of its own, which runs the same component.

use std::error::Error;
use std::io::{Seek, SeekFrom, Write};

use serde::{Deserialize, Serialize};
use wharf_process_lib::process::Spawn;
use wharf_process_lib::vfs::{self, OpenOptions};
use wharf_process_lib::{
    Address, CallError, Capability, Message, OnExit, ProcessId, Refused, Request, await_message, our, println, timer,
    types,
};

use crate::share::{Described, Share, Shared, describe};
use crate::{Report, ShareRequest};

const NAME: &str = "worker-";
/// How long one answer may take.
const ANSWER_S: u64 = 10;
/// How often a piece is asked for before the transfer fails.
const TRIES: u64 = 5;
/// How long it waits before it asks again: so long, then twice as long, and so on. Who shares the file may just be starting.
const PAUSE_MS: u64 = 1_000;

/// What a worker is for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) from: Address,
    pub(crate) name: String,
}

/// Whether a process is a worker, by its name.
pub(crate) fn is_one(process: &ProcessId) -> bool {
    process.process().starts_with(NAME)
}

/// Starts a worker for `our` files, and gives it its job.
pub(crate) fn start(our: &Address, job: &Job) -> Result<ProcessId, Box<dyn Error>> {
    Share::open(our.process())?.path(&job.name)?;
    let package = our.process().package_id();
    let component = format!("/{package}/pkg/{}.wasm", package.package_name);
    // However it ends, we are told.
    let ended = serde_json::to_vec(&Report::Ended { name: job.name.clone() })?;
    let ended = types::Request { body: ended, ..types::Request::default() };
    let name = format!("{NAME}{}-{:016x}", our.process().process(), random());
    let worker = Spawn::new(component)
        .name(name)
        .on_exit(OnExit::Requests(vec![(our.clone(), ended, None)]))
        .give(Capability::messaging(Address::new(our.node().clone(), ProcessId::system("vfs"))))
        // Whoever shares the file must be allowed to answer.
        .grant(job.from.process().clone(), Capability::MESSAGING)
        .start()?;
    Request::to_local(&worker).json(job)?.send();
    Ok(worker)
}

/// Workers of earlier times may still be there.
fn random() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0)
}

/// The life of a worker: its first message is its job, and comes from its parent.
pub(crate) fn work() -> Result<(), Box<dyn Error>> {
    let message = await_message()?;
    let (Message::Request { source: parent, .. }, true) = (&message, message.is_local()) else {
        return Err("a worker was sent something else than its job".into());
    };
    if parent.process().package_id() != our()?.process().package_id() {
        return Err("a worker was given a job by a stranger".into());
    }
    let job: Job = message.json()?;
    let report = match fetch(parent, &job) {
        Ok(()) => Report::Done { name: job.name },
        Err(error) => {
            println!("{} of {}: {error}", job.name, job.from);
            Report::Failed { name: job.name, why: error.to_string() }
        }
    };
    Request::to(parent).json(&report)?.send();
    Ok(())
}

/// Fetches the file, or the rest of it. An earlier worker may be at the same file still: both write the same bytes to the
/// same places, and whoever is second finds that the file is there.
fn fetch(parent: &Address, job: &Job) -> Result<(), Box<dyn Error>> {
    let share = Share::open(parent.process())?;
    let (described, _) = ask(job, &ShareRequest::Describe { name: job.name.clone() })?;
    let Shared::Described(described) = described else { return Err("the description is none".into()) };
    let (part, whole) = (share.part(&job.name, &described)?, share.path(&job.name)?);
    let is_there = || describe(&whole).is_ok_and(|file| file == described);
    if is_there() {
        return Ok(());
    }
    match fetch_into(&part, &whole, parent, job, &described) {
        Err(_) if is_there() => Ok(()),
        fetched => fetched,
    }
}

fn fetch_into(
    part: &str,
    whole: &str,
    parent: &Address,
    job: &Job,
    described: &Described,
) -> Result<(), Box<dyn Error>> {
    fetch_pieces(part, parent, job, described)?;
    let got = describe(part)?;
    if got != *described {
        vfs::remove_file(part)?;
        return Err(format!("what came is another file ({} bytes): it was changed meanwhile", got.bytes).into());
    }
    // At once: who looks sees the file from before, or all of the new one.
    Ok(vfs::rename(part, whole)?)
}

fn fetch_pieces(part: &str, parent: &Address, job: &Job, described: &Described) -> Result<(), Box<dyn Error>> {
    let mut file = OpenOptions::new().write(true).create(true).open(part)?;
    let mut have = file.seek(SeekFrom::End(0))?;
    while have < described.bytes {
        let (_, piece) = ask(job, &ShareRequest::Read { name: job.name.clone(), offset: have })?;
        let piece = piece.filter(|piece| !piece.is_empty()).ok_or("the file became shorter")?;
        file.write_all(&piece)?;
        have = have.saturating_add(piece.len() as u64);
        let report = Report::Fetched { name: job.name.clone(), bytes: have, of: described.bytes };
        Request::to(parent).json(&report)?.send();
    }
    Ok(())
}

/// Asks whoever shares the file. What is not answered is asked again; what is refused is not.
fn ask(job: &Job, what: &ShareRequest) -> Result<(Shared, Option<Vec<u8>>), Box<dyn Error>> {
    let mut tries = 1;
    loop {
        let asked: Result<(Shared, _), CallError<Refused>> = Request::to(&job.from).json(what)?.ask_with_blob(ANSWER_S);
        match asked {
            Ok((shared, blob)) => return Ok((shared, blob.map(|blob| blob.bytes))),
            Err(CallError::Send { .. }) if tries < TRIES => {
                timer::sleep(PAUSE_MS.saturating_mul(tries))?;
                tries += 1;
            }
            Err(error) => return Err(error.into()),
        }
    }
}
