//! `wharf`, run as a person runs it.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::node::Node;
use crate::paths;

/// How a run of `wharf` ended.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Exit code.
    pub code: i32,
    /// What it printed.
    pub stdout: String,
    /// What it remarked.
    pub stderr: String,
}

impl Ran {
    /// What there was of a program that has ended.
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// What it printed, when it worked.
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.stdout, self.stderr);
        self.stdout
    }

    /// What it remarked, when it ended with `code`.
    pub fn failed(self, code: i32) -> String {
        assert_eq!(self.code, code, "{}{}", self.stdout, self.stderr);
        self.stderr
    }
}

/// Takes away what the person who runs the tests has settled for themselves.
pub fn without_own_settings(command: &mut Command) -> &mut Command {
    // One that is named has to be there.
    let nothing = paths::tools().join("no-registries.toml");
    std::fs::write(&nothing, "").unwrap();
    command.env_remove("WHARF_HOME").env_remove("WHARF_REGISTRY").env("WHARF_REGISTRIES", nothing)
}

/// Runs `wharf` without a node.
pub fn wharf(args: &[&str]) -> Ran {
    Ran::of(without_own_settings(&mut Command::new(paths::binary("wharf"))).args(args).output().unwrap())
}

impl Node {
    /// Runs `wharf` for this node.
    pub fn wharf(&self, args: &[&str]) -> Ran {
        self.wharf_with_stdin(args, "")
    }

    /// The same, with something on its stdin.
    pub fn wharf_with_stdin(&self, args: &[&str], stdin: &str) -> Ran {
        let mut child = without_own_settings(&mut Command::new(paths::binary("wharf")))
            .arg("--home")
            .arg(self.home().root())
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Commands that do not read it may be gone already.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        Ran::of(child.wait_with_output().unwrap())
    }

    /// Installs a package.
    pub fn install(&self, zip: &Path) {
        self.wharf(&["install", "--yes", zip.to_str().unwrap()]).ok();
    }
}
