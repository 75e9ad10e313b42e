//! A process that measures: it does what a command says and tells how long it took.

use std::path::Path;
use std::time::Instant;

use wharf_process_lib::{Address, Message, Response, await_message, println, state};

use crate::protocol::{Access, Command, Reply, Summary};
use crate::{blocks, children, databases, files, neighbours, round_trips};

/// Does commands until the process is ended.
pub(crate) fn serve(our: &Address) {
    let mut starts = children::Starts::default();
    loop {
        match await_message() {
            Ok(message @ Message::Request { .. }) => answer(our, &mut starts, &message),
            Ok(Message::Response { .. }) => {}
            Err(error) => println!("{error}"),
        }
    }
}

fn answer(our: &Address, starts: &mut children::Starts, message: &Message) {
    let reply = match message.json() {
        Ok(command) => perform(our, starts, command).unwrap_or_else(Reply::Failed),
        Err(error) => Reply::Failed(format!("not a command: {error}")),
    };
    match Response::new().json(&reply) {
        Ok(response) => response.send(),
        Err(error) => println!("an answer cannot be written: {error}"),
    }
}

fn perform(our: &Address, starts: &mut children::Starts, command: Command) -> Result<Reply, String> {
    match command {
        Command::RoundTrips { target, style, load, batches, per_batch } => {
            let target = children::sibling(our, &target)?;
            round_trips::timed(&target, style, load, batches, per_batch).map(Reply::Summary)
        }
        Command::Pipelined { target, style, body_bytes, window, count } => {
            let target = children::sibling(our, &target)?;
            round_trips::pipelined(&target, style, body_bytes, window, count).map(Reply::ElapsedNs)
        }
        Command::MakePairs { pairs, style } => children::make_pairs(our, pairs, style).map(|()| Reply::Done),
        Command::RunPairs { pairs, style, body_bytes, per_pair } => {
            children::run_pairs(our, pairs, style, body_bytes, per_pair).map(Reply::ElapsedNs)
        }
        Command::Starts { content, count } => starts.timed(our, content, count).map(Reply::Summary),
        Command::MakeIdle { count, lifetime } => children::make_idle(our, count, lifetime).map(|()| Reply::Done),
        Command::SpawnMany { parents, per_parent } => {
            children::spawn_many(our, parents, per_parent).map(Reply::ElapsedNs)
        }
        Command::Spawn { count } => starts.nameless(our, count).map(|()| Reply::Done),
        Command::BadNeighbours => neighbours::start(our).map(|()| Reply::Done),
        Command::RunSavers { processes, per_process } => {
            children::run_savers(our, processes, per_process).map(Reply::ElapsedNs)
        }
        Command::SaveStates { count } => {
            save_states(count);
            Ok(Reply::Done)
        }
        Command::Files { work, batches, per_batch } => {
            files::timed(our, work, batches, per_batch).map(Reply::Summary).map_err(|error| error.to_string())
        }
        Command::Databases { work, batches, per_batch } => {
            databases::timed(our, work, batches, per_batch).map(Reply::Summary)
        }
        Command::RunSetters { processes, per_process } => {
            databases::run_setters(our, processes, per_process).map(Reply::ElapsedNs)
        }
        Command::SetDurably { count } => databases::set_durably(our, count).map(|()| Reply::Done),
        Command::Blocks { path, access, block_bytes, blocks: count } => {
            let path = Path::new(&path);
            let done = match access {
                Access::Write => blocks::write(path, block_bytes, count),
                Access::Read => blocks::read(path, block_bytes, count),
            };
            done.map(Reply::Summary).map_err(|error| format!("{}: {error}", path.display()))
        }
        Command::Clock { count } => Ok(Reply::Summary(clock(count))),
    }
}

/// Each change is on disk before the next one is made.
fn save_states(count: usize) {
    (0..count).for_each(|n| state::set_bytes(&n.to_le_bytes()));
}

fn clock(count: usize) -> Summary {
    let mut before = Instant::now();
    let read = || {
        let now = Instant::now();
        let since = now.duration_since(before).as_nanos() as f64;
        before = now;
        since
    };
    Summary::of(std::iter::repeat_with(read).take(count).collect())
}
