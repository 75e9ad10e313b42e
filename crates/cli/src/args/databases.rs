//! The grammar of commands about databases.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};
use wharf_types::PackageId;

const GET_EXAMPLES: &str = "\
Examples:
  wharf kv get chess:sys games last
  wharf kv get chess:sys games '\"front page\"'      a key that a program wrote as JSON text, with its quotes
  wharf kv get chess:sys games --hex 00ff > value";

const SET_EXAMPLES: &str = "\
Examples:
  wharf kv set chess:sys games last 17
  wharf kv set chess:sys games picture --file board.png";

const SCAN_EXAMPLES: &str = "\
Examples:
  wharf kv scan chess:sys games
  wharf kv scan chess:sys games player/ --limit 10
  wharf kv scan chess:sys games --reverse --json | jq -r '.[].key'";

pub(super) const KV_EXAMPLES: &str = "\
Examples:
  wharf kv get chess:sys games last
  wharf kv set chess:sys games last 17
  wharf kv scan chess:sys games player/";

pub(super) const SQL_EXAMPLES: &str = "\
Examples:
  wharf sql chess:sys notes 'SELECT * FROM note LIMIT 10'
  wharf sql chess:sys notes \"UPDATE note SET text = 'x' WHERE id = 7\"
  wharf sql chess:sys notes 'SELECT name, sql FROM sqlite_schema'
  wharf sql chess:sys notes 'SELECT * FROM note' --json | jq '.rows[][1]'

One statement. What begins with SELECT, VALUES, WITH, EXPLAIN or PRAGMA is a query and changes nothing.";

/// Arguments of `wharf kv`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Kv {
    #[command(subcommand)]
    pub(crate) command: KvCommand,
}

/// What `wharf kv` does.
#[derive(Debug, Subcommand)]
pub(crate) enum KvCommand {
    /// Print the value of a key
    #[command(after_help = GET_EXAMPLES)]
    Get(KvGet),
    /// Set a key
    #[command(after_help = SET_EXAMPLES)]
    Set(KvSet),
    /// List keys in order, with their values
    #[command(after_help = SCAN_EXAMPLES)]
    Scan(KvScan),
}

/// A database.
#[derive(Debug, ClapArgs)]
pub(crate) struct DatabaseArgs {
    /// The package that it belongs to, `package:publisher`
    pub(crate) package: PackageId,

    /// Its name
    pub(crate) db: String,
}

/// How keys are typed.
#[derive(Debug, ClapArgs)]
pub(crate) struct KeyForm {
    /// Keys are typed as hexadecimal digits
    #[arg(long)]
    hex: bool,
}

impl KeyForm {
    /// The bytes of a key that was typed.
    pub(crate) fn read(&self, text: &str) -> Option<Vec<u8>> {
        if !self.hex {
            return Some(text.as_bytes().to_vec());
        }
        let digits = text.as_bytes();
        let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let is_hex = digits.len().is_multiple_of(2) && digits.iter().all(u8::is_ascii_hexdigit);
        if is_hex { digits.chunks(2).map(pair).collect() } else { None }
    }
}

/// Arguments of `wharf kv get`.
#[derive(Debug, ClapArgs)]
pub(crate) struct KvGet {
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,

    /// The key
    pub(crate) key: String,

    #[command(flatten)]
    pub(crate) form: KeyForm,
}

/// Arguments of `wharf kv set`.
#[derive(Debug, ClapArgs)]
pub(crate) struct KvSet {
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,

    /// The key
    pub(crate) key: String,

    /// The value, as text
    #[arg(required_unless_present = "file", allow_hyphen_values = true)]
    pub(crate) value: Option<String>,

    /// Take the value from this file
    #[arg(long, value_name = "FILE", conflicts_with = "value")]
    pub(crate) file: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) form: KeyForm,
}

/// Arguments of `wharf kv scan`.
#[derive(Debug, ClapArgs)]
pub(crate) struct KvScan {
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,

    /// Only keys that begin like this
    #[arg(default_value = "")]
    pub(crate) prefix: String,

    /// Begin with this key
    #[arg(long, value_name = "KEY")]
    pub(crate) from: Option<String>,

    /// End after so many keys
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100)]
    pub(crate) limit: u64,

    /// The largest key first
    #[arg(short, long)]
    pub(crate) reverse: bool,

    #[command(flatten)]
    pub(crate) form: KeyForm,
}

/// Arguments of `wharf sql`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Sql {
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,

    /// One statement
    pub(crate) statement: String,
}

#[cfg(test)]
mod tests {
    use super::KeyForm;

    #[test]
    fn keys_are_text_or_digits() {
        assert_eq!(KeyForm { hex: false }.read("00"), Some(b"00".to_vec()));
        assert_eq!(KeyForm { hex: true }.read("00fF"), Some(vec![0, 255]));
        for bad in ["0", "0x", "+1", "ää"] {
            assert_eq!(KeyForm { hex: true }.read(bad), None, "{bad}");
        }
    }
}
