//! An OCI registry of Debian, `docker-registry`, on loopback, with a folder of its own.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use tempfile::TempDir;

use crate::paths;

/// How long it may take to start. Far more than it takes: a busy machine must not fail a test.
const STARTED: Duration = Duration::from_secs(120);

/// A running registry. It and its contents are gone when it is dropped.
#[derive(Debug)]
pub struct OciRegistry {
    child: Child,
    host: String,
    _folder: TempDir,
}

impl OciRegistry {
    /// Starts one that is empty.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config.yml");
        let root = folder.path().join("kept");
        std::fs::write(
            &config,
            format!(
                "version: 0.1\nlog:\n  level: info\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:0\n",
                root.display()
            ),
        )
        .unwrap();
        let unpacked = paths::tools().join("usr/bin/docker-registry");
        let program = if unpacked.exists() { unpacked } else { "docker-registry".into() };
        let child = Command::new(program).arg("serve").arg(&config).stderr(Stdio::piped()).spawn();
        let mut child = child.expect("docker-registry should be there: `scripts/prepare --tests` installs it");
        let (sender, receiver) = mpsc::channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        // Reads to the end: a registry whose log nobody takes stops.
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let listens = line.split_once("listening on ").map(|(_, rest)| rest.to_owned());
                if let Some(rest) = listens {
                    let _ = sender.send(rest.split(['"', ' ', ',']).next().unwrap_or_default().to_owned());
                }
            }
        });
        // It ends with this, also when it does not say where it is.
        let mut registry = Self { child, host: String::new(), _folder: folder };
        registry.host = receiver.recv_timeout(STARTED).expect("docker-registry should say where it listens");
        registry
    }

    /// `127.0.0.1:port`
    pub fn host(&self) -> &str {
        &self.host
    }
}

impl Drop for OciRegistry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
