//! The steps of a program.

use serde::Deserialize;
use serde_json::{Value, json};
use wharf_process_lib::bindings::kinode::process::standard as wit;
use wharf_process_lib::process::Spawn;
use wharf_process_lib::{
    Address, Capability, LazyLoadBlob, OnExit, PackageId, ProcessId, Request, Response, await_message, capability,
    process, state,
};

use crate::{Memory, describe, harm};

/// Whether `init` goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// It does.
    Go,
    /// It returns.
    Return,
}

/// One thing to do.
#[derive(Debug, Deserialize)]
pub(crate) enum Step {
    /// Send a request and go on.
    Send(Outgoing),
    /// Send a request and wait for its response; the outcome is the response or the error.
    Await(Outgoing),
    /// Send the same request many times.
    Flood {
        count: u32,
        #[serde(flatten)]
        request: Outgoing,
    },
    /// Receive one message; the outcome is the message or the error. It is not run.
    Receive,
    /// Answer what is being handled.
    Respond {
        #[serde(default)]
        body: Value,
        #[serde(default)]
        blob: Option<String>,
        #[serde(default)]
        inherit: bool,
        #[serde(default)]
        capabilities: Vec<Capability>,
    },
    /// What arrived between programs. It is forgotten then.
    Seen,
    /// The outcomes of the last program that kept them.
    Results,
    /// Whether the message received last brought a blob.
    HasBlob,
    /// The blob of the message received last.
    GetBlob,
    /// The blob received last.
    LastBlob,
    /// The capabilities that came with the program.
    Attached,
    Capabilities,
    Save(Vec<Capability>),
    /// Save what came with the program.
    SaveAttached,
    Drop(Vec<Capability>),
    Spawn(Box<Child>),
    OnExit,
    SetOnExit(OnExit),
    SetState(String),
    /// Save the numbers from 1 on, one after the other; each is printed once it is kept.
    SetStates(u64),
    GetState,
    ClearState,
    Print {
        verbosity: u8,
        text: String,
    },
    /// Go through the library's `vfs` module, in a drive of this name.
    TourVfs(String),
    Our,
    /// Runs every function of the library's `kv`; the outcome is `null`, or what was not as it has to be.
    UseKv,
    /// The same for `sqlite`.
    UseSqlite,
    /// Uses every function of the library's `http_client` with a server at this `host:port`, likewise.
    UseHttpClient(String),
    /// Return from `init`.
    Return,
    Panic(String),
    Spin,
    /// Compute for so many milliseconds.
    Compute(u64),
    /// Take memory until that fails.
    Hog,
    Recurse,
    /// Take so many MiB of memory; the outcome is whether there was as much.
    Allocate(usize),
}

/// A request to be sent.
#[derive(Debug, Deserialize)]
pub(crate) struct Outgoing {
    /// `process:package:publisher` of this node, or a whole address.
    to: String,
    /// Text is sent as it is, anything else as JSON.
    #[serde(default)]
    body: Value,
    #[serde(default)]
    expects: Option<u64>,
    #[serde(default)]
    inherit: bool,
    #[serde(default)]
    blob: Option<String>,
    #[serde(default)]
    context: Option<String>,
    #[serde(default)]
    metadata: Option<String>,
    #[serde(default)]
    capabilities: Vec<Capability>,
}

/// A process to be started.
#[derive(Debug, Deserialize)]
pub(crate) struct Child {
    #[serde(default)]
    name: Option<String>,
    path: String,
    on_exit: OnExit,
    #[serde(default)]
    give: Vec<Capability>,
    #[serde(default)]
    grants: Vec<(ProcessId, String)>,
    #[serde(default)]
    public: bool,
}

impl Step {
    /// Does it. `Err` is the end of the program.
    pub(crate) fn run(self, memory: &mut Memory) -> Result<Value, Flow> {
        Ok(match self {
            Self::Send(request) => request.send(),
            Self::Await(request) => request.send_and_await(),
            Self::Flood { count, request } => {
                for _ in 0..count {
                    request.send();
                }
                json!(count)
            }
            Self::Receive => receive(),
            Self::Respond { body, blob, inherit, capabilities } => respond(&body, blob, inherit, &capabilities),
            Self::Seen => Value::from(std::mem::take(&mut memory.seen)),
            Self::Results => Value::from(std::mem::take(&mut memory.results)),
            Self::HasBlob => json!(wit::has_blob()),
            Self::GetBlob => blob_text(wit::get_blob()),
            Self::LastBlob => blob_text(wit::last_blob()),
            Self::Attached => json!(attached(memory)),
            Self::Capabilities => json!(capability::ours()),
            Self::Save(capabilities) => done(|| capability::save(&capabilities)),
            Self::SaveAttached => done(|| capability::save(&attached(memory))),
            Self::Drop(capabilities) => done(|| capability::drop(&capabilities)),
            Self::Spawn(child) => child.spawn(),
            Self::OnExit => process::on_exit().map_or_else(|error| json!(error.to_string()), |on_exit| json!(on_exit)),
            Self::SetOnExit(on_exit) => done(|| process::set_on_exit(on_exit)),
            Self::SetState(text) => done(|| state::set_bytes(text.as_bytes())),
            Self::SetStates(count) => set_states(count),
            Self::GetState => state::get_bytes().map_or(Value::Null, |bytes| json!(describe::text(&bytes))),
            Self::ClearState => done(state::clear),
            Self::Print { verbosity, text } => done(|| wharf_process_lib::print(verbosity, &text)),
            Self::TourVfs(drive) => process::our().map_or_else(
                |error| json!(error.to_string()),
                |our| match crate::vfs_tour::run(&our.process().package_id(), &drive) {
                    Ok(()) => json!("ok"),
                    Err(error) => json!(error.to_string()),
                },
            ),
            Self::Our => process::our().map_or_else(|error| json!(error.to_string()), |our| json!(our.to_string())),
            Self::UseKv => used(crate::kv::run),
            Self::UseSqlite => used(crate::sqlite::run),
            Self::UseHttpClient(server) => used(|_| crate::http_client::run(&server)),
            Self::Return => return Err(Flow::Return),
            #[allow(clippy::panic, reason = "that is the step")]
            Self::Panic(text) => panic!("{text}"),
            Self::Spin => harm::spin(),
            Self::Compute(ms) => done(|| harm::compute(ms)),
            Self::Hog => harm::hog(),
            Self::Recurse => json!(harm::recurse(0)),
            Self::Allocate(mib) => json!(harm::allocate(mib)),
        })
    }
}

