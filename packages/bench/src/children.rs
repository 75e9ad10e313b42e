//! Processes that a driver starts: pairs, processes that say hello, processes that wait.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use wharf_process_lib::process::{Spawn, SpawnError};
use wharf_process_lib::{Address, Capability, Message, OnExit, ProcessId, Request, await_message, vfs};

use crate::protocol::{Command, Content, Lifetime, Load, Reply, Style, Summary};
use crate::round_trips::TIMEOUT_S;

/// The process of this package with that name.
pub(crate) fn sibling(our: &Address, name: &str) -> Result<Address, String> {
    let process = our.process();
    let id = ProcessId::new(name, process.package(), process.publisher()).map_err(|error| error.to_string())?;
    Ok(Address::new(our.node().clone(), id))
}

pub(crate) fn component(our: &Address) -> String {
    format!("/{}/pkg/bench.wasm", our.process().package_id())
}

/// Starts a child that everyone may speak to; one that is there already will do.
pub(crate) fn start(component: &str, name: String, on_exit: OnExit) -> Result<(), String> {
    start_with(component, name, on_exit, &[])
}

/// The same, for a child that is given capabilities.
pub(crate) fn start_with(
    component: &str,
    name: String,
    on_exit: OnExit,
    capabilities: &[Capability],
) -> Result<(), String> {
    let spawn = Spawn::new(component).name(name.as_str()).on_exit(on_exit).public();
    match capabilities.iter().fold(spawn, |spawn, capability| spawn.give(capability.clone())).start() {
        Ok(_) | Err(SpawnError::NameTaken) => Ok(()),
        Err(error) => Err(format!("starting {name}: {error}")),
    }
}

/// Starts processes that wait, and returns when all of them do.
pub(crate) fn make_idle(our: &Address, count: usize, lifetime: Lifetime) -> Result<(), String> {
    let component = component(our);
    (0..count).try_for_each(|n| {
        let on_exit = match lifetime {
            Lifetime::ThisBoot => OnExit::None,
            Lifetime::Kept => OnExit::Restart,
        };
        start(&component, format!("idle-{n}"), on_exit)
    })?;
    // Whoever has answered has come up.
    (0..count).try_for_each(|n| {
        let answer = Request::to(&sibling(our, &format!("idle-{n}"))?).send_and_await_response(TIMEOUT_S);
        answer.map(drop).map_err(|error| error.to_string())
    })
}

fn echo_name(style: Style, n: usize) -> String {
    match style {
        Style::Library => format!("echo-{n}"),
        Style::Bare => format!("bare-{n}"),
    }
}

/// Starts `pair-N` and the echo it is going to ask, for every N.
pub(crate) fn make_pairs(our: &Address, pairs: usize, style: Style) -> Result<(), String> {
    let component = component(our);
    (0..pairs).try_for_each(|n| {
        start(&component, echo_name(style, n), OnExit::None)?;
        start(&component, format!("pair-{n}"), OnExit::None)
    })?;
    // One round trip each, so that all of them have come up before anything is timed.
    run_pairs(our, pairs, style, 0, 1).map(drop)
}

/// Nanoseconds from the first command to a pair until the last pair is done.
pub(crate) fn run_pairs(
    our: &Address,
    pairs: usize,
    style: Style,
    body_bytes: usize,
    per_pair: usize,
) -> Result<f64, String> {
    let commands = (0..pairs).map(|n| {
        let load = Load::Body(body_bytes);
        let command = Command::RoundTrips { target: echo_name(style, n), style, load, batches: 1, per_batch: per_pair };
        let request = Request::to(&sibling(our, &format!("pair-{n}"))?).expects_response(TIMEOUT_S);
        request.json(&command).map_err(|error| error.to_string())
    });
    let commands = commands.collect::<Result<Vec<_>, String>>()?;
    let start = Instant::now();
    commands.into_iter().for_each(Request::send);
    await_all(pairs)?;
    Ok(start.elapsed().as_nanos() as f64)
}

/// Waits until so many have done what they were told.
pub(crate) fn await_all(count: usize) -> Result<(), String> {
    for _ in 0..count {
        let message = await_message().map_err(|error| error.to_string())?;
        match message.json() {
            Ok(Reply::Summary(_) | Reply::Done) => {}
            Ok(Reply::Failed(reason)) => return Err(format!("{}: {reason}", message.source())),
            _ => return Err(format!("{} did not tell that it was done", message.source())),
        }
    }
    Ok(())
}

