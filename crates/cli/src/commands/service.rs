//! `wharf service`: the node as a service of systemd.

use std::env;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;
use wharf_home::Home;

use crate::args::{Service, ServiceInstall, ServiceOf};
use crate::errors::{CliError, CliResult};
use crate::output::{Format, Output, note};
use crate::systemd::{Owner, Unit};
use crate::text;
use crate::throwaway::find_daemon;

/// Name of the unit.
const UNIT: &str = "wharf.service";

/// Does what was asked.
pub(crate) fn run(command: &Service, home: &Home, output: &mut Output) -> CliResult<()> {
    match command {
        Service::Install(args) => install(args, home, output),
        Service::Uninstall(of) => uninstall(&Systemd::of(of)?, output),
        Service::Status(of) => status(&Systemd::of(of)?, output),
    }
}

fn install(args: &ServiceInstall, home: &Home, output: &mut Output) -> CliResult<()> {
    let systemd = Systemd::of(&args.of)?;
    let root = std::path::absolute(home.root()).map_err(|error| CliError::file("find", home.root(), &error))?;
    let owner = if args.of.system { Owner::Account(account(args)?) } else { Owner::You };
    let unit = Unit { daemon: find_daemon()?, home: root, owner }.render()?;
    if args.print {
        return output.raw(unit.as_bytes());
    }
    let failed = |error| CliError::file("write", &systemd.unit, &error);
    if let Some(folder) = systemd.unit.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::write(&systemd.unit, unit).map_err(failed)?;
    note(&format!("wrote {}", systemd.unit.display()));
    systemd.tell(&["daemon-reload"])?;
    systemd.tell(&["enable", "--now", UNIT])?;
    if !args.of.system {
        note("it ends when you log out; `loginctl enable-linger` has it start with the machine and go on");
    }
    match output.format() {
        Format::Json => output.json(&json!({ "installed": true, "unit": systemd.unit })),
        Format::Text => {
            output.line(&format!("the node runs as the service {UNIT}; `wharf service status` shows how it is"))
        }
    }
}

/// A service of the machine must not be root by accident.
fn account(args: &ServiceInstall) -> CliResult<String> {
    args.run_as.clone().or_else(|| env::var("SUDO_USER").ok()).filter(|user| !user.is_empty()).ok_or_else(|| {
        CliError::bad_input("which account shall the node run as?")
            .hint("name it with `--run-as USER`; the node's home has to belong to it")
    })
}

fn uninstall(systemd: &Systemd, output: &mut Output) -> CliResult<()> {
    if !systemd.unit.exists() {
        return Err(CliError::bad_input(format_args!("there is no service: {} is not there", systemd.unit.display())));
    }
    systemd.tell(&["disable", "--now", UNIT])?;
    fs::remove_file(&systemd.unit).map_err(|error| CliError::file("remove", &systemd.unit, &error))?;
    systemd.tell(&["daemon-reload"])?;
    match output.format() {
        Format::Json => output.json(&json!({ "installed": false, "unit": systemd.unit })),
        Format::Text => output.line("the service is removed; the node's home is as it was"),
    }
}

fn status(systemd: &Systemd, output: &mut Output) -> CliResult<()> {
    let installed = systemd.unit.exists();
    // They print one word, also when they exit with another code than 0.
    let word = |what: &str| systemd.ask(&[what, UNIT]).filter(|word| !word.is_empty());
    let (enabled, active) = (word("is-enabled"), word("is-active"));
    match output.format() {
        Format::Json => output.json(&json!({
            "installed": installed, "unit": systemd.unit, "enabled": enabled, "active": active,
        }))?,
        Format::Text => {
            let unknown = || "unknown: systemd does not answer".to_owned();
            let unit = if installed { systemd.unit.display().to_string() } else { "not installed".to_owned() };
            let rows = [
                ("unit", unit),
                ("at start", enabled.unwrap_or_else(unknown)),
                ("now", active.clone().unwrap_or_else(unknown)),
            ];
            rows.iter()
                .try_for_each(|(name, value)| output.line(&format!("{name:<8}  {}", text::clean_line(value))))?;
        }
    }
    output.flush()?;
    match (installed, active.as_deref()) {
        (true, Some("active")) => Ok(()),
        (true, _) => Err(CliError::unreachable("the service does not run")
            .hint(format_args!("`{} start {UNIT}` starts it; `wharf logs` says why it ended", systemd.command()))),
        (false, _) => Err(CliError::unreachable("there is no service").hint("`wharf service install` makes one")),
    }
}

/// One of the two service managers of a machine: yours or its own.
struct Systemd {
    unit: PathBuf,
    of: &'static [&'static str],
}

impl Systemd {
    fn of(of: &ServiceOf) -> CliResult<Self> {
        if of.system {
            return Ok(Self { unit: Path::new("/etc/systemd/system").join(UNIT), of: &[] });
        }
        let config = env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let config = config.or_else(|| env::home_dir().map(|home| home.join(".config")));
        let config = config.ok_or_else(|| CliError::bad_input("your account has no home folder for a service"))?;
        Ok(Self { unit: config.join("systemd/user").join(UNIT), of: &["--user"] })
    }

    fn command(&self) -> String {
        [&["systemctl"], self.of].concat().join(" ")
    }

    fn tell(&self, args: &[&str]) -> CliResult<()> {
        let tried = format!("{} {}", self.command(), args.join(" "));
        let ran = Command::new("systemctl").args(self.of).args(args).stdin(Stdio::null()).output();
        let ran = ran.map_err(|error| match error.kind() {
            ErrorKind::NotFound => CliError::bad_input("there is no systemd on this machine: `systemctl` is missing")
                .hint("start `wharfd` with what this machine starts services with; it stays in the foreground"),
            _ => CliError::bad_input(format_args!("cannot run `{tried}`: {error}")),
        })?;
        if ran.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&ran.stderr);
        Err(CliError::bad_input(format_args!("`{tried}` failed: {}", text::clean_block(said.trim(), "  "))))
    }

    /// What it prints, whatever its exit code.
    fn ask(&self, args: &[&str]) -> Option<String> {
        let ran = Command::new("systemctl").args(self.of).args(args).stdin(Stdio::null()).output().ok()?;
        Some(String::from_utf8_lossy(&ran.stdout).trim().to_owned())
    }
}
