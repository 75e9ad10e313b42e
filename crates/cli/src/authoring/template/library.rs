//! What comes with a package in a language whose packages bring their library along.

use super::files::Fixed;

/// Files of a folder of templates, in `src/`.
macro_rules! library {
    ($folder:literal: $($file:literal),* $(,)?) => {
        &[$((concat!("src/", $file), include_str!(concat!("../../../templates/", $folder, "/", $file)))),*]
    };
}

pub(super) const JAVASCRIPT: &[Fixed] = library!("js":
    "wharf.js",
    "wharf/address.js",
    "wharf/bytes.js",
    "wharf/capability.js",
    "wharf/file.js",
    "wharf/http.js",
    "wharf/http_bind.js",
    "wharf/http_client.js",
    "wharf/http_request.js",
    "wharf/kernel.js",
    "wharf/kv.js",
    "wharf/message.js",
    "wharf/module.js",
    "wharf/process.js",
    "wharf/random.js",
    "wharf/reply.js",
    "wharf/request.js",
    "wharf/router.js",
    "wharf/script.js",
    "wharf/service.js",
    "wharf/socket.js",
    "wharf/sqlite.js",
    "wharf/state.js",
    "wharf/stream.js",
    "wharf/timer.js",
    "wharf/vfs.js",
);

pub(super) const PYTHON: &[Fixed] = library!("python":
    "wharf/__init__.py",
    "wharf/address.py",
    "wharf/capability.py",
    "wharf/drive.py",
    "wharf/file.py",
    "wharf/http.py",
    "wharf/http_bind.py",
    "wharf/http_client.py",
    "wharf/http_request.py",
    "wharf/kernel.py",
    "wharf/kv.py",
    "wharf/message.py",
    "wharf/module.py",
    "wharf/process.py",
    "wharf/reply.py",
    "wharf/request.py",
    "wharf/router.py",
    "wharf/script.py",
    "wharf/service.py",
    "wharf/socket.py",
    "wharf/sqlite.py",
    "wharf/state.py",
    "wharf/stream.py",
    "wharf/timer.py",
    "wharf/vfs.py",
);

pub(super) const C: &[Fixed] = library!("c": "wharf.h", "wharf.c");

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_file_of_a_library_comes_with_the_package() {
        for (folder, library) in [("js", JAVASCRIPT), ("python", PYTHON)] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates").join(folder).join("wharf");
            let names =
                std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
            let there: BTreeSet<_> = names.filter(|name| name != "__pycache__").collect();
            let listed = library.iter().filter_map(|(name, _)| name.strip_prefix("src/wharf/").map(str::to_owned));
            assert_eq!(listed.collect::<BTreeSet<_>>(), there);
        }
    }
}
