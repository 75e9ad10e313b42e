//! `top [<process-id>] [-c|--show-caps]`: lists the processes, or shows one.

use wharf_process_lib::{Address, ProcessId, kernel};
use wharf_types::kernel::ProcessInfo;

const USAGE: &str = "usage: top [<process:package:publisher>] [-c]";

fn top(_our: Address, arguments: String) -> Result<String, String> {
    let (mut process, mut with_capabilities) = (None, false);
    for word in arguments.split_whitespace() {
        match word {
            "-c" | "--show-caps" => with_capabilities = true,
            id if process.is_none() => {
                process = Some(id.parse::<ProcessId>().map_err(|error| format!("{error}\n{USAGE}"))?);
            }
            _ => return Err(USAGE.to_owned()),
        }
    }
    let mut processes = kernel::processes().map_err(|error| error.to_string())?;
    if let Some(wanted) = &process {
        processes.retain(|info| info.id == *wanted);
        if processes.is_empty() {
            return Err(format!("there is no process {wanted}"));
        }
    }
    let mut lines = vec![format!("{:<12} {:>7} {:>8} {:>12}  process", "phase", "mailbox", "restarts", "capabilities")];
    for info in &processes {
        lines.push(line(info));
        if with_capabilities {
            lines.extend(capabilities(&info.id)?);
        }
    }
    Ok(lines.join("\n"))
}

fn line(info: &ProcessInfo) -> String {
    let phase = format!("{:?}", info.phase).to_lowercase();
    format!("{phase:<12} {:>7} {:>8} {:>12}  {}", info.mailbox, info.restarts, info.capabilities, info.id)
}

fn capabilities(process: &ProcessId) -> Result<Vec<String>, String> {
    let held = kernel::capabilities(process).map_err(|error| error.to_string())?.held;
    Ok(held.iter().map(|held| format!("    {} {}", held.capability.issuer, held.capability.params)).collect())
}

wharf_process_lib::script!(top);
