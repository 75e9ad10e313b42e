//! `wharf key`: the keys with which the user signs packages.

use crate::args::{Key, KeyCommand};
use crate::errors::CliResult;
use crate::output::{Format, Output, note};
use crate::publisher_keys::{PublicKey, PublisherKeys};
use crate::table::{Align, Cell, Table};

/// Makes, lists or shows keys.
pub(crate) fn run(args: &Key, output: &mut Output) -> CliResult<()> {
    let keys = PublisherKeys::of(&args.keys)?;
    match &args.command {
        KeyCommand::New { publisher } => {
            let (made, path) = keys.make(publisher)?;
            note(&format!("the key of {publisher} is in {}; keep a copy of it in a safe place", path.display()));
            show(&made, output)
        }
        KeyCommand::Show { publisher } => show(&keys.show(publisher)?, output),
        KeyCommand::List => list(&keys.list()?, output),
    }
}

fn show(key: &PublicKey, output: &mut Output) -> CliResult<()> {
    match output.format() {
        Format::Json => output.json(key),
        Format::Text => output.line(&key.public_key),
    }
}

fn list(keys: &[PublicKey], output: &mut Output) -> CliResult<()> {
    if output.format() == Format::Json {
        return output.json(&keys);
    }
    if keys.is_empty() {
        note("you have no keys; `wharf key new PUBLISHER` makes one");
        return Ok(());
    }
    let mut table = Table::new(&[("PUBLISHER", Align::Left), ("PUBLIC KEY", Align::Left)]);
    for key in keys {
        table.push(vec![Cell::new(&key.publisher), Cell::new(&key.public_key)]);
    }
    output.table(&table)
}
