//! A real `wharfd` in a home of its own. It is killed, and its home removed, when the value is dropped.

use std::fs::{self, File};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use ring::digest::{SHA256, digest};
use tempfile::TempDir;
use wharf_home::Home;
use wharf_types::app_store::{AppStoreRequest, AppStoreResponse, NewPackageResponse, Outcome};
use wharf_types::kernel::{KernelCommand, KernelResponse};
use wharf_types::{PackageId, ProcessId};

use crate::rpc::Rpc;
use crate::subprocess::Subprocess;
use crate::tools::Tools;

/// A node that runs.
pub(crate) struct Node<'a> {
    tools: &'a Tools,
    // Before the home, so that the daemon is gone when the home goes.
    daemon: Daemon,
    home: TempDir,
}

/// How a node is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// With SIGTERM, and all the time it wants.
    Cleanly,
    /// With `kill -9`.
    Kill,
}

struct Daemon {
    program: Subprocess,
    url: String,
    rpc: Rpc,
}

impl<'a> Node<'a> {
    /// A new node with the package `bench:wharf.os`.
    pub(crate) fn with_guests(tools: &'a Tools) -> Result<Self> {
        Self::with_settings(tools, "")
    }

    /// The same, with these contents of `wharf.toml`.
    pub(crate) fn with_settings(tools: &'a Tools, toml: &str) -> Result<Self> {
        let zip = fs::read(&tools.package).with_context(|| tools.package.display().to_string())?;
        let node = Self::bare(tools, toml)?;
        node.install(("bench", "wharf.os"), &zip)?;
        Ok(node)
    }

    /// A new node with another package: its name and publisher, and its zip.
    pub(crate) fn with_package(tools: &'a Tools, package: (&str, &str), zip: &[u8]) -> Result<Self> {
        let node = Self::bare(tools, "")?;
        node.install(package, zip)?;
        Ok(node)
    }

    /// A new node without any package but its own.
    pub(crate) fn empty(tools: &'a Tools) -> Result<Self> {
        Self::bare(tools, "")
    }

    fn bare(tools: &'a Tools, toml: &str) -> Result<Self> {
        let home = tempfile::Builder::new().prefix("wharf-bench-").tempdir().context("making a home")?;
        let root = Home::new(home.path().join("node"));
        fs::create_dir(root.root()).and_then(|()| fs::write(root.config(), toml)).context("writing the settings")?;
        Ok(Self { tools, daemon: Daemon::start(tools, &home)?, home })
    }

    /// Stops the node and starts it again in the same home. Returns the time from `exec` to the line `ready`.
    pub(crate) fn restart(&mut self, stop: Stop) -> Result<Duration> {
        self.daemon.stop(stop)?;
        self.daemon = Daemon::start(self.tools, &self.home)?;
        Ok(self.daemon.program.boot)
    }

    /// Its home.
    pub(crate) fn home(&self) -> Home {
        Home::new(self.home.path().join("node"))
    }

    /// Where it serves HTTP.
    pub(crate) fn url(&self) -> &str {
        &self.daemon.url
    }

    /// Its endpoint for messages.
    pub(crate) fn rpc(&self) -> &Rpc {
        &self.daemon.rpc
    }

    /// Bytes of memory that are resident.
    pub(crate) fn resident_bytes(&self) -> Result<f64> {
        self.daemon.program.resident_bytes()
    }

    /// Guest processes.
    pub(crate) fn processes(&self) -> Result<u64> {
        match self.rpc().ask(&ProcessId::system("kernel"), &KernelCommand::Status, None)?.0 {
            KernelResponse::Status(status) => Ok(status.processes),
            other => bail!("the kernel answered {other:?} when asked for its status"),
        }
    }

    fn install(&self, (name, publisher): (&str, &str), zip: &[u8]) -> Result<()> {
        let version_hash = digest(&SHA256, zip).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let package_id = PackageId::new(name, publisher)?;
        let keep = AppStoreRequest::NewPackage { package_id: package_id.clone(), mirror: false };
        let install = AppStoreRequest::Install { package_id, version_hash, metadata: None };
        let kept = AppStoreResponse::NewPackageResponse(NewPackageResponse::Success);
        self.app_store(&keep, Some(zip), &kept)?;
        self.app_store(&install, None, &AppStoreResponse::InstallResponse(Outcome::Success))
    }

    fn app_store(&self, request: &AppStoreRequest, blob: Option<&[u8]>, wanted: &AppStoreResponse) -> Result<()> {
        let app_store = ProcessId::new("main", "app-store", "sys")?;
        let (answer, failure) = self.rpc().ask::<AppStoreResponse>(&app_store, request, blob)?;
        ensure!(answer == *wanted, "installing a package: {answer:?} {failure:?}");
        Ok(())
    }
}

impl Daemon {
    fn start(tools: &Tools, home: &TempDir) -> Result<Self> {
        let said = home.path().join("stderr.txt");
        let home = Home::new(home.path().join("node"));
        let stderr = File::create(&said).context("making a file for what the node says")?;
        let mut command = Command::new(&tools.wharfd);
        command.args(["--http", "127.0.0.1:0", "--home"]).arg(home.root());
        let program = Subprocess::start(command.stderr(stderr))?;
        let Some((_, url)) = program.ready.trim().split_once(" http=") else {
            let said = fs::read_to_string(&said).unwrap_or_default();
            bail!("the daemon did not come up: {}{said}", program.ready);
        };
        let token = fs::read_to_string(home.token()).context("reading the control token")?;
        let rpc = Rpc::new(url, token.trim().to_owned())?;
        Ok(Self { url: url.to_owned(), rpc, program })
    }

    fn stop(&mut self, stop: Stop) -> Result<()> {
        match stop {
            Stop::Cleanly => {
                let status = self.program.terminate().context("stopping the daemon")?;
                ensure!(status.success(), "the daemon ended with {status} after SIGTERM");
            }
            Stop::Kill => drop(self.program.kill().context("killing the daemon")?),
        }
        Ok(())
    }
}
