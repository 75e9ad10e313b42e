//! What a guest's statement may do, and for how long.
//!
//! SQLite calls the authorizer for each part of a statement that it compiles, also when it compiles one again because the
//! schema changed, and the progress handler while it runs one. Both run on the thread of the statement, so that thread
//! carries for whom it works: nobody, then it is the node's own statement, or a guest.

use std::cell::Cell;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use wharf_database::{DatabaseError, Role};

/// Steps of SQLite's machine between two looks at the clock.
const STEPS: i32 = 1_000;

/// What a guest's statement is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To change nothing.
    Query,
    /// To change something.
    Write,
}

thread_local! {
    static WORK: Cell<Option<(Purpose, Instant)>> = const { Cell::new(None) };
}

/// Puts the guard up on a connection.
pub(crate) fn install(connection: &mut Connection, role: Role) -> rusqlite::Result<()> {
    connection.authorizer(Some(move |context: AuthContext<'_>| match (WORK.get(), role) {
        (None, Role::Writer) => Authorization::Allow,
        (Some((Purpose::Write, _)), Role::Writer) if may_write(&context.action) => Authorization::Allow,
        _ if may_read(&context.action) => Authorization::Allow,
        _ => Authorization::Deny,
    }))?;
    connection.progress_handler(STEPS, Some(|| WORK.get().is_some_and(|(_, until)| Instant::now() > until)))
}

/// Runs a guest's statement within bounds.
pub(crate) fn guarded<T>(
    purpose: Purpose,
    time: Duration,
    work: impl FnOnce() -> Result<T, DatabaseError>,
) -> Result<T, DatabaseError> {
    /// Takes the bounds away, also when the work panics.
    struct Bounded;
    impl Drop for Bounded {
        fn drop(&mut self) {
            WORK.set(None);
        }
    }
    let now = Instant::now();
    WORK.set(Some((purpose, now.checked_add(time).unwrap_or(now))));
    let _bounded = Bounded;
    work().map_err(|error| match &error {
        DatabaseError::Sql(sql) if sql.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted) => {
            DatabaseError::TooSlow { ms: u64::try_from(time.as_millis()).unwrap_or(u64::MAX) }
        }
        _ => error,
    })
}

/// Questions about the database that change nothing, and that take the name of a table or index, or none.
const PRAGMAS: &[&str] = &[
    "foreign_key_check",
    "foreign_key_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "integrity_check",
    "quick_check",
    "table_info",
    "table_list",
    "table_xinfo",
];

/// Those that would set something if they were given a value.
const PRAGMAS_ALONE: &[&str] = &[
    "collation_list",
    "compile_options",
    "data_version",
    "encoding",
    "foreign_keys",
    "freelist_count",
    "function_list",
    "journal_mode",
    "page_count",
    "page_size",
    "schema_version",
    "user_version",
];

/// Functions that reach beyond the database.
const FUNCTIONS: &[&str] = &["edit", "fts3_tokenizer", "load_extension", "readfile", "writefile"];

/// Modules of virtual tables whose tables are in the database itself.
const MODULES: &[&str] = &["fts3", "fts4", "fts5", "fts5vocab", "geopoly", "rtree", "rtree_i32"];

fn is_in(list: &[&str], name: &str) -> bool {
    list.iter().any(|listed| listed.eq_ignore_ascii_case(name))
}

fn may_read(action: &AuthAction<'_>) -> bool {
    match action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => true,
        AuthAction::Function { function_name } => !is_in(FUNCTIONS, function_name),
        AuthAction::Pragma { pragma_name, pragma_value } => {
            is_in(PRAGMAS, pragma_name) || (pragma_value.is_none() && is_in(PRAGMAS_ALONE, pragma_name))
        }
        _ => false,
    }
}

fn may_write(action: &AuthAction<'_>) -> bool {
    match action {
        AuthAction::Insert { .. }
        | AuthAction::Update { .. }
        | AuthAction::Delete { .. }
        | AuthAction::CreateTable { .. }
        | AuthAction::CreateIndex { .. }
        | AuthAction::CreateView { .. }
        | AuthAction::CreateTrigger { .. }
        | AuthAction::DropTable { .. }
        | AuthAction::DropIndex { .. }
        | AuthAction::DropView { .. }
        | AuthAction::DropTrigger { .. }
        | AuthAction::DropVtable { .. }
        | AuthAction::AlterTable { .. }
        | AuthAction::Reindex { .. }
        | AuthAction::Analyze { .. } => true,
        AuthAction::CreateVtable { module_name, .. } => is_in(MODULES, module_name),
        // What is temporary belongs to the connection, which all processes share; other files, settings and transactions
        // are the node's.
        _ => false,
    }
}
