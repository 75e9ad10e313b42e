//! `kv:distro:sys`: keys and values.
//!
//! A database belongs to a package; its processes open it. Keys and values are bytes, or anything that serde writes as
//! JSON.
//!
//! ```no_run
//! use wharf_process_lib::{PackageId, kv};
//!
//! fn count(package: &PackageId) -> Result<u64, kv::Error> {
//!     let visits = kv::open(package, "visits")?;
//!     let before: u64 = visits.get_json("front page")?.unwrap_or(0);
//!     visits.set_json("front page", &(before + 1))?;
//!     Ok(before + 1)
//! }
//! ```
//!
//! Several changes at once, all of them or none:
//!
//! ```no_run
//! use wharf_process_lib::kv::{Database, Error};
//!
//! fn move_over(accounts: &Database) -> Result<(), Error> {
//!     let transaction = accounts.begin()?;
//!     if let Some(all) = transaction.get(b"from")? {
//!         transaction.set(b"to", all)?;
//!         transaction.delete(b"from")?;
//!     }
//!     // Fails with `TxConflict` when somebody else changed `from` meanwhile; then begin again.
//!     transaction.commit()
//! }
//! ```

use serde::Serialize;
use serde::de::DeserializeOwned;
use wharf_types::database::Durability;
use wharf_types::kv::{KvAction, KvChange, KvEntry, KvError, KvOrder, KvResponse, KvScan};
use wharf_types::{LazyLoadBlob, PackageId};

use crate::database::{Asked, Tried};
use crate::error::{CallError, call};
use crate::request::Request;

/// How long a call may take; a durable write on a busy disk is the slow one.
const TIMEOUT_S: u64 = 30;

/// Why a call failed.
pub type Error = CallError<KvError>;

