//! The world itself: who is in it, and when what happens.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use wharf_types::{Address, NodeName, ProcessId};

use super::actor::Actor;
use super::kernel::Kernel;
use super::module::{Module, Written};
use super::process::{Process, Setup};
use super::sent::Sent;
use super::station::{Driver, Station, Wants};
use super::thread::{Report, Shared, Thread};
use super::{kv, timer, vfs, web};
use crate::entry::Outcome;
use crate::response::Response;

/// How often processes may have turns before it is said that they never come to rest.
const TURNS_MAX: u32 = 1_000_000;

/// A stand-in for a node, for one test. See [the module](super).
///
/// ```
/// use wharf_process_lib::kv;
/// use wharf_process_lib::testing::World;
///
/// let world = World::new();
/// let seen = world.run("main:app:test.os", |our| {
///     let visits = kv::open(&our.process().package_id(), "visits").unwrap();
///     visits.set(b"front page", *b"1").unwrap();
///     visits.get(b"front page").unwrap()
/// });
/// assert_eq!(seen.as_deref(), Some(&b"1"[..]));
/// ```
pub struct World {
    shared: Shared,
    web: web::Paths,
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.shared.lock().stations.keys()).finish()
    }
}

impl World {
    /// The node `test.os`, with stand-ins for the modules that [the table](super#what-is-there) names.
    pub fn new() -> Self {
        Self::on_node("test.os")
    }

    /// [`World::new`] of another name.
    ///
    /// ```
    /// let world = wharf_process_lib::testing::World::on_node("alice.os");
    /// assert_eq!(world.run("main:app:alice.os", |our| our.to_string()), "alice.os@main:app:alice.os");
    /// ```
    #[track_caller]
    pub fn on_node(name: &str) -> Self {
        let Ok(node) = NodeName::new(name) else { panic!("{name} is not the name of a node") };
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now_ms = u64::try_from(since_1970.as_millis()).unwrap_or_default();
        let world = Self { shared: Shared::new(Kernel::new(node, now_ms)), web: web::Paths::default() };
        world.put(&ProcessId::system("kv"), Driver::Module(Box::<kv::Kv>::default()));
        world.put(&ProcessId::system("vfs"), Driver::Module(Box::<vfs::Vfs>::default()));
        world.put(&ProcessId::system("timer"), Driver::Module(Box::<timer::Timer>::default()));
        world.put(&ProcessId::system("http-server"), Driver::Module(Box::new(web::Web::new(world.web.clone()))));
        world
    }

    /// Starts a process, and lets it go on until it waits for a message. `init` is what the package gives to
    /// [`main!`](crate::main).
    #[track_caller]
    pub fn start<O: Outcome>(&self, id: &str, init: impl Fn(Address) -> O + Send + Sync + 'static) -> Process<'_> {
        self.process(id).start(init)
    }

    /// A process that has something before it starts.
    ///
    /// ```
    /// use wharf_process_lib::testing::World;
    /// use wharf_process_lib::state;
    ///
    /// let world = World::new();
    /// let process = world.process("main:app:test.os").with_state(&41).start(|_| {
    ///     let count: u64 = state::get().unwrap().unwrap_or(0);
    ///     state::set(&(count + 1)).unwrap();
    /// });
    /// assert_eq!(process.state::<u64>(), Some(42));
    /// ```
    #[track_caller]
    pub fn process(&self, id: &str) -> Setup<'_> {
        Setup::new(self, id_of(id))
    }

