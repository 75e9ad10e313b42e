//! The runtime module `kv:distro:sys`: decides who may, keeps transactions, and answers.

use std::path::PathBuf;
use std::sync::Arc;

use wharf_database::access::{self, Denied, Need};
use wharf_database::{
    Copies, DatabaseError, DatabaseId, DatabaseLimits, Databases, Missing, TransactionId, Transactions,
};
use wharf_kernel::envelope::{Blob, Payload};
use wharf_kernel::module::{Access, Answer, Caller, Refusal, RuntimeModule, Works};
use wharf_kernel::{Book, Limit};
use wharf_types::database::Durability;
use wharf_types::kv::{KvAction, KvError, KvRequest, KvResponse};
use wharf_types::{Failure, PackageId};

use crate::cache::Key;
use crate::gathered::{Gathered, TooLarge};
use crate::limits::KvLimits;
use crate::perform::{Kv, Open, Performed, over, to_wire};

/// The module as guests know it. Cloning it clones references.
#[derive(Clone)]
pub struct KvModule {
    databases: Databases<Kv>,
    limits: Book<KvLimits>,
    transactions: Transactions<Gathered>,
    copies: Copies,
}

/// What an action takes.
fn need(action: &KvAction) -> Need {
    match action {
        KvAction::Open | KvAction::OpenWith { .. } | KvAction::RemoveDb | KvAction::RemoveAll => Need::Package,
        KvAction::Get(_) | KvAction::Scan(_) => Need::Read,
        KvAction::Set { .. }
        | KvAction::Delete { .. }
        | KvAction::BeginTx
        | KvAction::Commit { .. }
        | KvAction::Rollback { .. }
        | KvAction::GetInTx { .. }
        | KvAction::CompareAndSet { .. }
        | KvAction::Batch(_) => Need::Write,
        KvAction::Backup => Need::Owner,
    }
}

impl KvModule {
    /// Serves the databases in the folder `root`; copies for backups go to `copies`. Blocks on the disk.
    pub fn open(
        root: PathBuf,
        copies: PathBuf,
        databases: Book<DatabaseLimits>,
        limits: Book<KvLimits>,
    ) -> Result<Self, DatabaseError> {
        let databases = Databases::open(Kv { limits: limits.clone() }, root, databases)?;
        let copies = Copies::new(copies, "kv-copy-");
        Ok(Self { databases, limits, transactions: Transactions::default(), copies })
    }

    /// Closes all databases. Later requests fail.
    pub async fn close(&self) {
        self.databases.close().await;
    }

    async fn answer(&self, caller: &Caller, id: &DatabaseId, action: KvAction, blob: Option<Payload>) -> Performed {
        self.databases.check(caller, id, need(&action)).map_err(denied)?;
        match &action {
            KvAction::Open => return Box::pin(self.open_database(caller, id, None)).await,
            KvAction::OpenWith { durability } => {
                return Box::pin(self.open_database(caller, id, Some(*durability))).await;
            }
            KvAction::RemoveDb => return Box::pin(self.remove(caller, id)).await,
            KvAction::RemoveAll => return Box::pin(self.remove_all(caller, id.package())).await,
            _ => {}
        }
        // What reads in a transaction answers with values, so being allowed to change them is not enough.
        if matches!(action, KvAction::GetInTx { .. }) {
            self.databases.check(caller, id, Need::Read).map_err(denied)?;
        }
        let lease = Arc::new(self.databases.lease(id, Missing::Fail).await.map_err(|error| to_wire(caller, error))?);
        let open = Open { lease, caller, limits: self.limits.of(id.package()) };
        match action {
            KvAction::Get(key) => open.get(key).await,
            KvAction::Set { key, tx_id } => {
                let value = Some(blob.ok_or(KvError::MalformedRequest)?);
                self.change(caller, &open, key, value, tx_id).await
            }
            KvAction::Delete { key, tx_id } => self.change(caller, &open, key, None, tx_id).await,
            KvAction::CompareAndSet { key, expected } => {
                open.check(&key, blob.as_ref())?;
                open.compare_and_set(key, expected, blob).await
            }
            // Boxed, as the rare ones above: every request would carry the room for them.
            other => Box::pin(self.answer_rest(caller, open, other, blob)).await,
        }
    }

