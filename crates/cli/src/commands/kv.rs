//! `wharf kv`: keys and values of a package.

use std::fs;

use serde_json::{Value, json};
use wharf_types::ProcessId;
use wharf_types::kv::{KvAction, KvError, KvOrder, KvRequest, KvResponse, KvScan};

use crate::args::{DatabaseArgs, KeyForm, Kv, KvCommand, KvGet, KvScan as ScanArgs, KvSet};
use crate::client::{Client, QUICK_S, unexpected};
use crate::commands::list;
use crate::errors::{CliError, CliResult};
use crate::output::{Format, Output, Reader, note};
use crate::table::{Align, Cell, Table};
use crate::text;

/// Letters of a value that a table shows.
const SHOWN_MAX: usize = 80;

/// A key with its value.
type Entry = (Vec<u8>, Vec<u8>);

/// Does what the arguments say.
pub(crate) fn run(args: &Kv, client: &Client, output: &mut Output) -> CliResult<()> {
    match &args.command {
        KvCommand::Get(args) => get(args, client, output),
        KvCommand::Set(args) => set(args, client, output),
        KvCommand::Scan(args) => scan(args, client, output),
    }
}

fn get(args: &KvGet, client: &Client, output: &mut Output) -> CliResult<()> {
    let key = key(&args.form, &args.key)?;
    let (_, value) = ask(client, &args.database, KvAction::Get(key.clone()), None)?;
    match (output.format(), output.reader()) {
        (Format::Json, _) => output.json(&json!({ "key": readable(&key), "value": readable(&value) })),
        (Format::Text, Reader::Program) => output.raw(&value),
        (Format::Text, Reader::Terminal) => match std::str::from_utf8(&value) {
            Ok(value) => output.line(&text::clean_block(value, "")),
            Err(_) => {
                note(&format!("the value is {} that are not text; send them to a file", text::bytes(value.len())));
                Ok(())
            }
        },
    }
}

fn set(args: &KvSet, client: &Client, output: &mut Output) -> CliResult<()> {
    let value = match (&args.file, &args.value) {
        (Some(path), _) => fs::read(path).map_err(|error| CliError::file("read the value", path, &error))?,
        (None, value) => value.clone().unwrap_or_default().into_bytes(),
    };
    let key = key(&args.form, &args.key)?;
    ask(client, &args.database, KvAction::Set { key: key.clone(), tx_id: None }, Some(&value))?;
    match output.format() {
        Format::Json => output.json(&json!({ "key": readable(&key), "bytes": value.len() })),
        Format::Text => Ok(()),
    }
}

fn scan(args: &ScanArgs, client: &Client, output: &mut Output) -> CliResult<()> {
    let from = args.from.as_deref().map(|from| key(&args.form, from)).transpose()?;
    let order = if args.reverse { KvOrder::Descending } else { KvOrder::Ascending };
    let mut wanted = KvScan { prefix: key(&args.form, &args.prefix)?, from, limit: Some(args.limit), order };
    let mut entries: Vec<Entry> = Vec::new();
    let more = loop {
        let (response, values) = ask(client, &args.database, KvAction::Scan(wanted.clone()), None)?;
        let KvResponse::Scan { entries: found, next } = response else { return Err(unexpected("kv", &response)) };
        let mut rest = values.as_slice();
        for entry in found {
            let taken = usize::try_from(entry.bytes).ok().and_then(|bytes| rest.split_at_checked(bytes));
            let (value, left) = taken.ok_or_else(|| unexpected("kv", &"a value that is cut"))?;
            rest = left;
            entries.push((entry.key, value.to_vec()));
        }
        let left = args.limit.saturating_sub(entries.len() as u64);
        match next {
            Some(next) if left > 0 => wanted = KvScan { from: Some(next), limit: Some(left), ..wanted },
            next => break next,
        }
    };
    show(&entries, output)?;
    if let Some(next) = more.filter(|_| output.format() == Format::Text) {
        output.flush()?;
        note(&format!("there is more, from {}; `--limit` shows more", shown(&next)));
    }
    Ok(())
}

fn show(entries: &[Entry], output: &mut Output) -> CliResult<()> {
    if output.format() == Format::Json {
        let list: Vec<Value> =
            entries.iter().map(|(key, value)| json!({ "key": readable(key), "value": readable(value) })).collect();
        return output.json(&list);
    }
    let mut table = Table::new(&[("KEY", Align::Left), ("BYTES", Align::Right), ("VALUE", Align::Left)]);
    for (key, value) in entries {
        table.push(vec![Cell::new(shown(key)), Cell::new(value.len()), Cell::new(shown(value))]);
    }
    output.table(&table)
}

/// The bytes of a key that was typed.
fn key(form: &KeyForm, typed: &str) -> CliResult<Vec<u8>> {
    form.read(typed).ok_or_else(|| CliError::bad_input(format_args!("{typed:?} is not hexadecimal digits")))
}

/// For people: text, or the digits of the bytes; cut.
fn shown(bytes: &[u8]) -> String {
    let whole =
        std::str::from_utf8(bytes).map_or_else(|_| format!("0x{}", wharf_types::hex::encode(bytes)), str::to_owned);
    let mut cut: String = whole.chars().take(SHOWN_MAX).collect();
    if cut.len() < whole.len() {
        cut.push('…');
    }
    cut
}

/// For programs: text, or `{"hex":"..."}`.
fn readable(bytes: &[u8]) -> Value {
    std::str::from_utf8(bytes).map_or_else(|_| json!({ "hex": wharf_types::hex::encode(bytes) }), |text| json!(text))
}

fn ask(
    client: &Client,
    database: &DatabaseArgs,
    action: KvAction,
    blob: Option<&[u8]>,
) -> CliResult<(KvResponse, Vec<u8>)> {
    let request = KvRequest { package_id: database.package.clone(), db: database.db.clone(), action };
    let (answer, bytes) = client.ask_for_bytes(&ProcessId::system("kv"), &request, blob, QUICK_S)?;
    match answer.body {
        KvResponse::Err(error) => {
            let reason = answer.failure.map_or_else(|| error.to_string(), |failure| failure.error);
            let refused = CliError::refused(text::clean_line(&reason));
            Err(match error {
                KvError::NoDb(..) => match list::meant(client, &database.package) {
                    Some(meant) => refused.hint(format_args!("did you mean the package `{meant}`?")),
                    None => refused.hint("a database is made when a process of its package opens it"),
                },
                KvError::KeyNotFound => refused.hint("`wharf kv scan` lists the keys; those of JSON have their quotes"),
                _ => refused,
            })
        }
        response => Ok((response, bytes.unwrap_or_default())),
    }
}