/// Nanoseconds until every parent has started all its children.
pub(crate) fn spawn_many(our: &Address, parents: usize, per_parent: usize) -> Result<f64, String> {
    let vfs = Capability::messaging(Address::new(our.node().clone(), ProcessId::system("vfs")));
    let commands = (0..parents).map(|n| {
        let name = format!("pair-{n}");
        match Spawn::new(component(our)).name(name.as_str()).give(vfs.clone()).public().start() {
            Ok(_) | Err(SpawnError::NameTaken) => {}
            Err(error) => return Err(format!("starting {name}: {error}")),
        }
        let request = Request::to(&sibling(our, &name)?).expects_response(TIMEOUT_S);
        request.json(&Command::Spawn { count: per_parent }).map_err(|error| error.to_string())
    });
    let commands = commands.collect::<Result<Vec<_>, String>>()?;
    let start = Instant::now();
    commands.into_iter().for_each(Request::send);
    await_all(parents)?;
    Ok(start.elapsed().as_nanos() as f64)
}

/// Nanoseconds in which processes save their state so often, all at the same time.
pub(crate) fn run_savers(our: &Address, processes: usize, per_process: usize) -> Result<f64, String> {
    let component = component(our);
    (0..processes).try_for_each(|n| start(&component, format!("saver-{n}"), OnExit::None))?;
    // Once before anything is timed, so that all of them have come up.
    all_save(our, processes, 1)?;
    let start = Instant::now();
    all_save(our, processes, per_process)?;
    Ok(start.elapsed().as_nanos() as f64)
}

fn all_save(our: &Address, processes: usize, count: usize) -> Result<(), String> {
    for n in 0..processes {
        let request = Request::to(&sibling(our, &format!("saver-{n}"))?).expects_response(TIMEOUT_S);
        request.json(&Command::SaveStates { count }).map_err(|error| error.to_string())?.send();
    }
    (0..processes).try_for_each(|_| {
        let message = await_message().map_err(|error| error.to_string())?;
        match message.json() {
            Ok(Reply::Done) => Ok(()),
            Ok(Reply::Failed(reason)) => Err(format!("{}: {reason}", message.source())),
            _ => Err(format!("{} did not tell of what it saved", message.source())),
        }
    })
}

/// Counts the processes that were started, so that no two have the same name and no new content is the same.
#[derive(Default)]
pub(crate) struct Starts {
    count: u64,
}

impl Starts {
    /// Times starts, each from `spawn` until the child's hello is here.
    pub(crate) fn timed(&mut self, our: &Address, content: Content, count: usize) -> Result<Summary, String> {
        let samples = (0..count).map(|_| self.one(our, content)).collect::<Result<Vec<_>, _>>()?;
        Ok(Summary::of(samples))
    }

    /// Starts children that end at once.
    pub(crate) fn nameless(&mut self, our: &Address, count: usize) -> Result<(), String> {
        let component = component(our);
        (0..count).try_for_each(|_| {
            self.count += 1;
            let name = format!("gone-{}-{}", our.process().process(), self.count);
            start(&component, name, OnExit::None)
        })
    }

    fn one(&mut self, our: &Address, content: Content) -> Result<f64, String> {
        self.count += 1;
        let component = match content {
            Content::Known => component(our),
            Content::New => self.new_component(our).map_err(|error| error.to_string())?,
        };
        let start = Instant::now();
        let child = Spawn::new(component.as_str()).name(format!("hello-{}", self.count)).start();
        let child = child.map_err(|error| error.to_string())?;
        let hello = await_message().map_err(|error| error.to_string())?;
        let elapsed = start.elapsed();
        if !matches!(hello, Message::Request { .. }) || hello.source().process() != &child {
            return Err(format!("waited for the hello of {child}, and {} sent something", hello.source()));
        }
        if content == Content::New {
            vfs::remove_file(&component).map_err(|error| error.to_string())?;
        }
        Ok(elapsed.as_nanos() as f64)
    }

    /// The same component with a section at its end that nothing reads: to the node it is one never seen.
    fn new_component(&self, our: &Address) -> Result<String, vfs::Error> {
        let mut wasm = vfs::read(&component(our))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let mut section = vec![1, b'n'];
        section.extend(now.to_le_bytes());
        section.extend(self.count.to_le_bytes());
        // A custom section: its id, its length in one byte, a name of one letter, and anything.
        wasm.extend([0, section.len() as u8]);
        wasm.extend(section);
        let path = format!("/{}/pkg/new-{}.wasm", our.process().package_id(), self.count);
        vfs::write(&path, wasm)?;
        Ok(path)
    }
}
