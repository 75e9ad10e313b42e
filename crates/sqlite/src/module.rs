//! The runtime module `sqlite:distro:sys`: decides who may, keeps transactions, and answers.

use std::path::PathBuf;
use std::sync::Arc;

use wharf_database::access::{self, Denied, Need};
use wharf_database::{
    Copies, DatabaseError, DatabaseId, DatabaseLimits, Databases, Lease, Missing, TransactionId, Transactions,
};
use wharf_kernel::envelope::{Blob, Payload};
use wharf_kernel::module::{Access, Answer, Caller, Refusal, RuntimeModule, Works};
use wharf_kernel::{Book, Limit};
use wharf_types::Failure;
use wharf_types::database::Durability;
use wharf_types::sqlite::{SqliteAction, SqliteError, SqliteRequest, SqliteResponse};

use crate::limits::SqliteLimits;
use crate::perform::{self, Gathered, Sqlite, Statement, TooLarge};
use crate::rows::Form;

/// Parameters with more bytes are not read where other requests would wait for that.
const BRIEF_PARAMS_BYTES_MAX: usize = 16 << 10;

/// A response and the bytes beside it.
type Performed = Result<(SqliteResponse, Option<Vec<u8>>), SqliteError>;

/// The module as guests know it. Cloning it clones references.
#[derive(Clone)]
pub struct SqliteModule {
    databases: Databases<Sqlite>,
    limits: Book<SqliteLimits>,
    transactions: Transactions<Gathered>,
    copies: Copies,
}

/// What an action takes.
fn need(action: &SqliteAction) -> Need {
    match action {
        SqliteAction::Open | SqliteAction::OpenWith { .. } | SqliteAction::RemoveDb | SqliteAction::RemoveAll => {
            Need::Package
        }
        SqliteAction::Query(_) | SqliteAction::QueryTyped { .. } => Need::Read,
        SqliteAction::Write { .. }
        | SqliteAction::BeginTx
        | SqliteAction::Commit { .. }
        | SqliteAction::Rollback { .. } => Need::Write,
        SqliteAction::Backup => Need::Owner,
    }
}

/// A request that was allowed.
struct Allowed<'a> {
    module: &'a SqliteModule,
    caller: &'a Caller,
    id: &'a DatabaseId,
    limits: &'a Arc<SqliteLimits>,
    blob: Option<Payload>,
}

impl SqliteModule {
    /// Serves the databases in the folder `root`; copies for backups go to `copies`. Blocks on the disk.
    pub fn open(
        root: PathBuf,
        copies: PathBuf,
        databases: Book<DatabaseLimits>,
        limits: Book<SqliteLimits>,
    ) -> Result<Self, DatabaseError> {
        let engine = Sqlite { limits: limits.clone() };
        let databases = Databases::open(engine, root, databases)?;
        let copies = Copies::new(copies, "sqlite-copy-");
        Ok(Self { databases, limits, transactions: Transactions::default(), copies })
    }

    /// Closes all databases. Later requests fail.
    pub async fn close(&self) {
        self.databases.close().await;
    }
}

