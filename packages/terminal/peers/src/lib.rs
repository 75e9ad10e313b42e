//! `peers`: lists the nodes that this one is connected to. There is no network yet, so there are none.

use wharf_process_lib::Address;

fn peers(_our: Address, _arguments: String) -> String {
    "no peers: this node has no network yet".to_owned()
}

wharf_process_lib::script!(peers);