    /// What is about more than one key, or about a transaction.
    async fn answer_rest(&self, caller: &Caller, open: Open<'_>, action: KvAction, blob: Option<Payload>) -> Performed {
        let id = open.lease.id();
        match action {
            KvAction::BeginTx => self.begin(caller, id),
            KvAction::Commit { tx_id } => {
                let gathered = self.transactions.end(TransactionId(tx_id), caller.life(), id);
                open.commit(gathered.map_err(|_| KvError::NoTx(tx_id))?).await
            }
            KvAction::Rollback { tx_id } => {
                let ended = self.transactions.end(TransactionId(tx_id), caller.life(), id);
                ended.map(|_| (KvResponse::Ok, None)).map_err(|_| KvError::NoTx(tx_id))
            }
            KvAction::GetInTx { key, tx_id } => self.get_in_transaction(caller, &open, key, tx_id).await,
            KvAction::Scan(scan) => open.scan(scan).await,
            KvAction::Batch(changes) => {
                let list = open.batch(changes, blob.as_ref())?;
                open.change(list).await
            }
            KvAction::Backup => self.copy(caller, open).await,
            KvAction::Open
            | KvAction::OpenWith { .. }
            | KvAction::RemoveDb
            | KvAction::RemoveAll
            | KvAction::Get(_)
            | KvAction::Set { .. }
            | KvAction::Delete { .. }
            | KvAction::CompareAndSet { .. } => Err(KvError::MalformedRequest),
        }
    }

    async fn open_database(&self, caller: &Caller, id: &DatabaseId, durability: Option<Durability>) -> Performed {
        let missing = Missing::Create(durability.unwrap_or_default());
        let lease = self.databases.lease(id, missing).await.map_err(|error| to_wire(caller, error))?;
        if let Some(durability) = durability {
            lease.set_durability(durability).await.map_err(|error| to_wire(caller, error))?;
        }
        if access::grant(caller, id).await { Ok((KvResponse::Ok, None)) } else { Err(KvError::AddCapFailed) }
    }

    /// One that is not there is as removed as it can be.
    async fn remove(&self, caller: &Caller, id: &DatabaseId) -> Performed {
        self.transactions.end_all(id);
        match self.databases.remove(id).await {
            Ok(()) | Err(DatabaseError::Missing(_)) => Ok((KvResponse::Ok, None)),
            Err(error) => Err(to_wire(caller, error)),
        }
    }

    async fn remove_all(&self, caller: &Caller, package: &PackageId) -> Performed {
        let all = self.databases.of_package(package).await.map_err(|error| to_wire(caller, error))?;
        for id in &all {
            self.remove(caller, id).await?;
        }
        Ok((KvResponse::Ok, None))
    }

    fn begin(&self, caller: &Caller, id: &DatabaseId) -> Performed {
        let limits = self.databases.limits().of(&caller.source().process().package_id());
        let begun = self.transactions.begin(caller.kernel(), caller.life(), id, limits, Gathered::default());
        let tx_id = begun.map_err(|error| {
            caller.kernel().hit(caller.source().process(), Limit::Transactions);
            KvError::RocksDBError(error.to_string())
        })?;
        Ok((KvResponse::BeginTx { tx_id: tx_id.0 }, None))
    }

    async fn change(
        &self,
        caller: &Caller,
        open: &Open<'_>,
        key: Vec<u8>,
        value: Option<Payload>,
        tx_id: Option<u64>,
    ) -> Performed {
        open.check(&key, value.as_ref())?;
        let key: Key = key.into();
        let Some(tx_id) = tx_id else { return open.change(vec![(key, value)]).await };
        let bytes_max = self.transaction_bytes_max(open);
        let work = |gathered: &mut Gathered| gathered.change(key, value, bytes_max);
        let gathered = self.transactions.with(TransactionId(tx_id), caller.life(), open.lease.id(), work);
        let gathered = gathered.map_err(|_| KvError::NoTx(tx_id))?;
        gathered.map_err(|TooLarge| too_large(caller, bytes_max))?;
        Ok((KvResponse::Ok, None))
    }

