//! The interfaces that a package's processes are built with, in the place where tools look for them.

use std::fs;
use std::path::Path;

use crate::authoring::inputs::put;
use crate::errors::{CliError, CliResult};

/// The interface of processes.
const PROCESS: &str = include_str!("../../../../wit/kinode.wit");

/// What a process in JavaScript is made with. Its engine has an `init` of its own, so the one of the process gets this name
/// until the component is made.
pub(crate) const JAVASCRIPT_EXPORT: &str = "main";
/// The world with that name in it.
pub(crate) const JAVASCRIPT_WORLD: &str = "javascript-process";
const JAVASCRIPT: &str = "\
/// What a process in JavaScript is made of, before its `main` is called `init`.
world javascript-process {
    include lib;
    import wasi:random/random@0.2.0;
    export main: func(our: string);
}
";
const RANDOM: &str = "\
package wasi:random@0.2.0;

interface random {
    /// Bytes that nobody can foresee.
    get-random-bytes: func(len: u64) -> list<u8>;
}
";

/// Which tool reads them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// One that exports `init` as it is.
    Any,
    /// The one for JavaScript.
    JavaScript,
}

/// Names and contents: the interface of processes, and those of the package itself.
pub(crate) fn interfaces(package: &Path) -> CliResult<Vec<(String, Vec<u8>)>> {
    let mut interfaces = vec![("kinode.wit".to_owned(), PROCESS.as_bytes().to_vec())];
    let api = package.join("api");
    if !api.is_dir() {
        return Ok(interfaces);
    }
    let failed = |error| CliError::file("read the folder", &api, &error);
    for entry in fs::read_dir(&api).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().and_then(|end| end.to_str()) == Some("wit") {
            let bytes = fs::read(&path).map_err(|error| CliError::file("read", &path, &error))?;
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            interfaces.push((name, bytes));
        }
    }
    interfaces.sort();
    Ok(interfaces)
}

/// Puts them into a folder, for example where `wit_bindgen::generate!({ path: "target/wit", … })` looks for them.
pub(crate) fn put_into(folder: &Path, package: &Path, reader: Reader) -> CliResult<()> {
    for (name, bytes) in interfaces(package)? {
        put(&folder.join(name), &bytes)?;
    }
    if reader == Reader::JavaScript {
        put(&folder.join("javascript.wit"), JAVASCRIPT.as_bytes())?;
        put(&folder.join("deps/random.wit"), RANDOM.as_bytes())?;
    }
    Ok(())
}
