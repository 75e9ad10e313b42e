//! Processes in C: a folder with `src/*.c`, compiled by `zig cc`, or by clang with a sysroot of WASI.
//!
//! The bindings are written here, by `wit-bindgen-c`, as `process_v1.h` and what is behind it.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use wit_bindgen_core::Files;
use wit_bindgen_core::wit_parser::Resolve;

use crate::authoring::code::Unit;
use crate::authoring::inputs::put;
use crate::authoring::python::Environment;
use crate::authoring::tool::Tool;
use crate::authoring::wit::{self, Reader};
use crate::errors::{CliError, CliResult};

/// What changes when the way of building does.
pub(crate) const MAKER: &str = "zig cc -Os, wit-bindgen-c 0.60, stack of 256 KiB, 1";

const WORLD: &str = "process-v1";
/// Bytes for variables of functions. All of them are memory of the process from its start, and zig's own choice is 16 MiB.
const STACK: &str = "-Wl,-z,stack-size=262144";
/// Folders of a WASI sysroot, as they are on Debian, and in wasi-sdk.
const SYSROOTS: [&str; 2] = ["/usr/share/wasi-sysroot", "/opt/wasi-sdk/share/wasi-sysroot"];
const COMPILER: Tool = Tool {
    name: "zig",
    get: "put a line `ziglang==0.17.0` into requirements.txt, which gets it with pip; or get it from https://ziglang.org",
};

/// Whether a folder is one: it has C, and is not a crate or the like that has C among other things.
pub(crate) fn is_in(folder: &Path) -> bool {
    const OTHERS: [&str; 3] = ["Cargo.toml", "package.json", "pyproject.toml"];
    OTHERS.iter().all(|other| !folder.join(other).exists()) && !sources(&folder.join("src")).is_empty()
}

/// The C files in a folder, in order.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut sources: Vec<_> = paths.filter(|path| path.extension().is_some_and(|end| end == "c")).collect();
    sources.sort();
    sources
}

/// Makes the module; that it becomes a component is no matter of C.
pub(crate) fn build(unit: &Unit) -> CliResult<Vec<u8>> {
    let generated = unit.work().join("c");
    write_bindings(unit, &generated)?;
    let made = generated.join("made.wasm");
    let mut compiler = compiler(unit)?;
    compiler.args(["-Os", "-mexec-model=reactor", "-Wall", "-Wextra", STACK]).arg("-I").arg(&generated);
    compiler.args(sources(&unit.folder.join("src"))).arg(generated.join("process_v1.c"));
    compiler.arg(generated.join("process_v1_component_type.o")).arg("-o").arg(&made).current_dir(&unit.folder);
    COMPILER.run(&format!("compiling {} (C)", unit.place()), &mut compiler)?;
    fs::read(&made).map_err(|error| CliError::file("read", &made, &error))
}

/// What compiles C for WASI: what the package asks for, or what is on this machine.
fn compiler(unit: &Unit) -> CliResult<Command> {
    let mut zig = if unit.folder.join("requirements.txt").is_file() {
        let mut python = Command::new(Environment::of(unit)?.program("python3"));
        python.args(["-m", "ziglang"]);
        python
    } else if let Some(zig) = env::var_os("ZIG").or_else(|| on_this_machine("zig")) {
        Command::new(zig)
    } else if let Some(clang) = clang() {
        return Ok(clang);
    } else {
        return Err(CliError::bad_input("this package is written in C, and there is no compiler for WebAssembly here")
            .hint(COMPILER.get));
    };
    // `-s`: names and lines of functions would be most of the module.
    zig.args(["cc", "--target=wasm32-wasi", "-s"]);
    Ok(zig)
}

fn clang() -> Option<Command> {
    let sysroot = SYSROOTS.iter().find(|folder| Path::new(folder).is_dir())?;
    let mut clang = Command::new(on_this_machine("clang")?);
    clang.arg("--target=wasm32-wasi").arg(format!("--sysroot={sysroot}")).arg("-Wl,--strip-all");
    Some(clang)
}

/// A program, if it can be run.
fn on_this_machine(program: &str) -> Option<OsString> {
    let mut command = Command::new(program);
    command.arg(if program == "zig" { "version" } else { "--version" });
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success()).then(|| program.into())
}

fn write_bindings(unit: &Unit, folder: &Path) -> CliResult<()> {
    let wit = unit.work().join("wit");
    wit::put_into(&wit, &unit.package, Reader::Any)?;
    let refused = |error: String| {
        CliError::bad_input(format_args!("the interfaces in {} cannot be used: {error}", wit.display()))
    };
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(&wit).map_err(|error| refused(format!("{error:#}")))?;
    let world = resolve.select_world(&[package], Some(WORLD)).map_err(|error| refused(format!("{error:#}")))?;
    let mut files = Files::default();
    let mut generator = wit_bindgen_c::Opts::default().build();
    generator.generate(&mut resolve, world, &mut files).map_err(|error| refused(format!("{error:#}")))?;
    files.iter().try_for_each(|(name, bytes)| put(&folder.join(name), bytes))
}
