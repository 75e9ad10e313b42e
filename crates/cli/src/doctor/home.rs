//! A node's home, as it lies on the disk. Nothing is changed.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use rustix::fs::statvfs;
use serde_json::Value;
use wharf_home::Home;

use super::Finding;

/// The format that this version knows.
const FORMAT: &str = "1";

/// What every database of SQLite begins with.
const SQLITE: &[u8] = b"SQLite format 3\0";

/// Less free space than this is soon none.
const FREE_BYTES_MIN: u64 = 512 * 1024 * 1024;

pub(super) fn examine(home: &Home) -> Vec<Finding> {
    let mut findings = vec![format(home)];
    findings.extend(readers(home));
    findings.extend(key(home));
    findings.extend(database(home));
    findings.extend(settings(home));
    findings.push(space(home));
    findings.push(password(home));
    findings
}

fn restore(home: &Home) -> String {
    format!("wharf restore BACKUP.zip --home {}", home.root().display())
}

fn format(home: &Home) -> Finding {
    match fs::read_to_string(home.version()) {
        Ok(text) if text.trim() == FORMAT => Finding::ok("home", home.root().display()),
        Ok(text) if text.trim().parse::<u32>().is_ok() => Finding::problem(
            "home",
            format!("{} has format {}, this version knows format {FORMAT}", home.root().display(), text.trim()),
            "use the version of Wharf that wrote it",
        ),
        Ok(_) => Finding::problem("home", format!("{} is damaged", home.version().display()), restore(home)),
        Err(error) if error.kind() == ErrorKind::NotFound && !home.kernel_db().exists() => Finding::note(
            "home",
            format!("{} is no home of a node yet", home.root().display()),
            format!("wharfd --home {}", home.root().display()),
        ),
        Err(error) => Finding::problem("home", format!("{}: {error}", home.version().display()), restore(home)),
    }
}

/// Whoever reads the home can be the node.
fn readers(home: &Home) -> Option<Finding> {
    let metadata = fs::metadata(home.root()).ok()?;
    let root = home.root().display();
    if metadata.permissions().mode() & 0o077 != 0 {
        let found = format!("others on this machine may look into {root}");
        return Some(Finding::problem("home-readers", found, format!("chmod 700 {root}")));
    }
    let me = rustix::process::geteuid();
    if metadata.uid() != me.as_raw() && !me.is_root() {
        let found = format!("{root} belongs to user {}, not to you", metadata.uid());
        return Some(Finding::problem("home-readers", found, format!("sudo -u '#{}' wharf doctor", metadata.uid())));
    }
    Some(Finding::ok("home-readers", "only its owner may look into it"))
}

fn key(home: &Home) -> Option<Finding> {
    let path = home.node_key();
    match fs::read_to_string(&path) {
        Ok(text) => Some(match text.parse::<toml::Table>() {
            Ok(table) if table.contains_key("seed") && table.contains_key("node") => {
                Finding::ok("node-key", path.display())
            }
            _ => Finding::problem("node-key", format!("{} is no key of a node", path.display()), restore(home)),
        }),
        // Before the first start there is none.
        Err(error) if error.kind() == ErrorKind::NotFound && !home.kernel_db().exists() => None,
        Err(error) => Some(Finding::problem("node-key", format!("{}: {error}", path.display()), restore(home))),
    }
}

fn database(home: &Home) -> Option<Finding> {
    let path = home.kernel_db();
    let mut begin = [0; 16];
    let read = match File::open(&path) {
        Ok(mut file) => file.read_exact(&mut begin),
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        Err(error) => Err(error),
    };
    Some(match read {
        Ok(()) if begin == SQLITE => Finding::ok("kernel-db", path.display()),
        Ok(()) => Finding::problem("kernel-db", format!("{} is no database", path.display()), restore(home)),
        Err(error) => Finding::problem("kernel-db", format!("{}: {error}", path.display()), restore(home)),
    })
}

fn settings(home: &Home) -> Option<Finding> {
    let path = home.config();
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        Err(error) => {
            return Some(Finding::problem("settings", format!("{}: {error}", path.display()), "see docs/settings.md"));
        }
    };
    Some(match text.parse::<toml::Table>() {
        Ok(_) => Finding::ok("settings", path.display()),
        Err(error) => {
            let line = error.span().map(|at| text.bytes().take(at.start).filter(|byte| *byte == b'\n').count() + 1);
            let line = line.map(|line| format!(":{line}")).unwrap_or_default();
            let found = format!("{}{line}: {}", path.display(), error.message());
            Finding::problem("settings", found, "mend that line; docs/settings.md has all settings")
        }
    })
}

fn space(home: &Home) -> Finding {
    let Ok(disk) = statvfs(home.root()) else {
        return Finding::note("disk", "the disk does not say how full it is", format!("df {}", home.root().display()));
    };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let mib = free / (1024 * 1024);
    let found = format!("{mib} MiB are free at {}", home.root().display());
    if free < FREE_BYTES_MIN || disk.f_favail == 0 && disk.f_files > 0 {
        let mend = format!("free some: `rm -r {}` while the node is stopped costs only time", home.cache().display());
        return Finding::problem("disk", found, mend);
    }
    Finding::ok("disk", found)
}

fn password(home: &Home) -> Finding {
    let is_set = fs::read(home.login()).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    if is_set.is_some_and(|record| record.get("password").is_some_and(|hash| !hash.is_null())) {
        return Finding::ok("password", "a password is set");
    }
    Finding::note("password", "no password is set, so browsers log in only with `wharf login-link`", "wharf passwd")
}
