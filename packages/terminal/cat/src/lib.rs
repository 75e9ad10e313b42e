//! `cat <path>`: shows a file of any package.

use wharf_process_lib::{Address, vfs};

fn cat(_our: Address, arguments: String) -> Result<String, String> {
    let path = arguments.trim();
    if path.is_empty() {
        return Err("usage: cat /<package:publisher>/<drive>/<file>".to_owned());
    }
    let bytes = vfs::read(path).map_err(|error| error.to_string())?;
    let count = bytes.len();
    String::from_utf8(bytes).map_err(|_| format!("{path} is not text: it has {count} bytes"))
}

wharf_process_lib::script!(cat);
