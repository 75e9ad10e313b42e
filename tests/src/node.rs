//! A daemon under test.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use reqwest::blocking::Client;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use wharf_home::Home;
use wharf_types::kernel::{KernelCommand, KernelResponse, ProcessInfo};

use crate::faulty_disk::LOST_POWER;
use crate::paths;
use crate::wait::eventually;

/// How long a daemon may take until it is ready. Far more than it takes: a busy machine must not fail a test.
const READY: Duration = Duration::from_secs(120);

/// How a node is started.
#[derive(Debug, Default)]
pub struct Builder {
    settings: String,
    args: Vec<OsString>,
    root: Option<PathBuf>,
    cache: Cache,
    /// A shell line that ends with `exec "$@"`, to start the daemon under limits of the operating system.
    shell: Option<String>,
}

/// Which compiled code a node finds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Cache {
    #[default]
    Shared,
    Own,
}

impl Builder {
    /// The contents of `wharf.toml`.
    pub fn settings(mut self, toml: &str) -> Self {
        toml.clone_into(&mut self.settings);
        self
    }

    /// One more argument.
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// A home that the test made.
    pub fn home(mut self, root: &Path) -> Self {
        self.root = Some(root.to_owned());
        self
    }

    /// A cache of its own, so that everything is compiled anew.
    pub fn own_cache(mut self) -> Self {
        self.cache = Cache::Own;
        self
    }

    /// Starts the daemon with this shell line before it, for example `ulimit -f 100; exec "$@"`.
    pub fn shell(mut self, line: &str) -> Self {
        self.shell = Some(line.to_owned());
        self
    }

    /// Starts it and waits until it is ready.
    pub fn start(self) -> Node {
        let mut node = self.node();
        node.boot();
        node
    }

    /// Starts a daemon that is expected to end by itself.
    pub fn fail(self) -> Output {
        self.node().command().output().unwrap()
    }

    fn node(self) -> Node {
        let temporary = tempfile::tempdir().unwrap();
        let home = Home::new(self.root.unwrap_or_else(|| temporary.path().join("home")));
        std::fs::create_dir_all(home.root()).unwrap();
        if self.cache == Cache::Shared && !home.cache().exists() {
            std::os::unix::fs::symlink(paths::shared_cache(), home.cache()).unwrap();
        }
        if !self.settings.is_empty() {
            std::fs::write(home.config(), &self.settings).unwrap();
        }
        let http = Client::builder().no_proxy().timeout(Duration::from_secs(700)).build().unwrap();
        Node {
            home,
            args: self.args,
            shell: self.shell,
            running: None,
            url: String::new(),
            http,
            _temporary: temporary,
        }
    }
}

/// A running daemon and its home. Both are gone when it is dropped.
#[derive(Debug)]
pub struct Node {
    home: Home,
    args: Vec<OsString>,
    shell: Option<String>,
    running: Option<Running>,
    url: String,
    http: Client,
    _temporary: TempDir,
}

#[derive(Debug)]
struct Running {
    child: Child,
    stdout: JoinHandle<()>,
    stderr: JoinHandle<String>,
}

impl Node {
    /// How to start one that differs from the usual.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A node with a fresh home.
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// A node with a fresh home and the prober installed.
    pub fn with_prober() -> Self {
        let node = Self::start();
        node.install(&paths::test_package("prober:test.os"));
        node
    }

    fn command(&self) -> Command {
        let daemon = paths::binary("wharfd");
        let mut command = match &self.shell {
            None => Command::new(daemon),
            Some(line) => {
                let mut command = Command::new("bash");
                command.args(["-c", line, "wharfd"]).arg(daemon);
                command
            }
        };
        command.arg("--home").arg(self.home.root()).args(["--http", "127.0.0.1:0"]).args(&self.args);
        command.env_remove("WHARF_HOME").env_remove("WHARF_LOG").stdin(Stdio::null());
        command
    }

