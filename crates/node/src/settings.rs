//! Settings: the command line over the file over the defaults.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};
use wharf_acme::AcmeSettings;
use wharf_database::DatabaseLimits;
use wharf_home::Home;
use wharf_http::{HostName, HttpSettings, LoginSettings, Tools};
use wharf_http_client::HttpClientLimits;
use wharf_kernel::{Book, Limits};
use wharf_kv::KvLimits;
use wharf_runtime::RuntimeSettings;
use wharf_sqlite::SqliteLimits;
use wharf_types::{NodeName, PackageId};
use wharf_vfs::VfsLimits;

use crate::args::Args;
use crate::exit::Stopped;
use crate::logging::LogSettings;

/// The port that is tried first when none was asked for.
const HTTP_PORT: u16 = 8080;

/// `wharf.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct File {
    node: Option<String>,
    http: Option<SocketAddr>,
    hosts: Vec<HostName>,
    trusted_proxies: Vec<IpAddr>,
    tls: Option<TlsSettings>,
    acme: AcmeSettings,
    kit_compat: bool,
    login: LoginSettings,
    packages_folder: Option<PathBuf>,
    packages: BTreeMap<String, Table>,
    log: LogSettings,
    limits: Table,
    runtime: Table,
    http_limits: HttpSettings,
    http_client_limits: Table,
    vfs_limits: Table,
    database_limits: Table,
    kv_limits: Table,
    sqlite_limits: Table,
}

/// The tables that packages may have others of, and those of the packages.
#[derive(Debug, Default)]
pub(crate) struct Bounds {
    limits: Book<Limits>,
    runtime: (RuntimeSettings, OfPackages<RuntimeSettings>),
    http_client_limits: Book<HttpClientLimits>,
    vfs_limits: Book<VfsLimits>,
    databases: DatabaseBounds,
}

/// What packages have in place of what holds for all.
type OfPackages<T> = Vec<(PackageId, T)>;

/// Bounds of databases.
#[derive(Debug, Default)]
pub struct DatabaseBounds {
    /// Of each of the two modules.
    pub all: Book<DatabaseLimits>,
    /// Of keys and values.
    pub kv: Book<KvLimits>,
    /// Of SQL.
    pub sqlite: Book<SqliteLimits>,
}

/// Where the certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "`tls` is \"self-signed\", \"acme\", or { certificate = \"FILE\", key = \"FILE\" }")]
pub enum TlsSettings {
    /// Without files of the owner's.
    Named(Source),
    /// From these files, in PEM.
    Files {
        /// The certificate, followed by those that vouch for it.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
}

/// Where a certificate comes from that the owner does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The node makes one that vouches for itself.
    SelfSigned,
    /// An authority gives it, as `[acme]` says.
    Acme,
}

/// Where to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpAt {
    /// There and nowhere else; port 0 takes any that is free.
    Exactly(SocketAddr),
    /// On loopback, at this port or the next that is free.
    From(u16),
}

/// When a node ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// When it is told to.
    UntilStopped,
    /// Also when stdin is closed.
    Stdin,
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
    /// Names it goes by, besides `localhost` and addresses.
    pub hosts: Vec<HostName>,
    /// Proxies whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// TLS, if it is spoken.
    pub tls: Option<TlsSettings>,
    /// How an authority is asked for a certificate.
    pub acme: AcmeSettings,
    /// What tools have to show.
    pub tools: Tools,
    /// When it ends by itself.
    pub lifetime: Lifetime,
    /// Bounds of logging in.
    pub login: LoginSettings,
    /// Folder of its own packages, if one was found.
    pub packages: Option<PathBuf>,
    /// What is logged.
    pub log: LogSettings,
    /// Bounds of processes.
    pub limits: Book<Limits>,
    /// Bounds of guests.
    pub runtime: Book<RuntimeSettings>,
    /// Bounds of the web server.
    pub http_limits: HttpSettings,
    /// Bounds of the HTTP client, and whom it may ask.
    pub http_client_limits: Book<HttpClientLimits>,
    /// Bounds of files.
    pub vfs_limits: Book<VfsLimits>,
    /// Bounds of databases.
    pub databases: DatabaseBounds,
}

