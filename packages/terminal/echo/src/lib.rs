//! `echo <text>`: shows the text.

use wharf_process_lib::Address;

fn echo(_our: Address, arguments: String) -> String {
    arguments
}

wharf_process_lib::script!(echo);
