//! `wharf backup`: everything that a node is, in one file, while it runs.

use std::path::{Path, PathBuf};

use serde::Serialize;
use wharf_home::Home;
use wharf_types::ProcessId;
use wharf_types::kernel::{KernelCommand, KernelResponse};
use wharf_types::kv::{KvAction, KvError, KvRequest, KvResponse};
use wharf_types::rpc::RpcMessage;
use wharf_types::sqlite::{SqliteAction, SqliteError, SqliteRequest, SqliteResponse};
use wharf_types::state::{StateAction, StateResponse};

use crate::args::Backup;
use crate::backup::{ArchiveError, Copied, Copying, Database, Module, Packed, pack, sync_folder};
use crate::client::{self, Client, unexpected};
use crate::errors::{CliError, CliResult};
use crate::output::{Format, Output, note};
use crate::text;

/// How long the node may take to copy its database.
const COPY_WAIT_S: u64 = 600;

/// What was made, for programs.
#[derive(Serialize)]
struct Made {
    file: PathBuf,
    bytes: u64,
    node: String,
    files: usize,
    left_out: Vec<String>,
}

/// Makes a backup.
pub(crate) fn run(args: &Backup, home: &Home, output: &mut Output) -> CliResult<()> {
    let file = std::path::absolute(&args.file).map_err(|error| CliError::file("find", &args.file, &error))?;
    if file.symlink_metadata().is_ok() {
        return Err(CliError::bad_input(format_args!("{} is there already, and was left as it is", file.display()))
            .hint("choose another name, for example with the date in it"));
    }
    let client = Client::of(home)?;
    let node = match client.kernel(&KernelCommand::Status)? {
        KernelResponse::Status(status) => status.node,
        other => return Err(unexpected("the kernel", &other)),
    };
    note("the node copies its databases ...");
    let copy = copy_of_database(&client, home)?;
    note("reading the files ...");
    let made = write(&file, home, node, &copy.0, |database| copy_of(database, &client, home))?;
    for what in &made.left_out {
        note(&format!("left out: {}", text::clean_line(what)));
    }
    match output.format() {
        Format::Json => output.json(&made),
        Format::Text => {
            let bytes = text::bytes(usize::try_from(made.bytes).unwrap_or(usize::MAX));
            output.line(&format!("{}: node {}, {} files, {bytes}", made.file.display(), made.node, made.files))?;
            note("it has the node's key in it: keep it where nobody else reads it");
            Ok(())
        }
    }
}

fn copy_of_database(client: &Client, home: &Home) -> CliResult<Copied> {
    let state = ProcessId::system("state");
    let body = serde_json::to_string(&StateAction::Backup).map_err(CliError::bad_input)?;
    let message = RpcMessage { expects_response: Some(COPY_WAIT_S), body: Some(body), ..client::to(state) };
    let reply = client.send(&message)?.ok_or_else(|| unexpected("the node", &"nothing"))?;
    match serde_json::from_slice(&reply.body) {
        Ok(StateResponse::Backup) => {}
        Ok(StateResponse::Err(error)) => {
            return Err(CliError::refused(format_args!("the node did not copy its database: {error}"))
                .hint("`wharf logs` may say more; nothing was written"));
        }
        other => return Err(unexpected("the node", &other)),
    }
    copy_at(client::blob_bytes(&reply)?, home)
}

/// The file is read and then removed: it has to be where the node puts such files.
fn copy_at(path: Option<Vec<u8>>, home: &Home) -> CliResult<Copied> {
    let path = path.and_then(|bytes| String::from_utf8(bytes).ok()).map(PathBuf::from);
    path.filter(|path| path.parent() == Some(&home_as_the_node_sees_it(home)))
        .map(Copied)
        .ok_or_else(|| unexpected("the node", &"no copy in its home"))
}

/// Asks the node for a copy of a database of a package.
fn copy_of(database: &Database, client: &Client, home: &Home) -> CliResult<Copying> {
    let (package_id, db, module) =
        (database.package.clone(), database.db.clone(), ProcessId::system(database.module.name()));
    let (made, bytes) = match database.module {
        Module::Kv => {
            let request = KvRequest { package_id, db, action: KvAction::Backup };
            let (answer, bytes) = client.ask_for_bytes(&module, &request, None, COPY_WAIT_S)?;
            let made = match answer.body {
                KvResponse::Backup => Ok(()),
                KvResponse::Err(KvError::NoDb(..)) => return Ok(Copying::Gone),
                KvResponse::Err(error) => Err(error.to_string()),
                other => return Err(unexpected("kv", &other)),
            };
            (made, bytes)
        }
        Module::Sqlite => {
            let request = SqliteRequest { package_id, db, action: SqliteAction::Backup };
            let (answer, bytes) = client.ask_for_bytes(&module, &request, None, COPY_WAIT_S)?;
            let made = match answer.body {
                SqliteResponse::Backup => Ok(()),
                SqliteResponse::Err(SqliteError::NoDb(..)) => return Ok(Copying::Gone),
                SqliteResponse::Err(error) => Err(error.to_string()),
                other => return Err(unexpected("sqlite", &other)),
            };
            (made, bytes)
        }
    };
    match made {
        Ok(()) => Ok(Copying::Made(copy_at(bytes, home)?)),
        Err(reason) => Ok(Copying::Refused(reason)),
    }
}

fn home_as_the_node_sees_it(home: &Home) -> PathBuf {
    std::path::absolute(home.run_dir()).unwrap_or_else(|_| home.run_dir())
}

impl From<ArchiveError> for CliError {
    fn from(error: ArchiveError) -> Self {
        Self::bad_input(format_args!("cannot make the backup: {error}")).hint("nothing was written")
    }
}

/// Writes the archive under another name beside `file`, and renames it when it is on disk: there is a whole one or none.
fn write(
    file: &Path,
    home: &Home,
    node: String,
    kernel_db: &Path,
    copy: impl FnMut(&Database) -> CliResult<Copying>,
) -> CliResult<Made> {
    let folder = file.parent().unwrap_or(Path::new("/"));
    // Nobody else may read it: it has the node's key.
    let mut draft = tempfile::Builder::new()
        .prefix(".wharf-backup-")
        .tempfile_in(folder)
        .map_err(|error| CliError::file("write to", folder, &error))?;
    let Packed { manifest, left_out } =
        pack(home, node, kernel_db, copy, std::io::BufWriter::new(draft.as_file_mut()))?;
    let write_error = |error: std::io::Error| CliError::file("write", file, &error);
    draft.as_file().sync_all().map_err(write_error)?;
    let bytes = draft.as_file().metadata().map_err(write_error)?.len();
    draft.persist_noclobber(file).map_err(|error| write_error(error.error))?;
    sync_folder(folder).map_err(write_error)?;
    Ok(Made { file: file.to_owned(), bytes, node: manifest.node, files: manifest.files.len(), left_out })
}
