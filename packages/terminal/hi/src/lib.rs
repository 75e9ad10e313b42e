//! `hi <node> <text>`: greets a node. There is no network yet, so only this one answers.

use wharf_process_lib::{Address, NodeName, kernel};

fn hi(our: Address, arguments: String) -> Result<String, String> {
    let (node, text) = arguments.trim().split_once(' ').ok_or("usage: hi <node> <text>")?;
    if text.trim().is_empty() {
        return Err("usage: hi <node> <text>".to_owned());
    }
    if node != NodeName::OUR && node != our.node().as_str() {
        return Err(format!("{node} cannot be greeted: this node has no network yet"));
    }
    // Asked, so that the answer says something: that this node works.
    let status = kernel::status().map_err(|error| error.to_string())?;
    Ok(format!("response from {}: ack", status.node))
}

wharf_process_lib::script!(hi);