impl Settings {
    /// Settles everything.
    pub fn read(args: Args) -> Result<Self, Stopped> {
        let home = match args.home {
            Some(root) => Home::new(absolute(&root)?),
            None => Home::of_user()
                .ok_or_else(|| Stopped::BadSettings("the user has no home folder; name one with --home".to_owned()))?,
        };
        let config = match args.config {
            Some(path) => Some(path),
            None => Some(home.config()).filter(|path| path.exists()),
        };
        let (file, bounds) = match config {
            Some(path) => read_file(&path)?,
            None => Default::default(),
        };
        let node = args.node.or(file.node).map(|name| parse_node(&name)).transpose()?;
        let http = match args.http.or(file.http) {
            Some(address) => HttpAt::Exactly(address),
            None => HttpAt::From(HTTP_PORT),
        };
        let packages = args.packages.or(file.packages_folder);
        if let Some(missing) = packages.as_ref().filter(|path| !path.is_dir()) {
            return Err(Stopped::BadSettings(format!("there is no folder {} with packages", missing.display())));
        }
        let (runtime, of_packages) = bounds.runtime;
        let runtime = RuntimeSettings { cache: Some(home.cache().join("code")), ..runtime };
        Ok(Self {
            packages: packages.or_else(packages_beside_program),
            home,
            node,
            http,
            hosts: file.hosts,
            trusted_proxies: file.trusted_proxies,
            tls: file.tls,
            acme: file.acme,
            tools: if args.kit_compat || file.kit_compat { Tools::KitCompat } else { Tools::Token },
            lifetime: if args.until_eof { Lifetime::Stdin } else { Lifetime::UntilStopped },
            login: file.login,
            log: file.log,
            limits: bounds.limits,
            runtime: Book::new(runtime, of_packages),
            http_limits: file.http_limits,
            http_client_limits: bounds.http_client_limits,
            vfs_limits: bounds.vfs_limits,
            databases: bounds.databases,
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

fn read_file(path: &Path) -> Result<(File, Bounds), Stopped> {
    let wrong = |reason: String| Stopped::BadSettings(format!("{}: {reason}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    read_text(&text).map_err(wrong)
}

pub(crate) fn read_text(text: &str) -> Result<(File, Bounds), String> {
    let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
    let bounds = bounds(&file)?;
    Ok((file, bounds))
}

fn bounds(file: &File) -> Result<Bounds, String> {
    for (name, tables) in &file.packages {
        for (key, value) in tables {
            if !value.is_table() {
                return Err(format!("`packages.\"{name}\".{key}` is not a table"));
            }
            if !OF_PACKAGES.contains(&key.as_str()) {
                let known = OF_PACKAGES.join("`, `");
                return Err(format!("unknown table [packages.\"{name}\".{key}], expected one of `{known}`"));
            }
        }
    }
    let databases = DatabaseBounds {
        all: book(file, "database_limits", &file.database_limits, DatabaseLimits::NODE_WIDE)?,
        kv: book(file, "kv_limits", &file.kv_limits, KvLimits::NODE_WIDE)?,
        sqlite: book(file, "sqlite_limits", &file.sqlite_limits, SqliteLimits::NODE_WIDE)?,
    };
    Ok(Bounds {
        limits: book(file, "limits", &file.limits, Limits::NODE_WIDE)?,
        runtime: table_and_own(file, "runtime", &file.runtime, RuntimeSettings::NODE_WIDE)?,
        http_client_limits: book(file, "http_client_limits", &file.http_client_limits, HttpClientLimits::NODE_WIDE)?,
        vfs_limits: book(file, "vfs_limits", &file.vfs_limits, VfsLimits::NODE_WIDE)?,
        databases,
    })
}

/// Tables that a package may have of its own.
const OF_PACKAGES: [&str; 7] =
    ["limits", "runtime", "http_client_limits", "vfs_limits", "database_limits", "kv_limits", "sqlite_limits"];

fn book<T: DeserializeOwned>(file: &File, key: &str, all: &Table, node_wide: &[&str]) -> Result<Book<T>, String> {
    let (node, packages) = table_and_own(file, key, all, node_wide)?;
    Ok(Book::new(node, packages))
}

/// The table `key`, and that of each package that has its own.
fn table_and_own<T: DeserializeOwned>(
    file: &File,
    key: &str,
    all: &Table,
    node_wide: &[&str],
) -> Result<(T, OfPackages<T>), String> {
    let mut packages = Vec::new();
    for (name, tables) in &file.packages {
        let package: PackageId = name.parse().map_err(|error| format!("[packages.\"{name}\"]: {error}"))?;
        if let Some(Value::Table(own)) = tables.get(key) {
            let table = format!("packages.\"{name}\".{key}");
            packages.push((package, read_table(&table, over(&table, all, own, node_wide)?)?));
        }
    }
    Ok((read_table(key, all.clone())?, packages))
}

/// Numbers with which the node would come up and not work: with none, nobody's request is ever handled, and a capability
/// whose path is longer than this is left out at the next boot.
const RANGES: [(&str, i64, i64); 6] = [
    ("mailbox_messages_max", 1, i64::MAX),
    ("mailbox_bytes_max", 1, i64::MAX),
    ("module_requests_max", 1, i64::MAX),
    ("workers_max", 1, i64::MAX),
    ("compilations_max", 1, i64::MAX),
    ("capability_path_max", 1, 1_024),
];

fn check_ranges(name: &str, table: &Table) -> Result<(), String> {
    for (key, least, most) in RANGES {
        let value = table.get(key).and_then(Value::as_integer).unwrap_or(least);
        if !(least..=most).contains(&value) {
            let range = if most == i64::MAX { format!("{least} or more") } else { format!("{least} to {most}") };
            return Err(format!("[{name}]: `{key}` is {value}, and has to be {range}"));
        }
    }
    Ok(())
}

/// By way of text, so that an error shows the line that it is about.
fn read_table<T: DeserializeOwned>(name: &str, table: Table) -> Result<T, String> {
    check_ranges(name, &table)?;
    toml::from_str(&table.to_string()).map_err(|error| format!("[{name}]: {error}"))
}

/// The keys of a package over those of all.
fn over(name: &str, all: &Table, own: &Table, node_wide: &[&str]) -> Result<Table, String> {
    if let Some(key) = own.keys().find(|key| node_wide.contains(&key.as_str())) {
        return Err(format!("[{name}]: `{key}` holds for the whole node; a package cannot have its own"));
    }
    let mut table = all.clone();
    table.extend(own.clone());
    Ok(table)
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
#[allow(clippy::unwrap_used, clippy::panic, reason = "what goes wrong in a test fails it")]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_setting_is_refused() {
        assert!(read_text("nod = 'a.os'").is_err());
        assert!(read_text("[limits]\nmailbox = 1").is_err());
        let (_, bounds) = read_text("[limits]\nmailbox_messages_max = 7\n[runtime]\nmemory_bytes_max = 9").unwrap();
        assert_eq!((bounds.limits.node().mailbox_messages_max, bounds.runtime.0.memory_bytes_max), (7, 9));
    }

    #[test]
    fn a_package_has_limits_of_its_own_over_those_of_all() {
        let text = "[limits]\nmailbox_messages_max = 7\nbody_bytes_max = 8\n\
            [packages.\"chess:sys\".limits]\nmailbox_messages_max = 3\n\
            [packages.\"chess:sys\".runtime]\nmemory_bytes_max = 9\n\
            [packages.\"chess:sys\".vfs_limits]\npackage_bytes_max = 10\n\
            [packages.\"chess:sys\".kv_limits]\nkey_bytes_max = 4";
        let (_, bounds) = read_text(text).unwrap();
        let chess: PackageId = "chess:sys".parse().unwrap();
        let expected = Limits { mailbox_messages_max: 3, body_bytes_max: 8, ..Limits::default() };
        assert_eq!(**bounds.limits.of(&chess), expected);
        let expected = RuntimeSettings { memory_bytes_max: 9, ..RuntimeSettings::default() };
        assert_eq!(bounds.runtime.1, [(chess.clone(), expected)]);
        assert_eq!(bounds.databases.kv.of(&chess).key_bytes_max, 4);
        assert_eq!(bounds.databases.kv.node(), &Default::default());
        let expected = VfsLimits { package_bytes_max: 10, ..VfsLimits::default() };
        assert_eq!(**bounds.vfs_limits.of(&chess), expected);
        assert_eq!(bounds.limits.node().mailbox_messages_max, 7);
    }

    #[test]
    fn what_a_package_cannot_set_is_refused_by_name() {
        for (text, named) in [
            ("[packages.\"chess:sys\".limits]\nmailbox = 3", "`mailbox`"),
            ("[packages.\"chess:sys\".limits]\nprocesses_max = 3", "`processes_max`"),
            ("[packages.\"chess:sys\".limits]\nbody_bytes_max = 'many'", "body_bytes_max"),
            ("[packages.\"chess:sys\".runtime]\ncompilations_max = 3", "`compilations_max`"),
            ("[packages.\"chess:sys\".vfs_limits]\nworkers_max = 3", "`workers_max`"),
            ("[packages.\"chess:sys\".database_limits]\nopen_max = 3", "`open_max`"),
            ("[packages.\"chess:sys\".http_client_limits]\nca_files = []", "`ca_files`"),
            ("[packages.\"chess:sys\".http_client_limits]\nhosts = ['a b']", "a b"),
            ("[packages.\"chess:sys\".http_client_limits]\nprivate_hosts = ['localhost']", "localhost"),
            ("[packages.\"chess:sys\".http]\nx = 3", "\"chess:sys\".http"),
            ("[packages.\"chess:sys\"]\nlimits = 3", "\"chess:sys\".limits"),
            ("[packages.chess.limits]\nmailbox_messages_max = 3", "chess"),
            ("packages = '/a/folder'", "packages"),
        ] {
            let error = read_text(text).unwrap_err();
            assert!(error.contains(named), "{text}: {error}");
        }
    }

    /// The keys that a table of settings may have. They are taken from what serde says about one that it may not.
    fn keys_of<T: DeserializeOwned>() -> Vec<String> {
        let unknown = Table::from_iter([("no-such-key".to_owned(), Value::Integer(0))]);
        let error = unknown.try_into::<T>().err().unwrap().message().to_owned();
        let (_, expected) = error.split_once("expected one of").unwrap();
        expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn every_setting_is_documented() {
        let documented = include_str!("../../../docs/settings.md");
        let tables = [
            ("wharf.toml", keys_of::<File>()),
            ("[log]", keys_of::<LogSettings>()),
            ("[acme]", keys_of::<AcmeSettings>()),
            ("[login]", keys_of::<LoginSettings>()),
            ("[limits]", keys_of::<Limits>()),
            ("[runtime]", keys_of::<RuntimeSettings>()),
            ("[http_limits]", keys_of::<HttpSettings>()),
            ("[http_client_limits]", keys_of::<HttpClientLimits>()),
            ("[vfs_limits]", keys_of::<VfsLimits>()),
            ("[database_limits]", keys_of::<DatabaseLimits>()),
            ("[kv_limits]", keys_of::<KvLimits>()),
            ("[sqlite_limits]", keys_of::<SqliteLimits>()),
        ];
        for (table, keys) in tables {
            let section = documented.split("\n## ").find(|section| section.starts_with(&format!("`{table}`")));
            let section = section.unwrap_or_else(|| panic!("there is no section `{table}`"));
            let rows: Vec<_> = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
            assert!(keys.len() > 2);
            assert_eq!(sorted(rows), sorted(keys.iter().map(String::as_str).collect()), "{table}");
        }
    }

    fn sorted(mut list: Vec<&str>) -> Vec<&str> {
        list.sort_unstable();
        list
    }

    #[test]
    fn tls_is_of_files_or_of_the_node_itself() {
        let tls = |text: &str| read_text(text).map(|(file, _)| file.tls);
        assert_eq!(tls(""), Ok(None));
        assert_eq!(tls("tls = 'self-signed'"), Ok(Some(TlsSettings::Named(Source::SelfSigned))));
        assert_eq!(tls("tls = 'acme'"), Ok(Some(TlsSettings::Named(Source::Acme))));
        let files = TlsSettings::Files { certificate: "c.pem".into(), key: "k.pem".into() };
        assert_eq!(tls("tls = { certificate = 'c.pem', key = 'k.pem' }"), Ok(Some(files)));
        for bad in ["tls = 'none'", "tls = true", "tls = { certificate = 'c.pem' }"] {
            assert!(tls(bad).unwrap_err().contains("self-signed"), "{bad}");
        }
    }

    #[test]
    fn a_port_that_was_asked_for_is_the_only_candidate() {
        let exactly: SocketAddr = "127.0.0.1:1".parse().unwrap();
        assert_eq!(HttpAt::Exactly(exactly).candidates().collect::<Vec<_>>(), [exactly]);
        assert_eq!(HttpAt::From(8080).candidates().next(), Some("127.0.0.1:8080".parse().unwrap()));
        assert!(HttpAt::From(8080).candidates().count() > 1);
    }
}
