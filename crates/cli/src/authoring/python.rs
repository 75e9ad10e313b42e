//! Processes in Python: a folder with a `pyproject.toml`, made a component by PyPI's `componentize-py`.
//!
//! That tool puts CPython beside the code, 19 MiB altogether, and imports the modules while the component is built. What it keeps is
//! the interpreter's memory, in which dictionaries and sets lie by a random key. It hands the interpreter no variables (no
//! `PYTHONHASHSEED`), so the same source never gives the same component; upstream is bytecodealliance/componentize-py#247.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::authoring::code::Unit;
use crate::authoring::inputs::{Inputs, Stamp, put};
use crate::authoring::tool::{self, Tool};
use crate::authoring::wit::{self, Reader};
use crate::errors::{CliError, CliResult};

/// What changes when the way of building does.
pub(crate) const MAKER: &str = "componentize-py, 1";

const MANIFEST: &str = "pyproject.toml";
const REQUIREMENTS: &str = "requirements.txt";
const WORLD: &str = "process-v1";
const ENTRY: &str = "\
import app
import wit_world


class WitWorld(wit_world.WitWorld):
    def init(self, our: str) -> None:
        app.init(our)
";
const PYTHON: Tool = Tool {
    name: "python3",
    get: "on Debian `apt-get install python3 python3-venv`; elsewhere https://python.org (3.10 or newer)",
};
const PIP: Tool = Tool { name: "pip", get: "remove the folder `target` and build again" };
const COMPONENTIZE: Tool =
    Tool { name: "componentize-py", get: "add a line `componentize-py==0.25.1` to requirements.txt" };

/// Where tools are kept that several packages share; without it each package has its own in `target/`.
const SHARED_TOOLS: &str = "WHARF_TOOLS";

#[derive(Debug, Deserialize)]
struct Manifest {
    project: Project,
}

#[derive(Debug, Deserialize)]
struct Project {
    name: String,
}

/// Whether a folder is one.
pub(crate) fn is_in(folder: &Path) -> bool {
    folder.join(MANIFEST).is_file()
}

/// What the process is called: the project's name.
pub(crate) fn name(folder: &Path) -> CliResult<String> {
    let path = folder.join(MANIFEST);
    let text = fs::read_to_string(&path).map_err(|error| CliError::file("read", &path, &error))?;
    let manifest: Manifest = toml::from_str(&text).map_err(|error| {
        CliError::bad_input(format_args!("{}: {error}", path.display()))
            .hint("it names the process: [project] name = \"my-app\"")
    })?;
    Ok(manifest.project.name)
}

/// Makes the component.
pub(crate) fn build(unit: &Unit) -> CliResult<Vec<u8>> {
    let app = unit.folder.join("src").join("app.py");
    if !app.is_file() {
        return Err(CliError::bad_input(format_args!("{} is not there", app.display()))
            .hint("a process in Python is the function `init(our)` in `src/app.py`"));
    }
    let environment = Environment::of(unit)?;
    let work = unit.work();
    let wit = work.join("wit");
    wit::put_into(&wit, &unit.package, Reader::Any)?;
    let generated = work.join("python");
    put(&generated.join("wharf_entry.py"), ENTRY.as_bytes())?;
    let made = generated.join("made.wasm");
    let mut componentize = Command::new(environment.program("componentize-py"));
    componentize.arg("--quiet").arg("--wit-path").arg(&wit).args(["--world", WORLD, "componentize", "wharf_entry"]);
    for folder in [&generated, &unit.folder.join("src")] {
        componentize.arg("--python-path").arg(folder);
    }
    componentize.arg("--output").arg(&made).env("VIRTUAL_ENV", &environment.folder).current_dir(&unit.folder);
    componentize.env("PYTHONDONTWRITEBYTECODE", "1");
    COMPONENTIZE
        .run(&format!("making a component of {} (Python; this takes a while)", unit.place()), &mut componentize)?;
    fs::read(&made).map_err(|error| CliError::file("read", &made, &error))
}

/// A virtual environment with what a `requirements.txt` asks for.
pub(crate) struct Environment {
    folder: PathBuf,
}

impl Environment {
    /// Made, and filled, unless it is as it should be.
    pub(crate) fn of(unit: &Unit) -> CliResult<Self> {
        let path = unit.folder.join(REQUIREMENTS);
        let requirements = fs::read(&path).map_err(|error| {
            CliError::file("read", &path, &error)
                .hint("it lists what the package is built with; `wharf new` writes one")
        })?;
        let mut inputs = Inputs::of("pip");
        inputs.add(REQUIREMENTS, &requirements);
        let inputs = inputs.finish();
        let folder = match env::var_os(SHARED_TOOLS).filter(|folder| !folder.is_empty()) {
            Some(shared) => PathBuf::from(shared).join(format!("python-{}", inputs.get(..16).unwrap_or_default())),
            None => unit.work().join("venv"),
        };
        let environment = Self { folder };
        let stamp = Stamp::at(environment.folder.join("wharf.stamp"));
        if stamp.is(&inputs) {
            return Ok(environment);
        }
        let mut beside = environment.folder.clone().into_os_string();
        beside.push(".making");
        let _alone = tool::lock(Path::new(&beside))?;
        if !stamp.is(&inputs) {
            environment.make(&path, &requirements, &unit.place())?;
            stamp.write(&inputs)?;
        }
        Ok(environment)
    }

    fn make(&self, path: &Path, requirements: &[u8], place: &str) -> CliResult<()> {
        check_venv()?;
        let mut python = Command::new("python3");
        python.args(["-m", "venv", "--clear"]).arg(&self.folder);
        PYTHON.run(&format!("making a virtual environment for {place}"), &mut python)?;
        let mut pip = Command::new(self.program("python3"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        if requirements.windows(7).any(|part| part == b"--hash=") {
            pip.arg("--require-hashes");
        }
        PIP.run(&format!("getting what {place} needs with pip"), pip.arg("--requirement").arg(path))
    }

    /// One of its programs.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }
}

/// Says what is missing before Python fails in words of its own: Debian has the module for pip apart.
fn check_venv() -> CliResult<()> {
    let has = Command::new("python3")
        .args(["-c", "import ensurepip, venv"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match has {
        Ok(status) if !status.success() => {
            Err(CliError::bad_input("this package needs a virtual environment, and Python cannot make one here")
                .hint("on Debian: apt-get install python3-venv"))
        }
        // What else can be wrong is said when it is run.
        _ => Ok(()),
    }
}
