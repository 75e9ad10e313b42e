//! Nodes that live as long as a command: a home in the folder for temporary files, a port that is free, and nothing left
//! afterwards.

use std::env;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use wharf_home::Home;
use wharf_types::NodeName;

use crate::client::Client;
use crate::errors::{CliError, CliResult};
use crate::interrupts::{Interrupts, LOOK};
use crate::text;

/// How long a node may take until it serves.
const READY_MAX: Duration = Duration::from_secs(120);

/// How long it may take to end; then it is killed.
const STOP_MAX: Duration = Duration::from_secs(10);

/// What a node says on stderr is read to this length.
const STDERR_BYTES_MAX: u64 = 64 * 1024;

/// How a throw-away node shall be.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// The daemon.
    pub(crate) daemon: PathBuf,
    /// The node's name.
    pub(crate) name: NodeName,
    /// Where it serves; `None` for a free port of this machine.
    pub(crate) http: Option<SocketAddr>,
    /// Folder of the node's own packages, where they are not beside the daemon.
    pub(crate) packages: Option<PathBuf>,
    /// Settings.
    pub(crate) config: Option<PathBuf>,
}

/// The daemon: beside this program, or in `PATH`.
pub(crate) fn find_daemon() -> CliResult<PathBuf> {
    let beside = env::current_exe().ok().map(|own| own.with_file_name("wharfd"));
    let in_path = env::var_os("PATH").into_iter().flat_map(|path| env::split_paths(&path).collect::<Vec<_>>());
    let in_path = in_path.filter(|folder| folder.is_absolute()).map(|folder| folder.join("wharfd"));
    beside.iter().cloned().chain(in_path).find(|path| is_program(path)).ok_or_else(|| {
        let beside = beside.map(|path| format!("at {} or ", path.display())).unwrap_or_default();
        CliError::bad_input(format_args!("this takes the daemon `wharfd`, and there is none {beside}in PATH"))
            .hint("put `wharfd` beside `wharf`: `cargo build --release -p wharf-node -p wharf-cli` makes both")
    })
}

/// Where compiled code is kept for the next node. It is the user's: code out of a package's folder would be trusted.
fn cache() -> Option<PathBuf> {
    let named = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = named.or_else(|| env::home_dir().map(|home| home.join(".cache")))?;
    Some(folder.join("wharf").join("throwaway"))
}

fn make_private(folder: &Path) -> std::io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// A running node. It and its home are gone when this is dropped; should this program be killed, the node ends too, because
/// its stdin does.
pub(crate) struct Throwaway {
    wanted: Wanted,
    running: Option<Child>,
    url: String,
    stderr: File,
    folder: TempDir,
}

impl Throwaway {
    /// Starts one and waits until it serves.
    pub(crate) fn start(wanted: Wanted, interrupts: &Interrupts) -> CliResult<Self> {
        let failed = |error| CliError::bad_input(format_args!("cannot make a folder for a node: {error}"));
        let folder = tempfile::Builder::new().prefix("wharf-node-").tempdir().map_err(failed)?;
        let home = folder.path().join("home");
        make_private(&home).map_err(failed)?;
        if let Some(cache) = cache() {
            make_private(&cache).map_err(|error| CliError::file("make the folder", &cache, &error))?;
            symlink(&cache, Home::new(&home).cache()).map_err(failed)?;
        }
        let stderr = File::options().create(true).read(true).append(true).open(folder.path().join("stderr"));
        let stderr = stderr.map_err(failed)?;
        let mut node = Self { wanted, running: None, url: String::new(), stderr, folder };
        node.boot(interrupts)?;
        Ok(node)
    }

    /// Its home.
    pub(crate) fn home(&self) -> Home {
        Home::new(self.folder.path().join("home"))
    }

    /// Its name.
    pub(crate) fn name(&self) -> &NodeName {
        &self.wanted.name
    }

    /// Where it serves, without a `/` at the end.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Stops it and starts it again in the same home.
    pub(crate) fn restart(&mut self, interrupts: &Interrupts) -> CliResult<()> {
        self.stop();
        self.boot(interrupts)
    }

