//! `tester:tester:sys`: runs the tests that Kinode's `kit run-tests` brings. The node starts it with `--kit-compat` only, since
//! whoever may use its drives has their programs run.
//!
//! `kit` writes `<test>.wasm` and `capabilities.json` into the drive `tests`, over the endpoint for tools, and asks for a
//! [`Run`]. Each test is a process of this package, with what this process may do and what it asks for of that; it is handed
//! the same request, and says how it went. The first that fails ends the run. Tests are ended when they have answered.

mod protocol;

use std::collections::BTreeMap;

use wharf_process_lib::process::{Spawn, SpawnError};
use wharf_process_lib::types::vfs::DirEntry;
use wharf_process_lib::{
    Address, Capability, Message, ProcessId, Request, Response, SendError, await_message, capability, kernel, println,
    vfs,
};

use crate::protocol::{Asks, Failed, Run, TesterRequest, TesterResponse};

/// The drives that `kit` writes into.
const DRIVES: [&str; 2] = ["setup", "tests"];

/// Why a test did not pass.
#[derive(Debug, thiserror::Error)]
enum TestError {
    #[error("this node, {0}, is not one of those that the run is for")]
    OtherNodes(String),
    #[error("there is no {0}")]
    NoTest(String),
    #[error("{0} is not what says which capabilities tests ask for: {1}")]
    Asks(String, serde_json::Error),
    #[error("what it asks for is no process: {0}")]
    Id(#[from] wharf_process_lib::IdError),
    #[error("it does not start: {0}")]
    Spawn(#[from] SpawnError),
    #[error("it does not answer: {0}")]
    Silent(#[from] SendError),
    #[error("its answer is none: {0}")]
    Answer(serde_json::Error),
    #[error(transparent)]
    Vfs(#[from] vfs::Error),
    /// As the test itself says it.
    #[error("it failed at {}:{}", .0.file, .0.line)]
    Failed(Failed),
}

/// What a run has to know.
struct Tests<'a> {
    our: &'a Address,
    drive: String,
    entries: Vec<DirEntry>,
    asks: BTreeMap<String, Asks>,
}

impl<'a> Tests<'a> {
    fn look(our: &'a Address) -> Result<Self, TestError> {
        let drive = format!("/{}/tests", our.process().package_id());
        let asks = format!("{drive}/capabilities.json");
        let parsed = match vfs::exists(&asks)? {
            true => serde_json::from_slice(&vfs::read(&asks)?).map_err(|error| TestError::Asks(asks, error))?,
            false => BTreeMap::new(),
        };
        Ok(Self { our, entries: vfs::read_dir(&drive)?, drive, asks: parsed })
    }

    /// Runs one, and ends it whatever it says.
    fn run(&self, name: &str, run: &Run, body: &[u8]) -> Result<(), TestError> {
        let path = format!("{}/{name}.wasm", self.drive);
        // Paths of entries have no slash before them.
        if !self.entries.iter().any(|entry| path.strip_prefix('/') == Some(entry.path.as_str())) {
            return Err(TestError::NoTest(path));
        }
        let child = self.spawn(name, &path)?;
        let answer = Request::to_local(&child).body(body).send_and_await_response(run.test_timeout);
        if let Err(error) = kernel::kill(&child) {
            // It may have ended by itself.
            println!("{child}: {error}");
        }
        match answer?.json::<TesterResponse>().map_err(TestError::Answer)? {
            TesterResponse::Run(Ok(())) => Ok(()),
            TesterResponse::Run(Err(failed)) => Err(TestError::Failed(failed)),
        }
    }

    fn spawn(&self, name: &str, path: &str) -> Result<ProcessId, TestError> {
        let asks = self.asks.get(name).cloned().unwrap_or_default();
        let mut spawn = Spawn::new(path);
        for held in capability::ours() {
            spawn = spawn.give(held);
        }
        for process in asks.request_capabilities {
            let issuer = Address::new(self.our.node().clone(), process.parse::<ProcessId>()?);
            // Left out by the node where this process does not hold it.
            spawn = spawn.give(Capability::new(issuer, Capability::MESSAGING));
        }
        for process in asks.grant_capabilities {
            spawn = spawn.grant(process.parse()?, Capability::MESSAGING);
        }
        Ok(spawn.start()?)
    }
}

/// Runs all of them, if this is the node to do it: the first one does, and the others are there for it.
fn run_all(our: &Address, run: &Run, body: &[u8]) -> Result<(), Failed> {
    let node = our.node().as_str();
    if run.input_node_names.first().is_none_or(|first| first != node) {
        if run.input_node_names.iter().any(|other| other == node) {
            return Ok(());
        }
        // A run that nobody does must not look like one that went well.
        return Err(Failed::here("", &TestError::OtherNodes(node.to_owned())));
    }
    let tests = Tests::look(our).map_err(|error| Failed::here("", &error))?;
    for name in &run.test_names {
        tests.run(name, run, body).map_err(|error| match error {
            TestError::Failed(failed) => failed,
            error => Failed::here(name, &error),
        })?;
        println!("{name}: passed");
    }
    Ok(())
}

fn answer(our: &Address, message: &Message) {
    let done = match message.json() {
        Ok(TesterRequest::Run(run)) if message.is_local() => run_all(our, &run, message.body()),
        Ok(TesterRequest::Run(_)) => return Response::new().failure("only for this node").send(),
        Err(error) => return Response::new().failure(format!("not a request to the tester: {error}")).send(),
    };
    match Response::new().json(&TesterResponse::Run(done)) {
        Ok(response) => response.send(),
        Err(error) => println!("{error}"),
    }
}

fn init(our: Address) {
    for drive in DRIVES {
        if let Err(error) = vfs::create_drive(&our.process().package_id(), drive) {
            println!("the drive {drive} cannot be made: {error}");
        }
    }
    loop {
        match await_message() {
            Ok(message @ Message::Request { .. }) => answer(&our, &message),
            Ok(Message::Response { .. }) => {}
            Err(error) => println!("{error}"),
        }
    }
}

wharf_process_lib::main!(init);