impl Allowed<'_> {
    async fn perform(&self, action: SqliteAction) -> Performed {
        let done = |()| (SqliteResponse::Ok, None);
        match action {
            SqliteAction::Open => self.open(None).await,
            SqliteAction::OpenWith { durability } => self.open(Some(durability)).await,
            SqliteAction::RemoveDb => self.remove(self.id).await,
            SqliteAction::RemoveAll => self.remove_all().await,
            SqliteAction::Write { statement, tx_id } => {
                let statement = Statement::write(statement, self.blob(), self.limits)?;
                self.write(statement, tx_id).await.map(done)
            }
            SqliteAction::Query(statement) => {
                let found = self.query(statement, None, Form::Objects).await?;
                Ok((SqliteResponse::Read, Some(found.json)))
            }
            SqliteAction::QueryTyped { statement, tx_id } => {
                let found = self.query(statement, tx_id, Form::Arrays).await?;
                Ok((SqliteResponse::Rows { columns: found.columns }, Some(found.json)))
            }
            SqliteAction::BeginTx => self.begin().await,
            SqliteAction::Commit { tx_id } => {
                let lease = self.lease().await?;
                let gathered = self.transactions().end(TransactionId(tx_id), self.caller.life(), self.id);
                let statements = gathered.map_err(|_| SqliteError::NoTx(tx_id))?.statements();
                perform::write(&lease, statements, self.limits).await.map_err(|error| self.to_wire(error)).map(done)
            }
            SqliteAction::Rollback { tx_id } => {
                let ended = self.transactions().end(TransactionId(tx_id), self.caller.life(), self.id);
                ended.map(drop).map(done).map_err(|_| SqliteError::NoTx(tx_id))
            }
            SqliteAction::Backup => self.copy().await,
        }
    }

    fn blob(&self) -> Option<&[u8]> {
        self.blob.as_ref().map(|blob| blob.as_slice())
    }

    fn transactions(&self) -> &Transactions<Gathered> {
        &self.module.transactions
    }

    async fn lease(&self) -> Result<Arc<Lease<Sqlite>>, SqliteError> {
        let lease = self.module.databases.lease(self.id, Missing::Fail).await;
        lease.map(Arc::new).map_err(|error| self.to_wire(error))
    }

    async fn open(&self, durability: Option<Durability>) -> Performed {
        let missing = Missing::Create(durability.unwrap_or_default());
        let lease = self.module.databases.lease(self.id, missing).await.map_err(|error| self.to_wire(error))?;
        if let Some(durability) = durability {
            lease.set_durability(durability).await.map_err(|error| self.to_wire(error))?;
        }
        let granted = access::grant(self.caller, self.id).await;
        if granted { Ok((SqliteResponse::Ok, None)) } else { Err(SqliteError::AddCapFailed) }
    }

    async fn remove_all(&self) -> Performed {
        let all = self.module.databases.of_package(self.id.package()).await.map_err(|error| self.to_wire(error))?;
        for id in &all {
            self.remove(id).await?;
        }
        Ok((SqliteResponse::Ok, None))
    }

    /// One that is not there is as removed as it can be.
    async fn remove(&self, id: &DatabaseId) -> Performed {
        self.transactions().end_all(id);
        match self.module.databases.remove(id).await {
            Ok(()) | Err(DatabaseError::Missing(_)) => Ok((SqliteResponse::Ok, None)),
            Err(error) => Err(self.to_wire(error)),
        }
    }

    async fn begin(&self) -> Performed {
        // Not in a database that does not exist.
        drop(self.lease().await?);
        let limits = self.module.databases.limits().of(&self.caller.source().process().package_id());
        let begun =
            self.transactions().begin(self.caller.kernel(), self.caller.life(), self.id, limits, Gathered::default());
        let tx_id = begun.map_err(|error| {
            self.hit(Limit::Transactions);
            SqliteError::RusqliteError(error.to_string())
        })?;
        Ok((SqliteResponse::BeginTx { tx_id: tx_id.0 }, None))
    }

    async fn write(&self, statement: Statement, tx_id: Option<u64>) -> Result<(), SqliteError> {
        let lease = self.lease().await?;
        let Some(tx_id) = tx_id else {
            return perform::write(&lease, vec![statement], self.limits).await.map_err(|error| self.to_wire(error));
        };
        if statement.is_vacuum() {
            return Err(SqliteError::RusqliteError("cannot VACUUM from within a transaction".to_owned()));
        }
        let bytes_max = self.module.databases.limits().of(self.id.package()).transaction_bytes_max;
        let statements_max = self.limits.transaction_statements_max;
        let work = |gathered: &mut Gathered| gathered.push(statement, bytes_max, statements_max);
        let gathered = self.transactions().with(TransactionId(tx_id), self.caller.life(), self.id, work);
        gathered.map_err(|_| SqliteError::NoTx(tx_id))?.map_err(|too_large| {
            self.hit(Limit::TransactionBytes);
            let (what, max) = match too_large {
                TooLarge::Bytes(max) => ("bytes", max),
                TooLarge::Statements(max) => ("statements", max),
            };
            SqliteError::RusqliteError(format!("the transaction has too many {what}: {max} are allowed"))
        })
    }

    async fn query(&self, sql: String, tx_id: Option<u64>, form: Form) -> Result<perform::Found, SqliteError> {
        let statement = Statement::query(sql, self.blob(), self.limits)?;
        let lease = self.lease().await?;
        let found = match tx_id {
            None => perform::query(lease, statement, form, self.limits).await,
            Some(tx_id) => {
                let (tx, life) = (TransactionId(tx_id), self.caller.life());
                let gathered = self.transactions().with(tx, life, self.id, |gathered| gathered.statements());
                let gathered = gathered.map_err(|_| SqliteError::NoTx(tx_id))?;
                perform::query_within(&lease, gathered, statement, form, self.limits).await
            }
        };
        found.map_err(|error| {
            if matches!(error, DatabaseError::Limit { .. }) {
                self.hit(Limit::Rows);
            }
            self.to_wire(error)
        })
    }

    async fn copy(&self) -> Performed {
        let lease = self.lease().await?;
        let path = lease.copy(&self.module.copies).await.map_err(|error| self.to_wire(error))?;
        Ok((SqliteResponse::Backup, Some(path.into_os_string().into_encoded_bytes())))
    }

    fn hit(&self, limit: Limit) {
        self.caller.kernel().hit(self.caller.source().process(), limit);
    }

    /// What guests are told. Limits that were reached are counted.
    fn to_wire(&self, error: DatabaseError) -> SqliteError {
        match &error {
            DatabaseError::Full(_) => self.hit(Limit::DatabaseBytes),
            DatabaseError::TooSlow { .. } => self.hit(Limit::StatementMs),
            _ => {}
        }
        match error {
            DatabaseError::Missing(id) => SqliteError::NoDb(id.package().clone(), id.name().to_owned()),
            error @ DatabaseError::Io { .. } => SqliteError::IOError(error.to_string()),
            error => SqliteError::RusqliteError(error.to_string()),
        }
    }
}

