//! Who we are, our children, and what happens when we end.

use wharf_types::{Address, Capability, IdError, OnExit, ProcessId};

use crate::convert;
use crate::host as wit;

thread_local! {
    /// It never changes, and asking the node costs as much as sending a message.
    static OUR: wit::Address = wit::our();
    /// Where the paths of this process are: `/<process id>`.
    static PREFIX: String = with_our(|our| {
        let wit::ProcessId { process_name, package_name, publisher_node } = &our.process;
        format!("/{process_name}:{package_name}:{publisher_node}")
    });
}

/// The address of this process, with the node's real name.
///
/// ```
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |_| {
/// let our = wharf_process_lib::our().unwrap();
/// assert_eq!(our.process().to_string(), "main:app:test.os");
/// # });
/// ```
pub fn our() -> Result<Address, IdError> {
    with_our(convert::address_from_wit)
}

pub(crate) fn with_our<T>(look: impl FnOnce(&wit::Address) -> T) -> T {
    OUR.with(look)
}

pub(crate) fn with_prefix<T>(look: impl FnOnce(&str) -> T) -> T {
    PREFIX.with(|prefix| look(prefix))
}

/// What the node does when this process ends.
///
/// ```
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |_| {
/// use wharf_process_lib::{OnExit, process};
/// assert!(matches!(process::on_exit(), Ok(OnExit::None)));
/// # });
/// ```
pub fn on_exit() -> Result<OnExit, IdError> {
    convert::on_exit_from_wit(wit::get_on_exit())
}

/// Changes what the node does when this process ends.
///
/// ```
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |_| {
/// use wharf_process_lib::{OnExit, process};
/// process::set_on_exit(OnExit::Restart);
/// # });
/// ```
pub fn set_on_exit(on_exit: OnExit) {
    wit::set_on_exit(&convert::on_exit_to_wit(on_exit));
}

/// Why a child was not started.
///
/// ```
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |_| {
/// use wharf_process_lib::process::{Spawn, SpawnError};
/// assert_eq!(Spawn::new("/app:test.os/pkg/none.wasm").start(), Err(SpawnError::NoFileAtPath));
/// # });
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpawnError {
    /// There is a process of this name.
    #[error("a process of this name exists already")]
    NameTaken,
    /// There is no component at the path, or this process may not read it.
    #[error("there is no component at the path, or it may not be read")]
    NoFileAtPath,
    /// The node gave the child an id that is none.
    #[error(transparent)]
    Id(#[from] IdError),
}

/// A child on its way to be started, in the package of its parent.
///
/// ```no_run
/// use wharf_process_lib::process::Spawn;
///
/// let worker = Spawn::new("/chat:alice.os/pkg/worker.wasm").name("worker-1").start()?;
/// wharf_process_lib::println!("started {worker}");
/// # Ok::<(), wharf_process_lib::process::SpawnError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a child does nothing until it is started"]
pub struct Spawn {
    name: Option<String>,
    wasm_path: String,
    on_exit: OnExit,
    capabilities: Vec<Capability>,
    grants: Vec<(ProcessId, String)>,
    public: bool,
}

impl Spawn {
    /// A child from a component in the vfs, with a random name.
    pub fn new(wasm_path: impl Into<String>) -> Self {
        Self {
            name: None,
            wasm_path: wasm_path.into(),
            on_exit: OnExit::None,
            capabilities: Vec::new(),
            grants: Vec::new(),
            public: false,
        }
    }

    /// Its name, `[a-z0-9-]+`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// What happens when it ends; nothing by default.
    pub fn on_exit(mut self, on_exit: OnExit) -> Self {
        self.on_exit = on_exit;
        self
    }

    /// Gives the child a capability that this process holds or issues.
    pub fn give(mut self, capability: Capability) -> Self {
        self.capabilities.push(capability);
        self
    }

    /// Gives `holder` a capability that the child issues.
    pub fn grant(mut self, holder: ProcessId, params: impl Into<String>) -> Self {
        self.grants.push((holder, params.into()));
        self
    }

    /// Lets every process of the node send it messages.
    pub fn public(mut self) -> Self {
        self.public = true;
        self
    }

    /// Starts it.
    pub fn start(self) -> Result<ProcessId, SpawnError> {
        let grants: Vec<(wit::ProcessId, String)> =
            self.grants.into_iter().map(|(holder, params)| (convert::process_to_wit(&holder), params)).collect();
        let child = wit::spawn(
            self.name.as_deref(),
            &self.wasm_path,
            &convert::on_exit_to_wit(self.on_exit),
            &convert::caps_to_wit(&self.capabilities),
            &grants,
            self.public,
        )
        .map_err(|error| match error {
            wit::SpawnError::NameTaken => SpawnError::NameTaken,
            wit::SpawnError::NoFileAtPath => SpawnError::NoFileAtPath,
        })?;
        Ok(convert::process_from_wit(&child)?)
    }
}
