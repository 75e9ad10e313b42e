//! `wharf`, run as a person runs it.

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
    pub(crate) fn of(output: Output) -> Self {
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

impl Node {
    /// Runs `wharf` for this node.
    pub fn wharf(&self, args: &[&str]) -> Ran {
        let output = Command::new(paths::binary("wharf"))
            .arg("--home")
            .arg(self.home().root())
            .args(args)
            .env_remove("WHARF_HOME")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        Ran::of(output)
    }

    /// Installs a package.
    pub fn install(&self, zip: &Path) {
        self.wharf(&["install", "--yes", zip.to_str().unwrap()]).ok();
    }
}
