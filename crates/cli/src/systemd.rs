//! The unit that tells systemd how to run a node.

use std::path::{Path, PathBuf};

use crate::errors::{CliError, CliResult};

/// A node to be run.
pub(crate) struct Unit {
    /// `wharfd`, whole path.
    pub(crate) daemon: PathBuf,
    /// Its home, whole path.
    pub(crate) home: PathBuf,
    /// Whose service it is.
    pub(crate) owner: Owner,
}

/// Whose service.
pub(crate) enum Owner {
    /// The user's who installs it.
    You,
    /// The machine's, running as this account.
    Account(String),
}

impl Unit {
    /// The text of the unit.
    pub(crate) fn render(&self) -> CliResult<String> {
        // In a command, and only there, `$` begins a variable.
        let [daemon, home] = [quoted(&self.daemon)?, quoted(&self.home)?].map(|path| path.replace('$', "$$"));
        let (account, target) = match &self.owner {
            Owner::You => (String::new(), "default.target"),
            Owner::Account(user) => (self.of_machine(user)?, "multi-user.target"),
        };
        Ok(format!(
            "\
[Unit]
Description=Wharf node
After=network-online.target
Wants=network-online.target

[Service]
# The node says when it serves, and twice in each WatchdogSec that it is alive.
Type=notify
NotifyAccess=main
WatchdogSec=30
ExecStart={daemon} --home {home}
# The first start after an upgrade compiles every package anew.
TimeoutStartSec=600
TimeoutStopSec=120
Restart=on-failure
RestartSec=2
# A wrong command line, a home in use or damaged, a wrong setting: starting again mends none of them.
RestartPreventExitStatus=2 3 4 6
LimitNOFILE=65536
UMask=0077
NoNewPrivileges=yes
{account}
[Install]
WantedBy={target}
"
        ))
    }

    /// What only the machine's own service manager can do.
    fn of_machine(&self, user: &str) -> CliResult<String> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if user.is_empty() || !user.chars().all(is_name) {
            return Err(CliError::bad_input(format_args!("{user:?} is no name of an account")));
        }
        Ok(format!(
            "User={user}\nProtectSystem=strict\nReadWritePaths={home}\nPrivateTmp=yes\nPrivateDevices=yes\n\
             ProtectKernelTunables=yes\nProtectKernelModules=yes\nProtectControlGroups=yes\nRestrictSUIDSGID=yes\n\
             LockPersonality=yes\n# A port below 1024, should the settings name one.\nAmbientCapabilities=CAP_NET_BIND_SERVICE\n",
            home = quoted(&self.home)?
        ))
    }
}

/// A path as systemd reads it: blanks and `%` stand for themselves.
fn quoted(path: &Path) -> CliResult<String> {
    let Some(text) = path.to_str().filter(|text| !text.chars().any(char::is_control)) else {
        return Err(CliError::bad_input(format_args!("{} cannot be written in a unit", path.display())));
    };
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '%' => quoted.push_str("%%"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    Ok(quoted)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn a_path_stands_for_itself() {
        assert_eq!(quoted(Path::new("/a b/100%/\"$x\"\\")).unwrap(), r#""/a b/100%%/\"$x\"\\""#);
        assert!(quoted(Path::new("/a\nExecStart=/bin/sh")).is_err());
    }

    #[test]
    fn an_account_is_only_a_name() {
        let unit = |user: &str| {
            let (daemon, home) = (PathBuf::from("/usr/bin/wharfd"), PathBuf::from("/srv/node"));
            Unit { daemon, home, owner: Owner::Account(user.to_owned()) }.render()
        };
        assert!(unit("ann").unwrap().contains("\nUser=ann\n"));
        for bad in ["", "ann\nExecStartPre=/bin/sh", "a b"] {
            assert!(unit(bad).is_err(), "{bad:?}");
        }
    }
}
