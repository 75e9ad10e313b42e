//! What each action does, once it is allowed.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::limits::Limit;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use wharf_database::{DatabaseError, DatabaseId, Engine, Kind, Lease, Mode, Role};
use wharf_kernel::Book;
use wharf_types::sqlite::SqliteError;

use crate::guard::{self, Purpose, guarded};
use crate::keyword::{self, Opening};
use crate::limits::SqliteLimits;
use crate::params;
use crate::rows::{Form, Rows};

/// Longest pattern of LIKE and GLOB: matching one takes time that cannot be interrupted.
const PATTERN_BYTES_MAX: i32 = 1_000;

/// What sqlite makes of databases.
pub(crate) struct Sqlite {
    pub(crate) limits: Book<SqliteLimits>,
}

impl Engine for Sqlite {
    /// The bounds of its package.
    type Extra = Arc<SqliteLimits>;

    /// `WS` and a zero. The tables are the guests' own.
    const KIND: Kind = Kind { application_id: 0x0057_5300, format: None, tables: "" };

    fn extra(&self, id: &DatabaseId) -> Arc<SqliteLimits> {
        Arc::clone(self.limits.of(id.package()))
    }

    fn prepare(&self, connection: &mut Connection, role: Role, limits: &Arc<SqliteLimits>) -> rusqlite::Result<()> {
        let limit = |bytes: usize| i32::try_from(bytes).unwrap_or(i32::MAX);
        connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, limit(limits.value_bytes_max))?;
        connection.set_limit(Limit::SQLITE_LIMIT_SQL_LENGTH, limit(limits.statement_bytes_max))?;
        connection.set_limit(Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, PATTERN_BYTES_MAX)?;
        guard::install(connection, role)
    }
}

/// A statement with its parameters.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    sql: String,
    params: Vec<Value>,
    opening: Opening,
}

/// Statements that a transaction has gathered.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    statements: Vec<Statement>,
    bytes: usize,
}

/// Rows of a query, and the names of their columns.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) columns: Vec<String>,
    pub(crate) json: Vec<u8>,
}

impl Statement {
    /// Reads a query.
    pub(crate) fn query(sql: String, blob: Option<&[u8]>, limits: &SqliteLimits) -> Result<Self, SqliteError> {
        let opening = keyword::of_query(&sql);
        if opening == Opening::Unknown {
            return Err(SqliteError::NotAReadKeyword);
        }
        Self::read(sql, blob, opening, limits)
    }

    /// Reads a write.
    pub(crate) fn write(sql: String, blob: Option<&[u8]>, limits: &SqliteLimits) -> Result<Self, SqliteError> {
        let opening = keyword::of_write(&sql);
        if opening == Opening::Unknown {
            return Err(SqliteError::NotAWriteKeyword);
        }
        Self::read(sql, blob, opening, limits)
    }

    fn read(sql: String, blob: Option<&[u8]>, opening: Opening, limits: &SqliteLimits) -> Result<Self, SqliteError> {
        if opening == Opening::Transaction {
            let text = "not authorized: transactions are begun and committed by the actions BeginTx and Commit";
            return Err(SqliteError::RusqliteError(text.to_owned()));
        }
        let over = |what, max| SqliteError::RusqliteError(format!("{what}: {max} are allowed"));
        if sql.len() > limits.statement_bytes_max {
            return Err(over("the statement has too many bytes", limits.statement_bytes_max));
        }
        if blob.is_some_and(|blob| blob.len() > limits.params_bytes_max) {
            return Err(over("the parameters have too many bytes", limits.params_bytes_max));
        }
        Ok(Self { params: params::read(blob)?, sql, opening })
    }

    /// Whether it is one that cannot be in a transaction.
    pub(crate) fn is_vacuum(&self) -> bool {
        self.opening == Opening::Vacuum
    }