fn denied(denied: Denied) -> SqliteError {
    match denied {
        Denied::Read | Denied::Owner => SqliteError::NoReadCap,
        Denied::Write => SqliteError::NoWriteCap,
        Denied::Package => SqliteError::MismatchingPackageId,
    }
}

impl RuntimeModule for SqliteModule {
    type Request = SqliteRequest;
    type Response = SqliteResponse;

    const NAME: &'static str = "sqlite";
    const ACCESS: Access = Access::Capability;
    const WORKS: Works = Works::InRunner;

    async fn handle(&self, caller: Caller, request: SqliteRequest, blob: Option<Blob>) -> Answer<SqliteResponse> {
        let SqliteRequest { package_id, db, action } = request;
        let id = match DatabaseId::new(&package_id, &db) {
            Ok(id) => id,
            Err(error) => {
                return Answer::ReplyBecause(SqliteResponse::Err(SqliteError::MalformedRequest), Failure::new(error));
            }
        };
        let outcome = match self.databases.check(&caller, &id, need(&action)) {
            Ok(()) => {
                let limits = self.limits.of(id.package());
                let blob = blob.map(|blob| blob.bytes);
                Allowed { module: self, caller: &caller, id: &id, limits, blob }.perform(action).await
            }
            Err(refused) => Err(denied(refused)),
        };
        match outcome {
            Ok((response, Some(bytes))) => Answer::ReplyWithBlob(response, Blob::new(None, bytes)),
            Ok((response, None)) => Answer::Reply(response),
            Err(error) => Answer::Reply(SqliteResponse::Err(error)),
        }
    }

    /// One statement with few parameters, outside of a transaction. It runs, and its rows are written, on a thread that may
    /// block.
    fn is_brief(&self, request: &SqliteRequest, blob: Option<&Blob>) -> bool {
        let is_alone = match request.action {
            SqliteAction::Query(_) => true,
            SqliteAction::QueryTyped { tx_id, .. } | SqliteAction::Write { tx_id, .. } => tx_id.is_none(),
            _ => false,
        };
        is_alone && blob.is_none_or(|blob| blob.bytes.len() <= BRIEF_PARAMS_BYTES_MAX)
    }

    fn refuse(&self, refusal: Refusal) -> Option<SqliteResponse> {
        match refusal {
            Refusal::Malformed(_) => Some(SqliteResponse::Err(SqliteError::MalformedRequest)),
            Refusal::Overloaded | Refusal::Internal => {
                Some(SqliteResponse::Err(SqliteError::IOError(refusal.to_string())))
            }
            Refusal::Foreign => None,
        }
    }
}
