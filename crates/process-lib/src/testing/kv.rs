//! Stands in for `kv:distro:sys`: all that it does, in memory, without its limits.

use std::collections::BTreeMap;
use std::ops::Bound;

use serde_json::json;
use wharf_types::kv::{KvAction, KvChange, KvEntry, KvError, KvOrder, KvRequest, KvResponse, KvScan};
use wharf_types::{Capability, PackageId, ProcessId};

use super::module::{Asked, Module, Out};

type Name = (PackageId, String);
type Values = BTreeMap<Vec<u8>, Vec<u8>>;
type Answered = Result<(KvResponse, Option<Vec<u8>>), KvError>;

/// Keys that a scan without a limit brings.
const SCAN_MAX: u64 = 1_000;

#[derive(Default)]
pub(super) struct Kv {
    databases: BTreeMap<Name, Values>,
    transactions: BTreeMap<u64, Transaction>,
    last_transaction: u64,
}

struct Transaction {
    owner: ProcessId,
    database: Name,
    /// What it read, as it was.
    read: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    changes: Vec<Change>,
}

type Change = (Vec<u8>, Option<Vec<u8>>);

impl Module for Kv {
    fn handle(&mut self, asked: &Asked) -> Vec<Out> {
        let answered = match serde_json::from_slice::<KvRequest>(&asked.request.body) {
            Err(_) => Err(KvError::MalformedRequest),
            Ok(request) => {
                let opens = matches!(request.action, KvAction::Open | KvAction::OpenWith { .. });
                let name = (request.package_id, request.db);
                let answered = self.perform(asked, &name, request.action);
                if opens && answered.is_ok() {
                    let mut outs = grants(asked, &name);
                    outs.extend(asked.answer(&KvResponse::Ok, None));
                    return outs;
                }
                answered
            }
        };
        match answered {
            Ok((response, bytes)) => asked.answer(&response, bytes),
            Err(error) => asked.answer(&KvResponse::Err(error), None),
        }
    }
}

fn params(kind: &str, (package, db): &Name) -> serde_json::Value {
    json!({ "kind": kind, "db_key": [package, db] })
}

fn grants(asked: &Asked, name: &Name) -> Vec<Out> {
    let Ok(issuer) = asked.request.target.parse::<wharf_types::Address>() else { return Vec::new() };
    let grant = |kind| Out::Grant {
        to: asked.request.source.process().clone(),
        capability: Capability::new(issuer.clone(), params(kind, name).to_string()),
    };
    ["read", "write"].map(grant).into()
}

impl Kv {
    fn perform(&mut self, asked: &Asked, name: &Name, action: KvAction) -> Answered {
        let is_own = asked.request.source.process().is_in(&name.0);
        match &action {
            KvAction::Open | KvAction::OpenWith { .. } | KvAction::RemoveDb | KvAction::RemoveAll => {
                if !is_own {
                    return Err(KvError::MismatchingPackageId);
                }
            }
            KvAction::Get(_) | KvAction::Scan(_) | KvAction::GetInTx { .. } => {
                if !asked.may(&params("read", name)) {
                    return Err(KvError::NoReadCap);
                }
            }
            _ => {
                if !asked.may(&params("write", name)) {
                    return Err(KvError::NoWriteCap);
                }
            }
        }
        match action {
            KvAction::Open | KvAction::OpenWith { .. } => {
                self.databases.entry(name.clone()).or_default();
            }
            KvAction::RemoveDb => {
                self.databases.remove(name);
            }
            KvAction::RemoveAll => self.databases.retain(|(package, _), _| *package != name.0),
            KvAction::Backup => return Err(KvError::MalformedRequest),
            other => return self.use_database(asked, name, other),
        }
        Ok((KvResponse::Ok, None))
    }

    fn use_database(&mut self, asked: &Asked, name: &Name, action: KvAction) -> Answered {
        let value = || asked.bytes().map(<[u8]>::to_vec);
        match action {
            KvAction::Set { key, tx_id } => {
                let value = value().ok_or(KvError::MalformedRequest)?;
                self.change(asked, name, tx_id, vec![(key, Some(value))])?;
            }
            KvAction::Delete { key, tx_id } => self.change(asked, name, tx_id, vec![(key, None)])?,
            KvAction::Get(key) => {
                let found = self.database(name)?.get(&key).cloned().ok_or(KvError::KeyNotFound)?;
                return Ok((KvResponse::Get(key), Some(found)));
            }
            KvAction::GetInTx { key, tx_id } => {
                let found = self.get_in(asked, name, tx_id, &key)?.ok_or(KvError::KeyNotFound)?;
                return Ok((KvResponse::Get(key), Some(found)));
            }
            KvAction::BeginTx => {
                self.database(name)?;
                self.last_transaction += 1;
                let owner = asked.request.source.process().clone();
                let begun = Transaction { owner, database: name.clone(), read: Vec::new(), changes: Vec::new() };
                self.transactions.insert(self.last_transaction, begun);
                return Ok((KvResponse::BeginTx { tx_id: self.last_transaction }, None));
            }
            KvAction::Commit { tx_id } => self.commit(asked, name, tx_id)?,
            KvAction::Rollback { tx_id } => {
                self.transaction(asked, name, tx_id)?;
                self.transactions.remove(&tx_id);
            }
            KvAction::Scan(scan) => return scan_of(self.database(name)?, scan),
            KvAction::CompareAndSet { key, expected } => {
                if self.database(name)?.get(&key) != expected.as_ref() {
                    return Err(KvError::NotAsExpected);
                }
                apply(self.database(name)?, vec![(key, value())]);
            }
            KvAction::Batch(changes) => {
                let changes = read_batch(changes, asked.bytes().unwrap_or_default())?;
                apply(self.database(name)?, changes);
            }
            _ => return Err(KvError::MalformedRequest),
        }
        Ok((KvResponse::Ok, None))
    }