    fn weight(&self) -> usize {
        const STATEMENT_BYTES: usize = 128;
        STATEMENT_BYTES + self.sql.len() + params::weight(&self.params)
    }

    /// Runs it for what it does. Rows that it may return are passed over.
    fn execute(&self, connection: &Connection, time: Duration) -> Result<(), DatabaseError> {
        guarded(Purpose::Write, time, || {
            let mut statement = connection.prepare_cached(&self.sql)?;
            let mut rows = statement.query(params_from_iter(&self.params))?;
            while rows.next()?.is_some() {}
            Ok(())
        })
    }

    /// Runs it for its rows.
    fn select(&self, connection: &Connection, form: Form, limits: &SqliteLimits) -> Result<Found, DatabaseError> {
        guarded(Purpose::Query, limits.statement_time(), || {
            let mut statement = connection.prepare_cached(&self.sql)?;
            let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
            let mut rows = statement.query(params_from_iter(&self.params))?;
            let mut written = Rows::new(form, &columns, limits.rows_max, limits.answer_bytes_max);
            while let Some(row) = rows.next()? {
                written.push(row)?;
            }
            Ok(Found { columns, json: written.finish() })
        })
    }
}

/// A transaction would be larger than it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TooLarge {
    /// In bytes.
    Bytes(usize),
    /// In statements.
    Statements(usize),
}

impl Gathered {
    /// Adds a statement.
    pub(crate) fn push(
        &mut self,
        statement: Statement,
        bytes_max: usize,
        statements_max: usize,
    ) -> Result<(), TooLarge> {
        let bytes = self.bytes.saturating_add(statement.weight());
        if bytes > bytes_max {
            return Err(TooLarge::Bytes(bytes_max));
        }
        if self.statements.len() >= statements_max {
            return Err(TooLarge::Statements(statements_max));
        }
        self.bytes = bytes;
        self.statements.push(statement);
        Ok(())
    }

    /// The statements so far.
    pub(crate) fn statements(&self) -> Vec<Statement> {
        self.statements.clone()
    }
}

/// Runs statements, all of them or none.
pub(crate) async fn write(
    lease: &Lease<Sqlite>,
    statements: Vec<Statement>,
    limits: &Arc<SqliteLimits>,
) -> Result<(), DatabaseError> {
    let time = limits.statement_time();
    let mode = if statements.iter().any(Statement::is_vacuum) { Mode::Alone } else { Mode::Together };
    let bytes = statements.iter().map(Statement::weight).sum();
    let work = move |connection: &Connection| {
        if mode == Mode::Alone {
            // It attaches a file of its own, so no guard is up. The statement is this one word.
            return Ok(connection.execute_batch("VACUUM")?);
        }
        statements.iter().try_for_each(|statement| statement.execute(connection, time))
    };
    lease.write(mode, bytes, work, |_| ()).await
}

/// Runs a query on what is committed.
pub(crate) async fn query(
    lease: Arc<Lease<Sqlite>>,
    statement: Statement,
    form: Form,
    limits: &Arc<SqliteLimits>,
) -> Result<Found, DatabaseError> {
    let limits = Arc::clone(limits);
    lease.read(move |connection| statement.select(connection, form, &limits)).await
}

/// Runs a query as a transaction sees the database: its statements are run, and undone.
pub(crate) async fn query_within(
    lease: &Lease<Sqlite>,
    gathered: Vec<Statement>,
    statement: Statement,
    form: Form,
    limits: &Arc<SqliteLimits>,
) -> Result<Found, DatabaseError> {
    let limits = Arc::clone(limits);
    let bytes = gathered.iter().map(Statement::weight).sum::<usize>() + statement.weight();
    let work = move |connection: &Connection| {
        gathered.iter().try_for_each(|before| before.execute(connection, limits.statement_time()))?;
        statement.select(connection, form, &limits)
    };
    lease.write(Mode::Undone, bytes, work, |_| ()).await
}