    /// An error with what it said last, if it has ended.
    pub(crate) fn check(&mut self) -> CliResult<()> {
        match self.running.as_mut().map(Child::try_wait) {
            Some(Ok(None)) => Ok(()),
            Some(Ok(Some(status))) => Err(self.ended(&format!("the node ended ({status})"))),
            Some(Err(_)) | None => Err(self.ended("the node ended")),
        }
    }

    fn boot(&mut self, interrupts: &Interrupts) -> CliResult<()> {
        let wanted = &self.wanted;
        let failed = |error| CliError::file("start", &wanted.daemon, &error);
        let mut command = Command::new(&wanted.daemon);
        let http = wanted.http.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 0)));
        command.arg("--home").arg(self.home().root()).args(["--node", wanted.name.as_str(), "--until-eof"]);
        command.args(["--http", &http.to_string()]);
        let paths = [("--packages", &wanted.packages), ("--config", &wanted.config)];
        for (option, path) in paths.into_iter().filter_map(|(option, path)| Some((option, path.as_ref()?))) {
            command.arg(option).arg(path);
        }
        // It tells no service manager of ours that it is us, and Ctrl-C is for us to hear.
        command.env_remove("WHARF_HOME").env_remove("NOTIFY_SOCKET").process_group(0);
        let stderr = self.stderr.try_clone().map_err(failed)?;
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr).spawn().map_err(failed)?;
        let lines = child.stdout.take().map(lines_of);
        self.running = Some(child);
        self.url = self.wait_until_ready(lines, interrupts)?;
        Client::of(&self.home()).map(drop)
    }

    fn wait_until_ready(&mut self, lines: Option<Receiver<String>>, interrupts: &Interrupts) -> CliResult<String> {
        let lines = lines.ok_or_else(|| CliError::bad_input("the node has no stdout"))?;
        let deadline = Instant::now() + READY_MAX;
        while Instant::now() < deadline {
            interrupts.check()?;
            match lines.recv_timeout(LOOK) {
                Ok(line) => match url_of(&line) {
                    Some(url) => return Ok(url.trim_end_matches('/').to_owned()),
                    None => return Err(self.ended(&format!("the node said {line:?} instead of being ready"))),
                },
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(self.ended("the node did not start")),
            }
        }
        Err(self.ended(&format!("the node was not ready after {} s", READY_MAX.as_secs())))
    }

    /// The error for a node that is no more, with what it said about it.
    fn ended(&mut self, what: &str) -> CliError {
        self.stop();
        let mut said = Vec::new();
        let length = self.stderr.metadata().map_or(0, |metadata| metadata.len());
        let start = SeekFrom::Start(length.saturating_sub(STDERR_BYTES_MAX));
        let _ = self.stderr.seek(start).and_then(|_| (&self.stderr).take(STDERR_BYTES_MAX).read_to_end(&mut said));
        let said = String::from_utf8_lossy(&said);
        let last: Vec<&str> = said.lines().rev().take(5).collect();
        let last: Vec<String> = last.into_iter().rev().map(text::clean_line).collect();
        CliError::bad_input(format_args!("{what}: {}", last.join("\n")))
    }

    /// Ends it: as it wants to, or else by force.
    fn stop(&mut self) {
        let Some(mut child) = self.running.take() else { return };
        // It may have ended by itself.
        let _ = kill_process(Pid::from_child(&child), Signal::TERM);
        let deadline = Instant::now() + STOP_MAX;
        while matches!(child.try_wait(), Ok(None)) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(5));
        }
        let _ = child.kill();
        let _ = child.wait();
    }
}

impl Drop for Throwaway {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Reads on until the end, so that the node is never stopped by a pipe that nobody reads.
fn lines_of(stdout: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = mpsc::sync_channel(1);
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            // Nobody listens any more once it is ready.
            let _ = sender.try_send(line);
        }
    });
    receiver
}

/// `ready node=<name> http=<url>`, and ` https=<url>` with TLS.
fn url_of(line: &str) -> Option<&str> {
    let (_, urls) = line.strip_prefix("ready node=")?.split_once(" http=")?;
    urls.split(' ').next()
}
