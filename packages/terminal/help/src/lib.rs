//! `help [<command>]`: says what can be typed.

use wharf_process_lib::Address;

/// Name, arguments, what it does.
const COMMANDS: [(&str, &str, &str); 9] = [
    ("alias", "<name> [<process-id>]", "make a short name for a script; without an id, remove it"),
    ("cat", "<path>", "show a file, for example /terminal:sys/pkg/scripts.json"),
    ("echo", "<text>", "show the text"),
    ("help", "[<command>]", "show this"),
    ("hi", "<node> <text>", "greet a node; without a network, only `our` answers"),
    ("kill", "<process-id>", "end a process"),
    ("m", "<address> <body> [-a <seconds>]", "send a message, and with -a show its response; quote a body with '...'"),
    ("peers", "", "list the nodes that this one is connected to"),
    ("top", "[<process-id>] [-c]", "list the processes, or show one; -c also shows its capabilities"),
];

fn help(_our: Address, arguments: String) -> Result<String, String> {
    let wanted = arguments.trim();
    if wanted.is_empty() {
        let lines = COMMANDS.iter().map(|(name, arguments, does)| format!("{name} {arguments}\n    {does}"));
        let rest = "<process:package:publisher> <arguments>\n    run a script of a package";
        return Ok(lines.chain([rest.to_owned()]).collect::<Vec<_>>().join("\n"));
    }
    let found = COMMANDS.iter().find(|(name, ..)| *name == wanted);
    let (name, arguments, does) = found.ok_or_else(|| format!("there is no help for {wanted}"))?;
    Ok(format!("{name} {arguments}\n    {does}"))
}

wharf_process_lib::script!(help);
