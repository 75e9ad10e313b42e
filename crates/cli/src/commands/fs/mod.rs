//! `wharf fs`: the files of packages.

mod args;
mod remote;
mod transfer;

use std::collections::VecDeque;

use serde::Serialize;
use wharf_types::vfs::{DirEntry, FileType, VfsAction};

use args::{Du, Ls, Rm};
pub(crate) use args::{EXAMPLES, Fs};
use remote::Remote;

use crate::client::Client;
use crate::errors::{CliError, CliResult};
use crate::output::{Format, Output};
use crate::prompt::confirm;
use crate::table::{Align, Cell, Table};
use crate::text;

/// Does what the arguments say.
pub(crate) fn run(fs: &Fs, client: &Client, output: &mut Output) -> CliResult<()> {
    let remote = Remote::of(client);
    match fs {
        Fs::Ls(args) => list(args, &remote, output),
        Fs::Cat(args) => transfer::cat(&args.path, &remote, output),
        Fs::Get(args) => {
            let (file, bytes) = transfer::get(&args.path, args.file.as_deref(), &remote)?;
            copied(&args.path, &file.display().to_string(), bytes, output)
        }
        Fs::Put(args) => {
            let (path, bytes) = transfer::put(&args.file, &args.path, &remote)?;
            copied(&args.file.display().to_string(), &path, bytes, output)
        }
        Fs::Rm(args) => remove(args, &remote, output),
        Fs::Du(args) => usage(args, &remote, output),
    }
}

/// What was copied, for programs.
#[derive(Serialize)]
struct Copied<'a> {
    from: &'a str,
    to: &'a str,
    bytes: u64,
}

fn copied(from: &str, to: &str, bytes: u64, output: &mut Output) -> CliResult<()> {
    match output.format() {
        Format::Json => output.json(&Copied { from, to, bytes }),
        Format::Text => {
            let (from, to) = (text::clean_line(from), text::clean_line(to));
            output.line(&format!("{from} -> {to} ({})", size(bytes)))
        }
    }
}

fn size(bytes: u64) -> String {
    text::bytes(usize::try_from(bytes).unwrap_or(usize::MAX))
}

/// An entry, for programs.
#[derive(Serialize)]
struct Listed {
    /// With a leading slash, as every command takes it.
    path: String,
    file_type: FileType,
    /// Only when it was asked for, and only of files.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
}

fn list(args: &Ls, remote: &Remote<'_>, output: &mut Output) -> CliResult<()> {
    let mut listed = Vec::new();
    for DirEntry { path, file_type } in remote.list(&args.path)? {
        let path = format!("/{path}");
        let bytes = match file_type {
            FileType::File if args.long => Some(remote.metadata(&path)?.len),
            _ => None,
        };
        listed.push(Listed { path, file_type, bytes });
    }
    match output.format() {
        Format::Json => output.json(&listed),
        Format::Text if args.long => output.table(&table(&listed)),
        Format::Text => listed.iter().try_for_each(|entry| output.line(&name(entry))),
    }
}

fn table(listed: &[Listed]) -> Table {
    let mut table = Table::new(&[("SIZE", Align::Right), ("NAME", Align::Left)]);
    for entry in listed {
        table.push(vec![Cell::new(entry.bytes.map_or("-".to_owned(), size)), Cell::new(name(entry))]);
    }
    table
}

/// The last part of its path, with a sign for what is no file.
fn name(entry: &Listed) -> String {
    let name = text::clean_line(entry.path.rsplit('/').next().unwrap_or_default());
    match entry.file_type {
        FileType::File => name,
        FileType::Directory => format!("{name}/"),
        FileType::Symlink => format!("{name} (a link, not followed)"),
        FileType::Other => format!("{name} (no file)"),
    }
}

fn remove(args: &Rm, remote: &Remote<'_>, output: &mut Output) -> CliResult<()> {
    let path = &args.path;
    let kind = remote.metadata(path)?.file_type;
    let action = match (kind, args.recursive) {
        (FileType::Directory, true) => {
            let question = format!("remove {} with all in it?", text::clean_line(path));
            confirm(&question, args.consent.given(), &format!("{path} was not removed"))?;
            VfsAction::RemoveDirAll
        }
        (FileType::Directory, false) => {
            return Err(CliError::bad_input(format_args!("{path} is a folder")).hint("`-r` removes it with all in it"));
        }
        _ => VfsAction::RemoveFile,
    };
    remote.act("remove", path, action, None)?;
    match output.format() {
        Format::Json => output.json(&serde_json::json!({ "removed": path })),
        Format::Text => output.line(&format!("removed {}", text::clean_line(path))),
    }
}

/// What a folder has, for programs.
#[derive(Default, Serialize)]
struct Usage {
    path: String,
    bytes: u64,
    files: u64,
    folders: u64,
}

fn usage(args: &Du, remote: &Remote<'_>, output: &mut Output) -> CliResult<()> {
    let mut usage = Usage { path: args.path.clone(), ..Usage::default() };
    let mut folders = VecDeque::from([args.path.clone()]);
    while let Some(folder) = folders.pop_front() {
        for DirEntry { path, file_type } in remote.list(&folder)? {
            let path = format!("/{path}");
            if file_type == FileType::Directory {
                usage.folders += 1;
                folders.push_back(path);
            } else {
                usage.files += 1;
                // What is removed meanwhile has nothing any more.
                usage.bytes += remote.metadata(&path).map_or(0, |metadata| metadata.len);
            }
        }
    }
    match output.format() {
        Format::Json => output.json(&usage),
        Format::Text => {
            let Usage { path, bytes, files, folders } = usage;
            output.line(&format!("{}  {} in {files} files and {folders} folders", size(bytes), text::clean_line(&path)))
        }
    }
}
