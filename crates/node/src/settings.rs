//! Settings: the command line over the file over the defaults.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use wharf_home::Home;
use wharf_http::HttpSettings;
use wharf_kernel::Limits;
use wharf_runtime::RuntimeSettings;
use wharf_types::NodeName;
use wharf_vfs::VfsLimits;

use crate::args::Args;
use crate::exit::Stopped;
use crate::logging::LogSettings;

/// The port that is tried first when none was asked for.
const HTTP_PORT: u16 = 8080;

/// `wharf.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    node: Option<String>,
    http: Option<SocketAddr>,
    packages: Option<PathBuf>,
    log: LogSettings,
    limits: Limits,
    runtime: RuntimeSettings,
    http_limits: HttpSettings,
    vfs_limits: VfsLimits,
}

/// Where to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpAt {
    /// There and nowhere else; port 0 takes any that is free.
    Exactly(SocketAddr),
    /// On loopback, at this port or the next that is free.
    From(u16),
}

/// Everything that was settled.
#[derive(Debug)]
pub struct Settings {
    /// The node's home.
    pub home: Home,
    /// Its name, if one was asked for.
    pub node: Option<NodeName>,
    /// Where it serves.
    pub http: HttpAt,
    /// Folder of its own packages, if one was found.
    pub packages: Option<PathBuf>,
    /// What is logged.
    pub log: LogSettings,
    /// Bounds of processes.
    pub limits: Limits,
    /// Bounds of guests.
    pub runtime: RuntimeSettings,
    /// Bounds of the web server.
    pub http_limits: HttpSettings,
    /// Bounds of files.
    pub vfs_limits: VfsLimits,
}

impl Settings {
    /// Settles everything.
    pub fn read(args: Args) -> Result<Self, Stopped> {
        let home = match args.home {
            Some(root) => Home::new(absolute(&root)?),
            None => Home::of_user()
                .ok_or_else(|| Stopped::BadSettings("the user has no home folder; name one with --home".to_owned()))?,
        };
        let file = match args.config {
            Some(path) => read_file(&path)?,
            None if home.config().exists() => read_file(&home.config())?,
            None => File::default(),
        };
        let node = args.node.or(file.node).map(|name| parse_node(&name)).transpose()?;
        let http = match args.http.or(file.http) {
            Some(address) => HttpAt::Exactly(address),
            None => HttpAt::From(HTTP_PORT),
        };
        let packages = args.packages.or(file.packages);
        if let Some(missing) = packages.as_ref().filter(|path| !path.is_dir()) {
            return Err(Stopped::BadSettings(format!("there is no folder {} with packages", missing.display())));
        }
        let runtime = RuntimeSettings { cache: Some(home.cache().join("code")), ..file.runtime };
        Ok(Self {
            packages: packages.or_else(packages_beside_program),
            home,
            node,
            http,
            log: file.log,
            limits: file.limits,
            runtime,
            http_limits: file.http_limits,
            vfs_limits: file.vfs_limits,
        })
    }
}

impl HttpAt {
    /// Addresses to try, in order.
    pub fn candidates(self) -> impl Iterator<Item = SocketAddr> {
        let (first, last, fixed) = match self {
            Self::Exactly(address) => (1, 0, Some(address)),
            Self::From(port) => (port, port.saturating_add(900), None),
        };
        let loopback = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        fixed.into_iter().chain((first..=last).map(loopback))
    }
}

fn absolute(path: &Path) -> Result<PathBuf, Stopped> {
    std::path::absolute(path).map_err(|error| Stopped::BadSettings(format!("--home {}: {error}", path.display())))
}

fn read_file(path: &Path) -> Result<File, Stopped> {
    let wrong = |reason: String| Stopped::BadSettings(format!("{}: {reason}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    toml::from_str(&text).map_err(|error| wrong(error.to_string()))
}

fn parse_node(name: &str) -> Result<NodeName, Stopped> {
    if name == NodeName::OUR {
        return Err(Stopped::BadSettings(format!("`{name}` stands for every node's own name; choose another")));
    }
    NodeName::new(name).map_err(|error| Stopped::BadSettings(format!("node name: {error}")))
}

/// Where a build, an unpacked archive and an installed package have them.
fn packages_beside_program() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let beside = program.parent()?;
    ["packages", "../packages", "../share/wharf/packages"]
        .iter()
        .map(|relative| beside.join(relative))
        .find(|path| path.is_dir())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_setting_is_refused() {
        assert!(toml::from_str::<File>("nod = 'a.os'").is_err());
        assert!(toml::from_str::<File>("[limits]\nmailbox = 1").is_err());
        let file: File = toml::from_str("[limits]\nmailbox_messages_max = 7\n[runtime]\nmemory_bytes_max = 9").unwrap();
        assert_eq!((file.limits.mailbox_messages_max, file.runtime.memory_bytes_max), (7, 9));
    }

    #[test]
    fn a_port_that_was_asked_for_is_the_only_candidate() {
        let exactly: SocketAddr = "127.0.0.1:1".parse().unwrap();
        assert_eq!(HttpAt::Exactly(exactly).candidates().collect::<Vec<_>>(), [exactly]);
        assert_eq!(HttpAt::From(8080).candidates().next(), Some("127.0.0.1:8080".parse().unwrap()));
        assert!(HttpAt::From(8080).candidates().count() > 1);
    }
}