    fn database(&mut self, name: &Name) -> Result<&mut Values, KvError> {
        self.databases.get_mut(name).ok_or_else(|| KvError::NoDb(name.0.clone(), name.1.clone()))
    }

    fn transaction(&mut self, asked: &Asked, name: &Name, id: u64) -> Result<&mut Transaction, KvError> {
        let is_asked_for = |it: &&mut Transaction| it.owner == *asked.request.source.process() && it.database == *name;
        self.transactions.get_mut(&id).filter(is_asked_for).ok_or(KvError::NoTx(id))
    }

    fn change(&mut self, asked: &Asked, name: &Name, tx: Option<u64>, changes: Vec<Change>) -> Result<(), KvError> {
        self.database(name)?;
        match tx {
            Some(id) => self.transaction(asked, name, id)?.changes.extend(changes),
            None => apply(self.database(name)?, changes),
        }
        Ok(())
    }

    fn get_in(&mut self, asked: &Asked, name: &Name, id: u64, key: &[u8]) -> Result<Option<Vec<u8>>, KvError> {
        let committed = self.database(name)?.get(key).cloned();
        let transaction = self.transaction(asked, name, id)?;
        if let Some((_, own)) = transaction.changes.iter().rev().find(|(changed, _)| changed == key) {
            return Ok(own.clone());
        }
        transaction.read.push((key.to_vec(), committed.clone()));
        Ok(committed)
    }

    fn commit(&mut self, asked: &Asked, name: &Name, id: u64) -> Result<(), KvError> {
        self.transaction(asked, name, id)?;
        let Some(transaction) = self.transactions.remove(&id) else { return Err(KvError::NoTx(id)) };
        let database = self.database(name)?;
        if transaction.read.iter().any(|(key, seen)| database.get(key) != seen.as_ref()) {
            return Err(KvError::TxConflict);
        }
        apply(database, transaction.changes);
        Ok(())
    }
}

fn apply(database: &mut Values, changes: Vec<Change>) {
    for (key, value) in changes {
        match value {
            Some(value) => database.insert(key, value),
            None => database.remove(&key),
        };
    }
}

fn read_batch(changes: Vec<KvChange>, mut values: &[u8]) -> Result<Vec<Change>, KvError> {
    let read = |change| match change {
        KvChange::Delete { key } => Ok((key, None)),
        KvChange::Set { key, bytes } => {
            let bytes = usize::try_from(bytes).map_err(|_| KvError::MalformedRequest)?;
            let (value, rest) = values.split_at_checked(bytes).ok_or(KvError::MalformedRequest)?;
            values = rest;
            Ok((key, Some(value.to_vec())))
        }
    };
    changes.into_iter().map(read).collect()
}

fn scan_of(database: &Values, scan: KvScan) -> Answered {
    let limit = usize::try_from(scan.limit.unwrap_or(SCAN_MAX)).unwrap_or(usize::MAX);
    let is_ascending = scan.order == KvOrder::Ascending;
    let range = match (&scan.from, is_ascending) {
        (None, _) => (Bound::Unbounded, Bound::Unbounded),
        (Some(from), true) => (Bound::Included(from.clone()), Bound::Unbounded),
        (Some(from), false) => (Bound::Unbounded, Bound::Included(from.clone())),
    };
    let mut found: Vec<_> = database.range(range).filter(|(key, _)| key.starts_with(&scan.prefix)).collect();
    if !is_ascending {
        found.reverse();
    }
    let next = found.get(limit).map(|(key, _)| (*key).clone());
    found.truncate(limit);
    let entry = |(key, value): &(&Vec<u8>, &Vec<u8>)| KvEntry { key: (*key).clone(), bytes: value.len() as u64 };
    let entries = found.iter().map(entry).collect();
    let values = found.iter().flat_map(|(_, value)| value.iter().copied()).collect();
    Ok((KvResponse::Scan { entries, next }, Some(values)))
}
