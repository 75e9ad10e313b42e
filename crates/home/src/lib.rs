//! Where things are in a node's home.
//!
//! ```text
//! <home>/
//!   version        format of this folder
//!   node.key       Ed25519 seed of the node
//!   login.json     hash of the owner's password, and of the secrets of sessions
//!   tls/           certificate and key that the node made for itself
//!   tls/acme/      what belongs to certificates of an authority: account, order, certificate and key
//!   wharf.toml     settings
//!   packages.lock  what `wharf` installed from registries, with its hash
//!   kernel.db      processes, capabilities, process state
//!   vfs/<package>:<publisher>/<drive>/
//!   kv/<package>:<publisher>/<db>/<db>.db      keys and values
//!   sqlite/<package>:<publisher>/<db>/<db>.db  SQL
//!   cache/         compiled code; may be deleted at any time
//!   log/           wharf.jsonl and older ones
//!   run/           lock, pid, control token and URL of the running daemon
//! ```

use std::path::{Path, PathBuf};

/// The folder of the keys with which the user signs packages, `~/.config/wharf/keys` on Linux. They are the user's and no
/// node's. `None` when the user has no home folder.
pub fn publisher_keys() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "wharf").map(|dirs| dirs.config_dir().join("keys"))
}

/// The user's settings about registries, `~/.config/wharf/registries.toml` on Linux. `None` when the user has no home folder.
pub fn registries() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "wharf").map(|dirs| dirs.config_dir().join("registries.toml"))
}

/// What the user typed into `wharf shell`, `~/.local/state/wharf/shell_history` on Linux. `None` when the user has no home
/// folder.
pub fn shell_history() -> Option<PathBuf> {
    let dirs = directories::ProjectDirs::from("", "", "wharf")?;
    Some(dirs.state_dir().unwrap_or_else(|| dirs.data_local_dir()).join("shell_history"))
}

/// A node's home folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    root: PathBuf,
}

impl Home {
    /// The home at `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The home in the user's data folder, `~/.local/share/wharf` on Linux. `None` when the user has no home folder.
    pub fn of_user() -> Option<Self> {
        directories::ProjectDirs::from("", "", "wharf").map(|dirs| Self::new(dirs.data_dir()))
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Text file with the format number of this folder.
    pub fn version(&self) -> PathBuf {
        self.root.join("version")
    }

    /// The node's key.
    pub fn node_key(&self) -> PathBuf {
        self.root.join("node.key")
    }

    /// The hash of the owner's password, and the sessions.
    pub fn login(&self) -> PathBuf {
        self.root.join("login.json")
    }

    /// Folder of the certificate that the node made for itself.
    pub fn tls(&self) -> PathBuf {
        self.root.join("tls")
    }

    /// That certificate, in PEM.
    pub fn certificate(&self) -> PathBuf {
        self.tls().join("certificate.pem")
    }

    /// Its key, in PEM.
    pub fn certificate_key(&self) -> PathBuf {
        self.tls().join("key.pem")
    }

    /// Folder of what belongs to certificates that an authority gave.
    pub fn acme(&self) -> PathBuf {
        self.tls().join("acme")
    }

    /// How the running daemon stands with that authority, as JSON; there is none without one.
    pub fn certificate_status(&self) -> PathBuf {
        self.run_dir().join("certificate.json")
    }

    /// The settings.
    pub fn config(&self) -> PathBuf {
        self.root.join("wharf.toml")
    }

    /// What was installed from registries.
    pub fn packages_lock(&self) -> PathBuf {
        self.root.join("packages.lock")
    }

    /// What the kernel persists.
    pub fn kernel_db(&self) -> PathBuf {
        self.root.join("kernel.db")
    }

    /// Root of all drives.
    pub fn vfs(&self) -> PathBuf {
        self.root.join("vfs")
    }

    /// Root of all databases of `kv:distro:sys`.
    pub fn kv(&self) -> PathBuf {
        self.root.join("kv")
    }

    /// Root of all databases of `sqlite:distro:sys`.
    pub fn sqlite(&self) -> PathBuf {
        self.root.join("sqlite")
    }

    /// Compiled code.
    pub fn cache(&self) -> PathBuf {
        self.root.join("cache")
    }

    /// Folder of the logs.
    pub fn log_dir(&self) -> PathBuf {
        self.root.join("log")
    }

    /// The log that is being written: one JSON object a line. Older ones are `wharf.1.jsonl` (the newest of them) and up.
    pub fn log(&self) -> PathBuf {
        self.log_dir().join("wharf.jsonl")
    }

    /// The `n`-th older log, counted from 1.
    pub fn older_log(&self, n: u32) -> PathBuf {
        self.log_dir().join(format!("wharf.{n}.jsonl"))
    }

    /// Folder of what belongs to the running daemon.
    pub fn run_dir(&self) -> PathBuf {
        self.root.join("run")
    }

    /// Held by the running daemon.
    pub fn lock(&self) -> PathBuf {
        self.run_dir().join("lock")
    }

    /// Its process id, as text.
    pub fn pid(&self) -> PathBuf {
        self.run_dir().join("pid")
    }

    /// The secret that gives control of the node, as text.
    pub fn token(&self) -> PathBuf {
        self.run_dir().join("token")
    }

    /// URL of its HTTP server, as text.
    pub fn http_url(&self) -> PathBuf {
        self.run_dir().join("http")
    }
}