    /// Runs code as a process to its end, and says what comes of it. For code that speaks with the node and is no whole
    /// process.
    #[track_caller]
    pub fn run<T: Send + 'static>(&self, id: &str, code: impl FnOnce(Address) -> T + Send + 'static) -> T {
        let (code, result) = (Mutex::new(Some(code)), Arc::new(Mutex::new(None)));
        let made = Arc::clone(&result);
        let process = self.start(id, move |our| {
            let code = code.lock().unwrap_or_else(PoisonError::into_inner).take();
            *made.lock().unwrap_or_else(PoisonError::into_inner) = code.map(|code| code(our));
        });
        while !process.has_ended() {
            if !self.let_time_pass(u64::MAX) {
                panic!("{id} waits for {}, which never comes", self.what_it_waits_for(process.id()));
            }
        }
        let made = result.lock().unwrap_or_else(PoisonError::into_inner).take();
        match made {
            Some(made) => made,
            None => panic!("{id} was run before, and ended"),
        }
    }

    /// A process that the test plays step by step: it looks at what came, and answers when it likes.
    ///
    /// What was there under this id, for example the stand-in for a module, is there no more.
    #[track_caller]
    pub fn actor(&self, id: &str) -> Actor<'_> {
        let id = id_of(id);
        self.put(&id, Driver::Test);
        Actor::new(self, id)
    }

    /// A process that answers each request as the function says: with a response, or not at all.
    ///
    /// What was there under this id, for example the stand-in for a module, is there no more.
    ///
    /// ```
    /// use wharf_process_lib::Response;
    /// use wharf_process_lib::http_client;
    /// use wharf_process_lib::testing::World;
    ///
    /// let world = World::new();
    /// world.play("http-client:distro:sys", |_| {
    ///     Some(Response::new().body(r#"{"Err":"MalformedRequest"}"#))
    /// });
    /// let failed = world.run("main:app:test.os", |_| http_client::get("https://wharf.example").is_err());
    /// assert!(failed);
    /// ```
    #[track_caller]
    pub fn play(&self, id: &str, answer: impl FnMut(&Sent) -> Option<Response> + Send + 'static) {
        self.put(&id_of(id), Driver::Module(Box::new(Written(answer)) as Box<dyn Module>));
    }

    /// What is started when a process starts a child from this path of the vfs.
    ///
    /// ```
    /// use wharf_process_lib::process::Spawn;
    /// use wharf_process_lib::println;
    /// use wharf_process_lib::testing::World;
    ///
    /// let world = World::new();
    /// world.component("/app:test.os/pkg/worker.wasm", |our| println!("{our} works"));
    /// world.run("main:app:test.os", |_| {
    ///     Spawn::new("/app:test.os/pkg/worker.wasm").name("worker-1").start().unwrap();
    /// });
    /// assert_eq!(world.running("worker-1:app:test.os").printed(), ["test.os@worker-1:app:test.os works"]);
    /// ```
    pub fn component<O: Outcome>(&self, wasm_path: &str, init: impl Fn(Address) -> O + Send + Sync + 'static) {
        let init = Arc::new(move |our| init(our).tell());
        self.shared.lock().components.insert(wasm_path.to_owned(), init);
    }

    /// A process that somebody else started.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[track_caller]
    pub fn running(&self, id: &str) -> Process<'_> {
        let id = id_of(id);
        self.with(&id, |_| ());
        Process::new(self, id)
    }

    /// Lets time pass, with everything that happens meanwhile.
    ///
    /// ```
    /// use std::time::Duration;
    /// use wharf_process_lib::testing::World;
    /// use wharf_process_lib::{await_message, println, timer};
    ///
    /// let world = World::new();
    /// let process = world.start("main:app:test.os", |_| {
    ///     timer::set_timer(60_000, "tea").unwrap();
    ///     await_message().unwrap();
    ///     println!("it is ready");
    /// });
    /// world.advance(Duration::from_secs(59));
    /// assert!(process.printed().is_empty());
    /// world.advance(Duration::from_secs(1));
    /// assert_eq!(process.printed(), ["it is ready"]);
    /// ```
    #[track_caller]
    pub fn advance(&self, time: Duration) {
        let until = self.now_unix_ms().saturating_add(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        while self.let_time_pass(until) {}
        self.shared.lock().be_at(until);
        self.settle();
    }

    /// The world's time, in milliseconds since 1970. It begins with that of the machine.
    pub fn now_unix_ms(&self) -> u64 {
        self.shared.lock().now_ms
    }

    /// Lets everything happen that can happen now.
    #[track_caller]
    pub fn settle(&self) {
        for _ in 0..TURNS_MAX {
            let next = self.shared.lock().next_turn();
            let Some(id) = next else { return };
            self.give_turn(&id);
        }
        panic!("the processes never come to rest: {self:?}");
    }

    #[track_caller]
    fn give_turn(&self, id: &ProcessId) {
        let (thread, our, init) = self.with(id, |station| {
            let init = match &station.driver {
                Driver::Process(init) => Some(Arc::clone(init)),
                Driver::Test | Driver::Module(_) => None,
            };
            (station.thread.take(), station.our.clone(), init)
        });
        let Some(thread) = thread.or_else(|| Some(Thread::spawn(self.shared.clone(), our, init?))) else { return };
        match thread.run() {
            Report::Waits(wants) => self.with(id, |station| {
                station.wants = wants;
                station.thread = Some(thread);
            }),
            Report::Ended(panicked) => {
                thread.end();
                self.shared.lock().has_ended(id);
                if let Some(payload) = panicked {
                    panic!("{id} panicked: {}", text_of(payload.as_ref()));
                }
            }
        }
    }

    /// Goes on to the next thing that happens by itself, no later than this; `false` when there is none.
    #[track_caller]
    pub(super) fn let_time_pass(&self, until_ms: u64) -> bool {
        self.settle();
        {
            let mut kernel = self.shared.lock();
            match kernel.next_due() {
                Some(due_ms) if due_ms <= until_ms => kernel.be_at(due_ms),
                _ => return false,
            }
        }
        self.settle();
        true
    }

    /// Ends the life of a process, if it has one.
    pub(super) fn end(&self, id: &ProcessId) {
        let thread = self.with(id, |station| station.thread.take());
        if let Some(thread) = thread {
            thread.end();
        }
    }

    /// In words, for a test that fails.
    pub(super) fn what_it_waits_for(&self, id: &ProcessId) -> String {
        self.with(id, |station| match station.wants {
            Wants::Answer(request) => {
                let target = station.outstanding.get(&request).map(|it| crate::convert::address_text(&it.target));
                format!("an answer of {}", target.unwrap_or_default())
            }
            Wants::Message => "a message".to_owned(),
            Wants::Start => "its start".to_owned(),
            Wants::Nothing => "nothing: it has ended".to_owned(),
        })
    }

    #[track_caller]
    pub(super) fn with<T>(&self, id: &ProcessId, look: impl FnOnce(&mut Station) -> T) -> T {
        look(self.shared.lock().station(id))
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    pub(super) fn web(&self) -> &web::Paths {
        &self.web
    }

    /// In whose name the node's owner sends messages.
    pub(super) fn owner(&self) -> Actor<'_> {
        Actor::new(self, ProcessId::system("http-server"))
    }

    /// Puts somebody where nobody, or somebody else, was.
    #[track_caller]
    pub(super) fn put(&self, id: &ProcessId, driver: Driver) {
        let mut kernel = self.shared.lock();
        if let Some(Station { driver: Driver::Process(_), .. }) = kernel.stations.get(id) {
            panic!("{id} is there already");
        }
        let station = Station::new(kernel.address_of(id), driver);
        kernel.stations.insert(id.clone(), station);
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let threads: Vec<Thread> =
            self.shared.lock().stations.values_mut().filter_map(|station| station.thread.take()).collect();
        threads.into_iter().for_each(Thread::end);
    }
}

#[track_caller]
fn id_of(text: &str) -> ProcessId {
    match text.parse() {
        Ok(id) => id,
        Err(error) => panic!("{text} is not process:package:publisher: {error}"),
    }
}

/// What a panic said.
fn text_of(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a word")
}