/// Opens a database of this process's package, and makes it if there is none. What is acknowledged survives the end of the
/// node, also a sudden one; [`open_with`] has a stronger promise.
///
/// ```
/// # use wharf_process_lib::kv;
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |our| {
/// # (|| {
/// # let package = our.process().package_id();
/// let visits = kv::open(&package, "visits")?;
/// visits.set(b"front page", *b"1")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })().unwrap();
/// # });
/// ```
pub fn open(package: &PackageId, name: &str) -> Result<Database, Error> {
    opened(package, name, KvAction::Open)
}

/// [`open`], and settles what an acknowledgement is worth from now on. The database remembers it.
///
/// ```
/// use wharf_process_lib::types::database::Durability;
/// use wharf_process_lib::{PackageId, kv};
///
/// /// What is acknowledged here survives a loss of power, too.
/// fn accounts(package: &PackageId) -> Result<kv::Database, kv::Error> {
///     kv::open_with(package, "accounts", Durability::Power)
/// }
/// ```
pub fn open_with(package: &PackageId, name: &str, durability: Durability) -> Result<Database, Error> {
    opened(package, name, KvAction::OpenWith { durability })
}

/// A database whose capabilities this process was given by somebody else. Nothing is asked of the node.
///
/// ```
/// # use wharf_process_lib::kv;
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |our| {
/// # (|| {
/// # let package = our.process().package_id();
/// let theirs = kv::of_others(&"shop:test.os".parse().unwrap(), "prices");
/// assert!(theirs.get(b"tea").is_err(), "nobody gave us the right to read it");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })().unwrap();
/// # });
/// ```
pub fn of_others(package: &PackageId, name: &str) -> Database {
    Database { package: package.clone(), name: name.to_owned() }
}

/// Removes a database of this process's package with all in it; nothing happens when there is none.
///
/// ```
/// # use wharf_process_lib::kv;
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |our| {
/// # (|| {
/// # let package = our.process().package_id();
/// kv::open(&package, "visits")?.set(b"front page", *b"1")?;
/// kv::remove(&package, "visits")?;
/// assert_eq!(kv::open(&package, "visits")?.get(b"front page")?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })().unwrap();
/// # });
/// ```
pub fn remove(package: &PackageId, name: &str) -> Result<(), Error> {
    of_others(package, name).done("remove", KvAction::RemoveDb, None)
}

/// Removes all databases of a package: of this process's own, or with the module's `{"root":true}` of any.
///
/// ```
/// # use wharf_process_lib::kv;
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |our| {
/// # (|| {
/// # let package = our.process().package_id();
/// kv::open(&package, "visits")?;
/// kv::remove_all(&package)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })().unwrap();
/// # });
/// ```
pub fn remove_all(package: &PackageId) -> Result<(), Error> {
    of_others(package, "all").done("remove every", KvAction::RemoveAll, None)
}

fn opened(package: &PackageId, name: &str, action: KvAction) -> Result<Database, Error> {
    let database = of_others(package, name);
    database.done("open", action, None)?;
    Ok(database)
}

/// A database.
///
/// ```
/// # use wharf_process_lib::kv;
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |our| {
/// # (|| {
/// # let package = our.process().package_id();
/// let people = kv::open(&package, "people")?;
/// people.set_json("ann", &42)?;
/// assert_eq!(people.get_json("ann")?, Some(42));
/// assert!(people.compare_and_set(br#""ann""#, Some(b"42"), None)?);
/// people.batch([(b"bob".to_vec(), Some(b"1".to_vec())), (b"eve".to_vec(), Some(b"2".to_vec()))])?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })().unwrap();
/// # });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    package: PackageId,
    name: String,
}

/// Some keys in order.
///
/// ```
/// # use wharf_process_lib::kv;
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |our| {
/// # (|| {
/// # let package = our.process().package_id();
/// let people = kv::open(&package, "people")?;
/// people.set(b"ann", *b"1")?;
/// people.set(b"bob", *b"2")?;
/// let mut scan = kv::Scan::all().limit(1);
/// let mut names = Vec::new();
/// loop {
///     let page = people.page(scan)?;
///     names.extend(page.entries.into_iter().map(|(name, _)| name));
///     match page.next {
///         Some(next) => scan = kv::Scan::all().limit(1).from(next),
///         None => break,
///     }
/// }
/// assert_eq!(names, [b"ann", b"bob"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })().unwrap();
/// # });
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Keys with their values.
    pub entries: Vec<(Vec<u8>, Vec<u8>)>,
    /// Where to go on, for [`Scan::from`]; `None` when this was all.
    pub next: Option<Vec<u8>>,
}

/// Which keys to look for.
///
/// ```
/// # use wharf_process_lib::kv;
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |our| {
/// # (|| {
/// # let package = our.process().package_id();
/// let log = kv::open(&package, "log")?;
/// log.set(b"2026-11-21", *b"rain")?;
/// log.set(b"2026-11-22", *b"sun")?;
/// let last = log.page(kv::Scan::prefix("2026-11").descending().limit(1))?;
/// assert_eq!(last.entries, [(b"2026-11-22".to_vec(), b"sun".to_vec())]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })().unwrap();
/// # });
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "nothing is looked for before `page`"]
pub struct Scan(KvScan);

impl Scan {
    /// All keys, the smallest first.
    pub fn all() -> Self {
        Self::default()
    }

    /// Keys that begin like this.
    pub fn prefix(prefix: impl Into<Vec<u8>>) -> Self {
        Self(KvScan { prefix: prefix.into(), ..KvScan::default() })
    }

    /// Begin here, this key included.
    pub fn from(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.0.from = Some(key.into());
        self
    }

    /// At most so many keys. The node has a bound of its own.
    pub fn limit(mut self, keys: u64) -> Self {
        self.0.limit = Some(keys);
        self
    }

    /// The largest key first.
    pub fn descending(mut self) -> Self {
        self.0.order = KvOrder::Descending;
        self
    }
}

impl Database {
    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.value(KvAction::Get(key.to_vec()))
    }

    /// Sets a key.
    pub fn set(&self, key: &[u8], value: impl Into<Vec<u8>>) -> Result<(), Error> {
        self.done("set", KvAction::Set { key: key.to_vec(), tx_id: None }, Some(value.into()))
    }

    /// Removes a key; nothing happens when it is not there.
    pub fn delete(&self, key: &[u8]) -> Result<(), Error> {
        self.done("delete", KvAction::Delete { key: key.to_vec(), tx_id: None }, None)
    }

    /// The value of a key; both are JSON.
    pub fn get_json<T: DeserializeOwned>(&self, key: &(impl Serialize + ?Sized)) -> Result<Option<T>, Error> {
        let found = self.get(&self.to_json(key)?)?;
        let read = |bytes: Vec<u8>| serde_json::from_slice(&bytes).map_err(|error| self.malformed(&error));
        found.map(read).transpose()
    }

    /// Sets a key; key and value are written as JSON.
    pub fn set_json(&self, key: &(impl Serialize + ?Sized), value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
        self.set(&self.to_json(key)?, self.to_json(value)?)
    }

    /// Sets a key (or removes it, for `None`) if its value is `expected`. Whether it was.
    pub fn compare_and_set(&self, key: &[u8], expected: Option<&[u8]>, value: Option<Vec<u8>>) -> Result<bool, Error> {
        let action = KvAction::CompareAndSet { key: key.to_vec(), expected: expected.map(<[u8]>::to_vec) };
        match self.done("compare and set", action, value) {
            Ok(()) => Ok(true),
            Err(CallError::Refused { source: KvError::NotAsExpected, .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Sets keys, and removes those with `None`: all of it or nothing.
    pub fn batch(&self, changes: impl IntoIterator<Item = (Vec<u8>, Option<Vec<u8>>)>) -> Result<(), Error> {
        let mut values = Vec::new();
        let mut list = Vec::new();
        for (key, value) in changes {
            list.push(match value {
                None => KvChange::Delete { key },
                Some(value) => {
                    values.extend_from_slice(&value);
                    KvChange::Set { key, bytes: value.len() as u64 }
                }
            });
        }
        self.done("change", KvAction::Batch(list), Some(values))
    }

    /// Keys in order, with their values.
    pub fn page(&self, scan: Scan) -> Result<Page, Error> {
        let (response, blob) = self.ask("scan", KvAction::Scan(scan.0), None)?;
        let unexpected = || CallError::unexpected(&self.tried("scan"));
        let KvResponse::Scan { entries, next } = response else { return Err(unexpected()) };
        let values = blob.unwrap_or_default();
        let mut rest = values.as_slice();
        let entries = entries.into_iter().map(|KvEntry { key, bytes }| {
            let taken = usize::try_from(bytes).ok().and_then(|bytes| rest.split_at_checked(bytes));
            let (value, left) = taken.ok_or_else(unexpected)?;
            rest = left;
            Ok((key, value.to_vec()))
        });
        Ok(Page { entries: entries.collect::<Result<_, Error>>()?, next })
    }

    /// Begins a transaction. It is forgotten unless it is committed, at the latest with this process.
    pub fn begin(&self) -> Result<Transaction<'_>, Error> {
        let verb = "begin a transaction in";
        match self.ask(verb, KvAction::BeginTx, None)? {
            (KvResponse::BeginTx { tx_id }, _) => Ok(Transaction { database: self, id: tx_id }),
            _ => Err(CallError::unexpected(&self.tried(verb))),
        }
    }

    fn value(&self, action: KvAction) -> Result<Option<Vec<u8>>, Error> {
        match self.ask("get", action, None) {
            Ok((KvResponse::Get(_), blob)) => Ok(Some(blob.unwrap_or_default())),
            Ok(_) => Err(CallError::unexpected(&self.tried("get"))),
            Err(CallError::Refused { source: KvError::KeyNotFound, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn done(&self, verb: &str, action: KvAction, blob: Option<Vec<u8>>) -> Result<(), Error> {
        match self.ask(verb, action, blob)? {
            (KvResponse::Ok, _) => Ok(()),
            _ => Err(CallError::unexpected(&self.tried(verb))),
        }
    }

    fn tried<'a>(&'a self, verb: &'a str) -> Tried<'a> {
        Tried { verb, db: &self.name, package_id: &self.package }
    }

    fn ask(&self, verb: &str, action: KvAction, blob: Option<Vec<u8>>) -> Result<(KvResponse, Option<Vec<u8>>), Error> {
        let tried = self.tried(verb);
        let asked = Asked { package_id: &self.package, db: &self.name, action };
        let malformed =
            |error: serde_json::Error| CallError::Malformed { tried: tried.to_string(), error: error.to_string() };
        let mut request = Request::to_module("kv").json(&asked).map_err(malformed)?;
        if let Some(bytes) = blob {
            request = request.blob(LazyLoadBlob { mime: None, bytes });
        }
        match call(request, &tried, TIMEOUT_S)? {
            (KvResponse::Err(source), _) => Err(CallError::Refused { tried: tried.to_string(), source }),
            // Only these bring bytes; nothing else pays for fetching them.
            (response @ (KvResponse::Get(_) | KvResponse::Scan { .. }), answer) => {
                Ok((response, answer.blob().map(|blob| blob.bytes)))
            }
            (response, _) => Ok((response, None)),
        }
    }

    fn to_json(&self, value: &(impl Serialize + ?Sized)) -> Result<Vec<u8>, Error> {
        serde_json::to_vec(value).map_err(|error| self.malformed(&error))
    }

    fn malformed(&self, error: &serde_json::Error) -> Error {
        CallError::Malformed { tried: self.tried("use").to_string(), error: error.to_string() }
    }
}

/// Changes that become visible together, or never. It sees its own changes, and what is committed.
///
/// ```
/// # use wharf_process_lib::kv;
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |our| {
/// # (|| {
/// # let package = our.process().package_id();
/// let accounts = kv::open(&package, "accounts")?;
/// accounts.set(b"ann", *b"1")?;
/// let transaction = accounts.begin()?;
/// transaction.set(b"bob", transaction.get(b"ann")?.unwrap())?;
/// transaction.delete(b"ann")?;
/// assert_eq!(accounts.get(b"bob")?, None, "nobody sees it yet");
/// transaction.commit()?;
/// assert_eq!(accounts.get(b"bob")?.as_deref(), Some(&b"1"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })().unwrap();
/// # });
/// ```
#[derive(Debug)]
#[must_use = "what is not committed is forgotten"]
pub struct Transaction<'a> {
    database: &'a Database,
    id: u64,
}

impl Transaction<'_> {
    /// The value of a key as this transaction sees it.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.database.value(KvAction::GetInTx { key: key.to_vec(), tx_id: self.id })
    }

    /// Sets a key.
    pub fn set(&self, key: &[u8], value: impl Into<Vec<u8>>) -> Result<(), Error> {
        self.database.done("set", KvAction::Set { key: key.to_vec(), tx_id: Some(self.id) }, Some(value.into()))
    }

    /// Removes a key.
    pub fn delete(&self, key: &[u8]) -> Result<(), Error> {
        self.database.done("delete", KvAction::Delete { key: key.to_vec(), tx_id: Some(self.id) }, None)
    }

    /// Makes the changes, unless what was read is not so any more.
    pub fn commit(self) -> Result<(), Error> {
        self.database.done("commit to", KvAction::Commit { tx_id: self.id }, None)
    }

    /// Forgets the changes.
    pub fn roll_back(self) -> Result<(), Error> {
        self.database.done("roll back in", KvAction::Rollback { tx_id: self.id }, None)
    }
}
