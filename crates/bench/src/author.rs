//! Somebody who builds packages with `wharf`, and with the compilers and tools that are installed here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;
use wharf_home::Home;

use crate::subprocess::Subprocess;
use crate::tools::{Tools, output_of};

/// The libraries of the guests, in the versions that `scripts/guests` has built.
const LOCK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../packages/Cargo.lock");

/// Somebody with a folder for packages.
pub(crate) struct Author<'a> {
    tools: &'a Tools,
    folder: TempDir,
}

/// What a package is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    Rust,
    JavaScript,
}

impl Language {
    fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::JavaScript => "js",
        }
    }

    /// The file with its code, something that is in it once, and what stands there after the `number`-th change: the
    /// component is another one each time.
    fn change(self, number: usize) -> (&'static str, &'static str, String) {
        match self {
            Self::Rust => {
                let line = format!("fn init(_our: Address) {{ println!(\"version {number}\");");
                ("src/lib.rs", "fn init(_our: Address) {", line)
            }
            Self::JavaScript => {
                let line = format!("export function init(our) {{ print(\"version {number}\");");
                ("src/main.js", "export function init(our) {", line)
            }
        }
    }
}

/// A package in the folder of its author.
pub(crate) struct Work<'a> {
    author: &'a Author<'a>,
    pub(crate) path: PathBuf,
    language: Language,
    /// Its code as it came.
    code: String,
    changes: usize,
}

impl<'a> Author<'a> {
    pub(crate) fn new(tools: &'a Tools) -> Result<Self> {
        let wharf = &tools.wharf;
        ensure!(wharf.is_file(), "there is no {}; build it with `cargo build -p wharf-cli`", wharf.display());
        let folder = tempfile::Builder::new().prefix("wharf-bench-author-").tempdir().context("making a folder")?;
        Ok(Self { tools, folder })
    }

    /// `wharf`, with the compiler that builds the guests and what it has built already.
    fn wharf(&self, arguments: &[&str]) -> Result<Command> {
        let built = self.tools.own.parent().unwrap_or(Path::new(".")).join("../guests");
        let mut command = Command::new(&self.tools.wharf);
        command.args(arguments).env_remove("WHARF_HOME").stdin(Stdio::null());
        let toolchain = built.join("toolchain.env");
        let text = fs::read_to_string(&toolchain)
            .with_context(|| format!("reading {}, which `scripts/guests` writes", toolchain.display()))?;
        command.envs(text.lines().filter_map(|line| line.split_once('=')));
        command.env("CARGO_TARGET_DIR", built.canonicalize().context("finding what is built of the guests")?);
        Ok(command)
    }

    /// Begins a package that echoes, and builds it once, so that all it needs is there.
    pub(crate) fn begin(&self, name: &str, language: Language) -> Result<Work<'_>> {
        let path = self.folder.path().join(name);
        let folder = path.to_str().context("the folder for packages has a name that is no text")?;
        let new = ["new", folder, "--template", "echo", "--publisher", "bench.os", "--lang", language.name()];
        output_of(&mut self.wharf(&new)?)?;
        if language == Language::Rust {
            fs::copy(LOCK, path.join("Cargo.lock")).with_context(|| format!("copying {LOCK}"))?;
        }
        let code = fs::read_to_string(path.join(language.change(0).0)).context("reading the new package")?;
        let work = Work { author: self, path, language, code, changes: 0 };
        work.build()?;
        Ok(work)
    }

    /// How long a command takes for the node of this home.
    pub(crate) fn time(&self, home: &Home, arguments: &[&str]) -> Result<Duration> {
        let mut command = self.wharf(&[])?;
        let start = Instant::now();
        output_of(command.arg("--home").arg(home.root()).args(arguments))?;
        Ok(start.elapsed())
    }
}

impl Work<'_> {
    /// How long `wharf build` takes.
    pub(crate) fn build(&self) -> Result<Duration> {
        let mut command = self.author.wharf(&["build"])?;
        let start = Instant::now();
        output_of(command.arg(&self.path))?;
        Ok(start.elapsed())
    }

    /// Changes one line.
    pub(crate) fn edit(&mut self) -> Result<()> {
        self.changes += 1;
        let (file, from, to) = self.language.change(self.changes);
        ensure!(self.code.contains(from), "{file} of the template has no `{from}`");
        fs::write(self.path.join(file), self.code.replacen(from, &to, 1)).context("changing a line")
    }

    /// Begins `wharf watch`, which installs the package first.
    pub(crate) fn watch(&self, home: &Home) -> Result<Watch> {
        let mut command = self.author.wharf(&[])?;
        command.arg("--home").arg(home.root()).arg("watch").arg(&self.path).arg("--json");
        let mut watch = Watch { program: Subprocess::start(command.stderr(Stdio::null()))? };
        watch.installed()?;
        Ok(watch)
    }
}

/// A `wharf watch` that goes on until the value is dropped.
pub(crate) struct Watch {
    program: Subprocess,
}

impl Watch {
    /// Waits until a version runs.
    pub(crate) fn installed(&mut self) -> Result<()> {
        loop {
            let line = self.program.line()?;
            let said: Value = serde_json::from_str(&line).with_context(|| line.clone())?;
            match said.get("event").and_then(Value::as_str) {
                Some("Installed") => return Ok(()),
                Some("BuildFailed" | "InstallFailed" | "Unchanged") => bail!("`wharf watch` said {line}"),
                _ => {}
            }
        }
    }
}
