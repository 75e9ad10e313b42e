//! Processes in JavaScript: a folder with a `package.json`, made a component by npm's `componentize-qjs`.
//!
//! That tool puts a small engine (QuickJS) beside the code, a mebibyte altogether, and evaluates the modules while the
//! component is built. What it keeps is the engine's memory, with the keys of hash tables (and where entries lie by them) and the
//! start of `Math.random`: some 75 bytes of a mebibyte that are others each time. It has no option to choose them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use wharf_package::{RenameError, rename_export};

use crate::authoring::code::Unit;
use crate::authoring::inputs::{Inputs, Stamp, put};
use crate::authoring::tool::{self, Tool};
use crate::authoring::wit::{self, Reader};
use crate::errors::{CliError, CliResult};

/// What changes when the way of building does.
pub(crate) const MAKER: &str = "componentize-qjs --sync --opt-size, 2";

const MANIFEST: &str = "package.json";
const COMPONENTIZE: &str = "componentize-qjs";
const NPM: Tool =
    Tool { name: "npm", get: "on Debian `apt-get install nodejs npm`; elsewhere https://nodejs.org (18 or newer)" };
const NODE: Tool = Tool { name: "node", get: NPM.get };

/// What is read of `package.json`.
#[derive(Debug, Deserialize)]
struct Manifest {
    name: String,
    #[serde(default = "Manifest::default_main")]
    main: PathBuf,
}

impl Manifest {
    fn default_main() -> PathBuf {
        PathBuf::from("src/main.js")
    }

    fn read(folder: &Path) -> CliResult<Self> {
        let path = folder.join(MANIFEST);
        let bytes = fs::read(&path).map_err(|error| CliError::file("read", &path, &error))?;
        serde_json::from_slice(&bytes).map_err(|error| {
            CliError::bad_input(format_args!("{}: {error}", path.display()))
                .hint("it names the process and its first module: {\"name\": \"my-app\", \"main\": \"src/main.js\"}")
        })
    }
}

/// Whether a folder is one.
pub(crate) fn is_in(folder: &Path) -> bool {
    folder.join(MANIFEST).is_file()
}

/// What the process is called: the name in `package.json`, without its scope.
pub(crate) fn name(folder: &Path) -> CliResult<String> {
    let name = Manifest::read(folder)?.name;
    Ok(name.rsplit('/').next().unwrap_or(&name).to_owned())
}

/// Makes the component.
pub(crate) fn build(unit: &Unit) -> CliResult<Vec<u8>> {
    let manifest = Manifest::read(&unit.folder)?;
    let main = unit.folder.join(&manifest.main);
    if !main.is_file() {
        let (manifest, main) = (unit.folder.join(MANIFEST), main.display());
        return Err(CliError::bad_input(format_args!(
            "{} says `main` is {main}, which is not there",
            manifest.display()
        ))
        .hint("`main` is the module that exports `init`"));
    }
    install(&unit.folder, &format!("getting what {} needs with npm", unit.place()))?;
    let program = unit.folder.join("node_modules").join(COMPONENTIZE).join("cli.mjs");
    if !program.is_file() {
        return Err(CliError::bad_input(format_args!(
            "{} does not ask for {COMPONENTIZE}",
            unit.folder.join(MANIFEST).display()
        ))
        .hint(format_args!("cd {} && npm install --save-dev {COMPONENTIZE}@0.4.3", unit.folder.display())));
    }
    let work = unit.work();
    let wit = work.join("wit");
    wit::put_into(&wit, &unit.package, Reader::JavaScript)?;
    let entry = work.join("javascript").join("entry.js");
    put(&entry, entry_module(&manifest.main).as_bytes())?;
    let made = work.join("javascript").join("made.wasm");
    let mut node = Command::new("node");
    node.arg(&program).arg("--wit").arg(&wit).args(["--world", wit::JAVASCRIPT_WORLD, "--sync", "--opt-size"]);
    node.arg("--js").arg(&entry).arg("--module-root").arg(&unit.folder).arg("--output").arg(&made);
    NODE.run(&format!("making a component of {} (JavaScript)", unit.place()), node.current_dir(&unit.folder))?;
    let mut component = fs::read(&made).map_err(|error| CliError::file("read", &made, &error))?;
    give_init(&mut component)
        .map_err(|error| CliError::bad_input(format_args!("what {COMPONENTIZE} made cannot be used: {error}")))?;
    Ok(component)
}

/// The module that exports what the world asks for, and says so when the process has it not.
fn entry_module(main: &Path) -> String {
    let (name, export) = (main.display().to_string(), wit::JAVASCRIPT_EXPORT);
    // Relative, because that is how modules find each other within the folder.
    let from = Path::new("../..").join(main).display().to_string();
    format!(
        "import * as process from {from:?};\n\n\
         if (typeof process.init !== \"function\") throw new Error({name:?} + \" exports no function init(our)\");\n\n\
         export function {export}(our) {{\n  process.init(our);\n}}\n"
    )
}

/// The engine still exports the `init` that evaluated the modules while the component was built. It makes room for the one of
/// the process.
fn give_init(component: &mut [u8]) -> Result<(), RenameError> {
    match rename_export(component, "init", "made") {
        Ok(()) | Err(RenameError::Missing(_)) => rename_export(component, wit::JAVASCRIPT_EXPORT, "init"),
        Err(error) => Err(error),
    }
}

/// Gets what a `package.json` asks for, unless it is there: exactly what the lock file says, if there is one.
pub(crate) fn install(folder: &Path, doing: &str) -> CliResult<()> {
    let modules = folder.join("node_modules");
    let lock = folder.join("package-lock.json");
    let mut inputs = Inputs::of("npm");
    for path in [&folder.join(MANIFEST), &lock] {
        inputs.add(MANIFEST, &fs::read(path).unwrap_or_default());
    }
    let inputs = inputs.finish();
    let stamp = Stamp::at(modules.join(".wharf"));
    if stamp.is(&inputs) {
        return Ok(());
    }
    let _alone = tool::lock(&folder.join("target"))?;
    // Another build may have done it meanwhile, and be using it.
    if stamp.is(&inputs) {
        return Ok(());
    }
    let mut npm = Command::new("npm");
    npm.arg(if lock.is_file() { "ci" } else { "install" });
    npm.args(["--no-audit", "--no-fund", "--prefer-offline"]).current_dir(folder);
    NPM.run(doing, &mut npm)?;
    // A package that asks for nothing has no folder for it.
    if modules.is_dir() { stamp.write(&inputs) } else { Ok(()) }
}
