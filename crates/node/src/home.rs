//! Taking a home: its format, the lock that makes this daemon its only one, its key, and the control token.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use ring::rand::{SecureRandom, SystemRandom};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use wharf_home::Home;
use wharf_kernel::capability::Authority;
use wharf_types::{NodeName, hex};

use crate::exit::Stopped;

/// Format of the home that this daemon reads and writes.
const VERSION: u32 = 1;
/// Name of a node that was given none.
const DEFAULT_NODE: &str = "local.os";

/// A home that belongs to this daemon until it is dropped.
#[derive(Debug)]
pub struct Taken {
    /// Name of the node.
    pub node: NodeName,
    /// Seed of its key.
    pub seed: [u8; 32],
    /// The secret that gives control of the node while this daemon runs.
    pub token: String,
    home: Home,
    _lock: File,
}

/// `node.key`: who the node is. TOML, so that a person can see what it is before copying it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    format: u32,
    node: String,
    /// Ed25519 seed, hex.
    seed: String,
}

/// Makes the home if there is none, and takes it.
pub fn take(home: &Home, asked_for: Option<&NodeName>) -> Result<Taken, Stopped> {
    let root = home.root();
    let unusable = |what: &Path, error: io::Error| Stopped::HomeUnusable(format!("{}: {error}", what.display()));
    make_folder(root).map_err(|error| unusable(root, error))?;
    check_version(home)?;
    for folder in [home.run_dir(), home.cache(), home.log_dir()] {
        make_folder(&folder).map_err(|error| unusable(&folder, error))?;
    }
    let lock = lock(home)?;
    // Of a daemon that was killed, and that may have had other settings.
    remove_file(&home.certificate_status()).map_err(|error| unusable(&home.certificate_status(), error))?;
    let (node, seed) = identity(home, asked_for)?;
    let token = hex::encode(&random::<32>()?);
    for (path, text) in [(home.pid(), std::process::id().to_string()), (home.token(), token.clone())] {
        write_private(&path, &text).map_err(|error| unusable(&path, error))?;
    }
    Ok(Taken { node, seed, token, home: home.clone(), _lock: lock })
}

impl Taken {
    /// Tells the command line where the node serves.
    pub fn announce(&self, url: &str) -> Result<(), Stopped> {
        let path = self.home.http_url();
        write_private(&path, url).map_err(|error| Stopped::HomeUnusable(format!("{}: {error}", path.display())))
    }
}

impl Drop for Taken {
    /// Whoever finds these afterwards would send the token to a stranger's port.
    fn drop(&mut self) {
        for path in [self.home.http_url(), self.home.token(), self.home.pid(), self.home.certificate_status()] {
            drop(fs::remove_file(path));
        }
    }
}

/// Removes a file, if it is there.
pub(crate) fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// A folder with something in it but no version is not a home, and not ours to fill.
fn check_version(home: &Home) -> Result<(), Stopped> {
    let path = home.version();
    let refuse = |what: String| Stopped::HomeUnusable(format!("{}: {what}", home.root().display()));
    match fs::read_to_string(&path) {
        Ok(text) => match text.trim().parse::<u32>() {
            Ok(VERSION) => Ok(()),
            Ok(other) => Err(refuse(format!("it has format {other}, this daemon knows format {VERSION}"))),
            Err(_) => {
                Err(refuse(format!("its `version` is not a number: {:?}", text.chars().take(40).collect::<String>())))
            }
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if home.kernel_db().exists() || home.node_key().exists() {
                return Err(refuse("it has a node in it, but no `version`".to_owned()));
            }
            write_private(&path, format!("{VERSION}\n")).map_err(|error| refuse(format!("writing `version`: {error}")))
        }
        Err(error) => Err(refuse(format!("reading `version`: {error}"))),
    }
}

fn lock(home: &Home) -> Result<File, Stopped> {
    let path = home.lock();
    let file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(|error| Stopped::HomeUnusable(format!("{}: {error}", path.display())))?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|error| {
        if error == rustix::io::Errno::WOULDBLOCK {
            let pid = fs::read_to_string(home.pid()).unwrap_or_default();
            let who = if pid.is_empty() { String::new() } else { format!(" (process {})", pid.trim()) };
            Stopped::HomeInUse(format!("another daemon{who} has {}", home.root().display()))
        } else {
            Stopped::HomeUnusable(format!("locking {}: {error}", path.display()))
        }
    })?;
    Ok(file)
}

fn identity(home: &Home, asked_for: Option<&NodeName>) -> Result<(NodeName, [u8; 32]), Stopped> {
    let path = home.node_key();
    let refuse = |what: String| Stopped::HomeUnusable(format!("{}: {what}", path.display()));
    let text = match File::open(&path) {
        Ok(mut file) => {
            let mut text = String::new();
            file.read_to_string(&mut text).map_err(|error| refuse(error.to_string()))?;
            text
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // Every capability in there names the node of that key, and carries its signature.
            if home.kernel_db().exists() {
                let what = "it is missing, and kernel.db is made out to it: put it back, or restore all of a backup";
                return Err(refuse(what.to_owned()));
            }
            let node = asked_for.map_or(DEFAULT_NODE, NodeName::as_str).to_owned();
            let seed = Authority::new_seed().map_err(|error| Stopped::Failed(error.to_string()))?;
            let file = KeyFile { format: VERSION, node, seed: hex::encode(&seed) };
            let text = toml::to_string(&file).map_err(|error| refuse(error.to_string()))?;
            write_private(&path, &text).map_err(|error| refuse(error.to_string()))?;
            text
        }
        Err(error) => return Err(refuse(error.to_string())),
    };
    let (node, seed) = read_key(&text).map_err(refuse)?;
    if let Some(other) = asked_for.filter(|name| **name != node) {
        return Err(Stopped::BadSettings(format!(
            "the node in {} is called {node}, not {other}; a node keeps its name, because capabilities are made out to it",
            home.root().display()
        )));
    }
    Ok((node, seed))
}

/// Reads what `node.key` says.
pub(crate) fn read_key(text: &str) -> Result<(NodeName, [u8; 32]), String> {
    let file: KeyFile = toml::from_str(text).map_err(|error| format!("it is not a node key: {}", error.message()))?;
    if file.format != VERSION {
        return Err(format!("it has format {}, this daemon knows format {VERSION}", file.format));
    }
    let node = NodeName::new(&file.node).map_err(|error| error.to_string())?;
    let seed = hex::decode(&file.seed).ok_or("its seed is not 32 bytes in hex")?;
    Ok((node, seed))
}

/// Replaces a file that only its owner may read: the old one or the new one is there, never half.
pub(crate) fn write_private(path: &Path, text: impl AsRef<[u8]>) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let mut file = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o600)).tempfile_in(folder)?;
    file.write_all(text.as_ref())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    File::open(folder)?.sync_all()
}

fn random<const N: usize>() -> Result<[u8; N], Stopped> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Stopped::Failed("the operating system gives no random bytes".to_owned()))?;
    Ok(bytes)
}
