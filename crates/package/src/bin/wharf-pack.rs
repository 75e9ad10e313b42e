//! Packs one package: compiled modules in, an installable zip out.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use wharf_package::{Assembled, assemble};

const USAGE: &str = "\
Packs a package into the zip that a node installs.

Usage: wharf-pack <package-dir> --modules <dir> --out <zip or folder>

  <package-dir>      has metadata.json and pkg/manifest.json; optionally pkg/scripts.json, pkg/ui/ and api/
  --modules <dir>    has the compiled modules; `/my-app.wasm` in the manifest is made of `<package>_my_app.wasm` or, where
                     there is none, of `my_app.wasm`
  --out <path>       the zip to write; in a folder it is named <package>:<publisher>.zip

The same contents always give the same zip. Nothing is written into <package-dir>.
";

/// What the command line says.
struct Arguments {
    package_dir: PathBuf,
    modules_dir: PathBuf,
    out: PathBuf,
}

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        // A closed output is the reader's choice, not an error.
        let _ = std::io::stdout().write_all(USAGE.as_bytes());
        return ExitCode::SUCCESS;
    }
    match parse(arguments).and_then(|arguments| run(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("wharf-pack: {message}");
            ExitCode::FAILURE
        }
    }
}

fn parse(arguments: Vec<OsString>) -> Result<Arguments, String> {
    let (mut package_dir, mut modules_dir, mut out) = (None, None, None);
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let slot = match argument.to_str() {
            Some("--modules") => &mut modules_dir,
            Some("--out") => &mut out,
            Some(flag) if flag.starts_with('-') => return Err(format!("unknown option {flag}\n\n{USAGE}")),
            _ if package_dir.is_none() => {
                package_dir = Some(PathBuf::from(argument));
                continue;
            }
            _ => return Err(format!("one package at a time, please\n\n{USAGE}")),
        };
        let value =
            arguments.next().ok_or_else(|| format!("{} needs a value\n\n{USAGE}", argument.to_string_lossy()))?;
        *slot = Some(PathBuf::from(value));
    }
    let needed = |value: Option<PathBuf>, what: &str| value.ok_or_else(|| format!("{what} is missing\n\n{USAGE}"));
    Ok(Arguments {
        package_dir: needed(package_dir, "<package-dir>")?,
        modules_dir: needed(modules_dir, "--modules")?,
        out: needed(out, "--out")?,
    })
}

fn run(arguments: &Arguments) -> Result<(), String> {
    let source = arguments.package_dir.display();
    let assembled =
        assemble(&arguments.package_dir, &arguments.modules_dir).map_err(|error| format!("{source}: {error}"))?;
    let out = if arguments.out.is_dir() { arguments.out.join(assembled.file_name()) } else { arguments.out.clone() };
    write(&out, &assembled.zip).map_err(|error| format!("cannot write {}: {error}", out.display()))?;
    report(&out, &assembled);
    Ok(())
}

/// Writes beside the target and renames: whoever reads it meanwhile sees the old zip or the new one.
fn write(out: &Path, zip: &[u8]) -> std::io::Result<()> {
    let mut partial = out.as_os_str().to_owned();
    partial.push(format!(".{}.partial", std::process::id()));
    let partial = PathBuf::from(partial);
    let written = std::fs::write(&partial, zip).and_then(|()| std::fs::rename(&partial, out));
    if written.is_err() {
        // Best effort; the error that counts is the one being returned.
        let _ = std::fs::remove_file(&partial);
    }
    written
}

fn report(out: &Path, assembled: &Assembled) {
    let processes = match assembled.contents.manifest().entries().len() {
        1 => "1 process".to_owned(),
        count => format!("{count} processes"),
    };
    let line = format!(
        "packed {}: {processes}, {} KiB, {}\n",
        assembled.package,
        assembled.zip.len().div_ceil(1024),
        out.display()
    );
    let _ = std::io::stdout().write_all(line.as_bytes());
}