/// The outcome of what has none.
fn done(step: impl FnOnce()) -> Value {
    step();
    Value::Null
}

/// The outcome of using a module of the node in the name of our package.
fn used(run: impl FnOnce(&PackageId) -> Result<(), String>) -> Value {
    let our = process::our().map_err(|error| error.to_string());
    match our.and_then(|our| run(&our.process().package_id())) {
        Ok(()) => Value::Null,
        Err(error) => json!(error),
    }
}

fn bytes(body: &Value) -> Vec<u8> {
    match body {
        Value::String(text) => text.clone().into_bytes(),
        other => other.to_string().into_bytes(),
    }
}

fn blob_text(blob: Option<wit::LazyLoadBlob>) -> Value {
    describe::blob(blob.map(|blob| LazyLoadBlob { mime: blob.mime, bytes: blob.bytes }))
}

fn attached(memory: &Memory) -> Vec<Capability> {
    memory.last.as_ref().map(|message| message.capabilities().to_vec()).unwrap_or_default()
}

fn receive() -> Value {
    match await_message() {
        Ok(message) => describe::message(&message),
        Err(error) => describe::error(&error),
    }
}

fn respond(body: &Value, blob: Option<String>, inherit: bool, capabilities: &[Capability]) -> Value {
    let mut response = Response::new().body(bytes(body)).capabilities(capabilities);
    if let Some(text) = blob {
        response = response.blob(LazyLoadBlob { mime: None, bytes: text.into_bytes() });
    }
    if inherit {
        response = response.inherit();
    }
    done(|| response.send())
}

fn set_states(count: u64) -> Value {
    for n in 1..=count {
        state::set_bytes(n.to_string().as_bytes());
        wharf_process_lib::print(0, &format!("kept {n}"));
    }
    json!(count)
}

impl Outgoing {
    fn request(&self) -> Result<Request, Value> {
        let bad = |error: wharf_process_lib::IdError| json!({ "kind": "bad-target", "error": error.to_string() });
        let request = if self.to.contains('@') {
            Request::to(&self.to.parse::<Address>().map_err(bad)?)
        } else {
            Request::to_local(&self.to.parse::<ProcessId>().map_err(bad)?)
        };
        let mut request = request.body(bytes(&self.body)).capabilities(&self.capabilities);
        if let Some(expects) = self.expects {
            request = request.expects_response(expects);
        }
        if self.inherit {
            request = request.inherit();
        }
        if let Some(text) = &self.blob {
            request = request.blob(LazyLoadBlob { mime: None, bytes: text.clone().into_bytes() });
        }
        if let Some(context) = &self.context {
            request = request.context(context.clone());
        }
        if let Some(metadata) = &self.metadata {
            request = request.metadata(metadata.clone());
        }
        Ok(request)
    }

    fn send(&self) -> Value {
        self.request().map_or_else(|bad| bad, |request| done(|| request.send()))
    }

    fn send_and_await(&self) -> Value {
        match self.request().map(|request| request.send_and_await_response(self.expects.unwrap_or(10))) {
            Ok(Ok(message)) => describe::message(&message),
            Ok(Err(error)) => describe::error(&error),
            Err(bad) => bad,
        }
    }
}

impl Child {
    fn spawn(self) -> Value {
        let mut spawn = Spawn::new(self.path).on_exit(self.on_exit);
        if let Some(name) = self.name {
            spawn = spawn.name(name);
        }
        for capability in self.give {
            spawn = spawn.give(capability);
        }
        for (holder, params) in self.grants {
            spawn = spawn.grant(holder, params);
        }
        if self.public {
            spawn = spawn.public();
        }
        match spawn.start() {
            Ok(child) => json!({ "child": child.to_string() }),
            Err(error) => json!({ "error": format!("{error:?}") }),
        }
    }
}