    fn boot(&mut self) {
        assert!(self.running.is_none(), "the node runs already");
        let mut child = self.command().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (lines, ready) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let stdout = std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                // Nobody listens any more once it is ready.
                let _ = lines.send(line);
            }
        });
        let mut stderr = child.stderr.take().unwrap();
        let stderr = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = stderr.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        });
        self.running = Some(Running { child, stdout, stderr });
        let Ok(line) = ready.recv_timeout(READY) else {
            let (status, stderr) = self.end(Signal::KILL);
            panic!("the daemon was not ready ({status}): {stderr}");
        };
        self.url =
            url_of(&line).unwrap_or_else(|| panic!("the daemon said {line:?} instead of being ready")).to_owned();
    }

    /// Sends a signal and waits for the end.
    fn end(&mut self, signal: Signal) -> (ExitStatus, String) {
        let mut running = self.running.take().expect("the node runs");
        // It may have ended by itself.
        let _ = kill_process(Pid::from_child(&running.child), signal);
        let status = running.child.wait().unwrap();
        running.stdout.join().unwrap();
        (status, running.stderr.join().unwrap())
    }

    /// Stops it as an init system does. Returns what it wrote to stderr.
    pub fn stop(&mut self) -> String {
        let (status, stderr) = self.end(Signal::TERM);
        assert_eq!(status.code(), Some(0), "SIGTERM should end the daemon with 0: {stderr}");
        stderr
    }

    /// Ends it without warning.
    pub fn kill_9(&mut self) {
        self.end(Signal::KILL);
    }

    /// Waits for its end on a disk that lost power (`faulty_disk`).
    pub fn lost_power(&mut self) {
        let mut running = self.running.take().expect("the node runs");
        let status = running.child.wait().unwrap();
        running.stdout.join().unwrap();
        let stderr = running.stderr.join().unwrap();
        assert_eq!(status.code(), Some(LOST_POWER), "the daemon should end because of the disk: {stderr}");
    }

    /// Kills it without waiting for its end; [`Node::kill_9`] has to follow. For tests whose threads still use it.
    pub fn signal_kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Tells it to stop, without waiting for its end; [`Node::stop`] has to follow.
    pub fn signal_terminate(&self) {
        self.signal(Signal::TERM);
    }

    fn signal(&self, signal: Signal) {
        let running = self.running.as_ref().expect("the node runs");
        kill_process(Pid::from_child(&running.child), signal).unwrap();
    }

    /// Starts it again in the same home.
    pub fn start_again(&mut self) {
        self.boot();
    }

    /// Stops it and starts it again.
    pub fn restart(&mut self) {
        self.stop();
        self.boot();
    }

    /// Its home.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// The process that it is.
    pub(crate) fn pid(&self) -> u32 {
        self.running.as_ref().expect("the node runs").child.id()
    }

    /// Where it serves, without a `/` at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The client that requests are made with.
    pub fn http(&self) -> &Client {
        &self.http
    }

    /// Status and body of a GET.
    pub fn get(&self, path: &str) -> (u16, String) {
        let response = self.http.get(format!("{}{path}", self.url)).send().unwrap();
        (response.status().as_u16(), response.text().unwrap())
    }

    /// Status and body of a POST.
    pub fn post(&self, path: &str, body: &str) -> (u16, String) {
        let response = self.http.post(format!("{}{path}", self.url)).body(body.to_owned()).send().unwrap();
        (response.status().as_u16(), response.text().unwrap())
    }

    /// Asks the kernel.
    pub fn kernel(&self, command: &KernelCommand) -> KernelResponse {
        self.kernel_with_blob(command, None)
    }

    /// Asks the kernel, with a blob.
    pub fn kernel_with_blob(&self, command: &KernelCommand, blob: Option<&[u8]>) -> KernelResponse {
        let body = serde_json::to_string(command).unwrap();
        let reply = self.send("kernel:distro:sys", &body, blob, 60).expect("the kernel should answer");
        serde_json::from_slice(&reply.body).unwrap()
    }

    /// Every process.
    pub fn ps(&self) -> Vec<ProcessInfo> {
        match self.kernel(&KernelCommand::Processes) {
            KernelResponse::Processes(processes) => processes,
            other => panic!("{other:?}"),
        }
    }

    /// One process, if there is one.
    pub fn process(&self, id: &str) -> Option<ProcessInfo> {
        self.ps().into_iter().find(|process| process.id.to_string() == id)
    }

    /// Ids of the processes, sorted.
    pub fn process_ids(&self) -> Vec<String> {
        self.ps().into_iter().map(|process| process.id.to_string()).collect()
    }

    /// Whether it answers.
    pub fn assert_serves(&self) {
        assert!(matches!(self.kernel(&KernelCommand::Status), KernelResponse::Status(_)));
    }

    /// The log, as far as it is written.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.home.log()).unwrap_or_default()
    }

    /// Waits for a line of the log that has all of these in it.
    pub fn wait_for_log(&self, parts: &[&str]) -> String {
        eventually(&format!("the log has a line with {parts:?}"), || {
            self.log().lines().find(|line| parts.iter().all(|part| line.contains(part))).map(str::to_owned)
        })
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if self.running.is_none() {
            return;
        }
        let (_, stderr) = self.end(Signal::KILL);
        if std::thread::panicking() {
            eprintln!("--- stderr of the daemon\n{stderr}\n--- its log\n{}", self.log());
        }
    }
}

/// `ready node=<name> http=<url>`, and ` https=<url>` with TLS.
fn url_of(line: &str) -> Option<&str> {
    let (node, urls) = line.strip_prefix("ready node=")?.split_once(" http=")?;
    (!node.is_empty()).then_some(urls.split(' ').next()?.trim_end_matches('/'))
}
