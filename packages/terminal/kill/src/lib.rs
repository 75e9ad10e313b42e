//! `kill <process-id>`: ends a process.

use wharf_process_lib::{Address, ProcessId, kernel};

fn kill(_our: Address, arguments: String) -> Result<String, String> {
    let process = arguments.trim();
    if process.is_empty() {
        return Err("usage: kill <process:package:publisher>".to_owned());
    }
    let process: ProcessId = process.parse().map_err(|error| format!("{error}"))?;
    kernel::kill(&process).map_err(|error| error.to_string())?;
    Ok(format!("ended {process}"))
}

wharf_process_lib::script!(kill);