    async fn get_in_transaction(&self, caller: &Caller, open: &Open<'_>, key: Vec<u8>, tx_id: u64) -> Performed {
        let (tx, life, id) = (TransactionId(tx_id), caller.life(), open.lease.id());
        let none = |_| KvError::NoTx(tx_id);
        let found = match self.transactions.with(tx, life, id, |gathered| gathered.own(&key)).map_err(none)? {
            Some(own) => own,
            None => {
                let value = open.value(&key).await.map_err(|error| to_wire(caller, error))?;
                let bytes_max = self.transaction_bytes_max(open);
                let noted =
                    self.transactions.with(tx, life, id, |gathered| gathered.read(&key, value.as_ref(), bytes_max));
                let noted = noted.map_err(none)?.map_err(|TooLarge| too_large(caller, bytes_max))?;
                noted.map_err(|_| KvError::TxConflict)?;
                value
            }
        };
        found.map(|value| (KvResponse::Get(key), Some(value))).ok_or(KvError::KeyNotFound)
    }

    fn transaction_bytes_max(&self, open: &Open<'_>) -> usize {
        self.databases.limits().of(open.lease.id().package()).transaction_bytes_max
    }

    async fn copy(&self, caller: &Caller, open: Open<'_>) -> Performed {
        let path = open.lease.copy(&self.copies).await.map_err(|error| to_wire(caller, error))?;
        Ok((KvResponse::Backup, Some(Arc::new(path.into_os_string().into_encoded_bytes()))))
    }
}

fn too_large(caller: &Caller, bytes_max: usize) -> KvError {
    caller.kernel().hit(caller.source().process(), Limit::TransactionBytes);
    over("the transaction has too many bytes", bytes_max)
}

fn denied(denied: Denied) -> KvError {
    match denied {
        Denied::Read | Denied::Owner => KvError::NoReadCap,
        Denied::Write => KvError::NoWriteCap,
        Denied::Package => KvError::MismatchingPackageId,
    }
}

impl RuntimeModule for KvModule {
    type Request = KvRequest;
    type Response = KvResponse;

    const NAME: &'static str = "kv";
    const ACCESS: Access = Access::Capability;
    const WORKS: Works = Works::InRunner;

    async fn handle(&self, caller: Caller, request: KvRequest, blob: Option<Blob>) -> Answer<KvResponse> {
        let KvRequest { package_id, db, action } = request;
        let id = match DatabaseId::new(&package_id, &db) {
            Ok(id) => id,
            Err(error) => {
                return Answer::ReplyBecause(KvResponse::Err(KvError::MalformedRequest), Failure::new(error));
            }
        };
        match self.answer(&caller, &id, action, blob.map(|blob| blob.bytes)).await {
            Ok((response, Some(bytes))) => Answer::ReplyWithBlob(response, Blob { mime: None, bytes }),
            Ok((response, None)) => Answer::Reply(response),
            Err(error) => Answer::Reply(KvResponse::Err(error)),
        }
    }

    /// What is about one key: values are handed on as they are.
    fn is_brief(&self, request: &KvRequest, _: Option<&Blob>) -> bool {
        matches!(
            request.action,
            KvAction::Get(_) | KvAction::Set { .. } | KvAction::Delete { .. } | KvAction::CompareAndSet { .. }
        )
    }

    fn refuse(&self, refusal: Refusal) -> Option<KvResponse> {
        match refusal {
            Refusal::Malformed(_) => Some(KvResponse::Err(KvError::MalformedRequest)),
            Refusal::Overloaded | Refusal::Internal => Some(KvResponse::Err(KvError::IOError(refusal.to_string()))),
            Refusal::Foreign => None,
        }
    }
}
