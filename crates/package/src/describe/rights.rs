//! What rights of the node's own modules mean, and how far they reach.

use serde::Deserialize;
use serde_json::Value;
use wharf_types::ask::Weight;
use wharf_types::http_client::HostParams;
use wharf_types::{PackageId, ProcessId};

use crate::capability::CapabilityEntry;
use crate::plan;

/// What one line needs to know of the rest.
pub(super) struct Context<'a> {
    /// The package that is described.
    pub(super) package: &'a PackageId,
    /// Everything else that the same process asks for.
    pub(super) requested: &'a [CapabilityEntry],
}

impl Context<'_> {
    /// Whether the process is held to some hosts.
    fn names_hosts(&self) -> bool {
        self.requested.iter().any(|capability| match capability {
            CapabilityEntry::Custom { process, params } => is_module(process, "http-client") && host(params).is_some(),
            CapabilityEntry::Messaging(_) => false,
        })
    }

    fn is_own(&self, package: &str) -> bool {
        package == self.package.to_string()
    }
}

/// What sending messages to a process allows.
pub(super) fn message(context: &Context<'_>, to: &ProcessId) -> (Weight, String) {
    if to.is_in(context.package) {
        return (Weight::Usual, format!("may send messages to {to}, of the same package"));
    }
    if to.has_parts("main", "app-store", "sys") {
        return (Weight::Danger, format!("may install and remove packages on this node ({to})"));
    }
    if to.has_parts("downloads", "app-store", "sys") {
        return (Weight::Danger, format!("may remove kept packages and fill the store of this node ({to})"));
    }
    if to.has_parts("chain", "app-store", "sys") {
        return (Weight::Usual, format!("may see what registries list, and what is updated by itself ({to})"));
    }
    if to.has_parts("terminal", "terminal", "sys") {
        return (Weight::Usual, format!("may send messages to {to}, which takes commands from the owner only"));
    }
    let Some(module) = module(to) else { return (Weight::Usual, format!("may send messages to {to}")) };
    let (weight, allows) = match module {
        "kernel" => (Weight::Care, "it can see every process, and manage those of its package"),
        "net" => (Weight::Care, "it can look up other nodes, and sign in the name of this one"),
        "http-client" if context.names_hosts() => (Weight::Usual, "it can use the web, where it is allowed to below"),
        "http-client" => (Weight::Care, "it can reach every public host of the internet"),
        "http-server" => (Weight::Usual, "it can serve web pages, under its own name"),
        "vfs" => (Weight::Usual, "it can keep files, in drives of its own package"),
        "kv" | "sqlite" => (Weight::Usual, "it can keep databases of its own package"),
        "timer" => (Weight::Usual, "it can set timers"),
        "state" => (Weight::Usual, "it can look at what it saved itself"),
        _ => return (Weight::Usual, format!("may send messages to {to}")),
    };
    (weight, format!("may send messages to {to}: {allows}"))
}

/// What a right means that its issuer gives.
pub(super) fn right(context: &Context<'_>, issuer: &ProcessId, params: &Value) -> (Weight, String) {
    let unknown = || (Weight::Care, format!("gets the right {params} from {issuer}"));
    if issuer.is_in(context.package) {
        return (Weight::Usual, format!("gets the right {params} from {issuer}, of the same package"));
    }
    let is_root = params.get("root").and_then(Value::as_bool) == Some(true);
    if is_root && issuer.has_parts("chain", "app-store", "sys") {
        return (Weight::Care, format!("may turn updates of packages on and off ({params} from {issuer})"));
    }
    let Some(module) = module(issuer) else { return unknown() };
    if is_root {
        return (Weight::Danger, format!("{} ({params} from {issuer})", root(module)));
    }
    match module {
        "kernel" if params.as_str() == Some("network") => {
            (Weight::Care, "may use the network: it can reach other nodes, and they can reach it".to_owned())
        }
        "vfs" => drive(context, params).unwrap_or_else(unknown),
        "kv" | "sqlite" => database(context, module, params).unwrap_or_else(unknown),
        "http-client" => match host(params).as_deref() {
            Some("*") => (Weight::Care, "may send requests to every public host of the internet".to_owned()),
            Some(host) => (Weight::Usual, format!("may send requests to {host}")),
            None => unknown(),
        },
        "http-server" if params.get("paths").and_then(Value::as_str) == Some("public") => {
            (Weight::Care, "answers everybody who reaches this node by HTTP, not only its owner".to_owned())
        }
        _ => unknown(),
    }
}

fn root(module: &str) -> &'static str {
    match module {
        "kernel" => "may do everything on this node: start, stop and empower any process",
        "vfs" => "may read and change the files of every package on this node",
        "kv" | "sqlite" => "may read and change the databases of every package on this node",
        "state" => "may read and change what every process on this node saved",
        "net" => "may act in the name of this node towards others",
        _ => "has every right over one of the node's own modules",
    }
}

/// `{"kind":"read"|"write","drive":"/package:publisher/drive"}`
fn drive(context: &Context<'_>, params: &Value) -> Option<(Weight, String)> {
    let (kind, drive) = (params.get("kind")?.as_str()?, params.get("drive")?.as_str()?);
    let package = drive.trim_start_matches('/').split('/').next().unwrap_or_default();
    if drive == plan::drive(context.package) || context.is_own(package) {
        return Some((Weight::Usual, format!("may {} its own drive {drive}", verb(kind)?)));
    }
    Some((weight(kind)?, format!("may {} files of another package, in {drive}", verb(kind)?)))
}

/// `{"kind":"read"|"write","db_key":[{"package_name":…,"publisher_node":…},"name"]}`
fn database(context: &Context<'_>, module: &str, params: &Value) -> Option<(Weight, String)> {
    let kind = params.get("kind")?.as_str()?;
    let key = params.get("db_key")?;
    let package: PackageId = serde_json::from_value(key.get(0)?.clone()).ok()?;
    let name = key.get(1)?.as_str()?;
    if package == *context.package {
        return Some((Weight::Usual, format!("may {} its own {module} database {name}", verb(kind)?)));
    }
    Some((weight(kind)?, format!("may {} the {module} database {name} of another package, {package}", verb(kind)?)))
}

fn verb(kind: &str) -> Option<&'static str> {
    match kind {
        "read" => Some("read"),
        "write" => Some("change"),
        _ => None,
    }
}

fn weight(kind: &str) -> Option<Weight> {
    match kind {
        "read" => Some(Weight::Care),
        "write" => Some(Weight::Danger),
        _ => None,
    }
}

/// `{"host":"<pattern>"}`. What the client may ignore limits nothing: a process that holds no other reaches every host.
fn host(params: &Value) -> Option<String> {
    HostParams::deserialize(params).ok().filter(HostParams::is_plain).map(|params| params.host)
}

fn is_module(process: &ProcessId, name: &str) -> bool {
    process.has_parts(name, "distro", "sys")
}

/// The name of a module of the node.
fn module(process: &ProcessId) -> Option<&str> {
    let name = process.process();
    is_module(process, name).then_some(name)
}
