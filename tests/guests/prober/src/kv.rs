//! Every function of the guest library's `kv` module.

use wharf_process_lib::PackageId;
use wharf_process_lib::error::CallError;
use wharf_process_lib::kv::{self, Error, Scan};
use wharf_process_lib::types::database::Durability;
use wharf_process_lib::types::kv::KvError;

use crate::describe::ensure;

/// Runs them; an error says what was not as it has to be.
pub(crate) fn run(package: &PackageId) -> Result<(), String> {
    plain(package).map_err(|error| error.to_string())??;
    transactions(package).map_err(|error| error.to_string())??;
    scans(package).map_err(|error| error.to_string())?
}

type Checked = Result<Result<(), String>, Error>;

fn plain(package: &PackageId) -> Checked {
    let db = kv::open(package, "library")?;
    let mut checks = vec![ensure(db.get(b"a")?.is_none(), "a missing key is None")];
    db.set(b"a", "1")?;
    checks.push(ensure(db.get(b"a")?.as_deref() == Some(b"1"), "what was set is there"));
    checks.push(ensure(!db.compare_and_set(b"a", None, Some(b"2".to_vec()))?, "it is there, so this is refused"));
    checks.push(ensure(db.compare_and_set(b"a", Some(b"1"), Some(b"2".to_vec()))?, "it is as expected"));
    checks.push(ensure(db.compare_and_set(b"a", Some(b"2"), None)?, "it is removed when it is as expected"));
    checks.push(ensure(db.get(b"a")?.is_none(), "it was removed"));
    db.set_json("key", &[1, 2])?;
    checks.push(ensure(db.get_json::<Vec<u8>>("key")? == Some(vec![1, 2]), "JSON comes back"));
    db.delete(b"\"key\"")?;
    db.delete(b"never there")?;
    checks.push(ensure(db.get_json::<Vec<u8>>("key")?.is_none(), "keys of JSON are JSON"));
    kv::remove(package, "library")?;
    let gone = db.get(b"a");
    checks.push(ensure(matches!(gone, Err(CallError::Refused { source: KvError::NoDb(..), .. })), "it is gone"));
    Ok(checks.into_iter().collect())
}

fn transactions(package: &PackageId) -> Checked {
    let db = kv::open_with(package, "durable", Durability::Power)?;
    let first = db.begin()?;
    first.set(b"a", "1")?;
    let mut checks = vec![
        ensure(first.get(b"a")?.as_deref() == Some(b"1"), "it sees its own changes"),
        ensure(db.get(b"a")?.is_none(), "others do not"),
    ];
    first.delete(b"a")?;
    checks.push(ensure(first.get(b"a")?.is_none(), "it sees what it removed"));
    first.set(b"a", "2")?;
    first.commit()?;
    checks.push(ensure(db.get(b"a")?.as_deref() == Some(b"2"), "committed"));
    let second = db.begin()?;
    second.set(b"a", "3")?;
    second.roll_back()?;
    let third = db.begin()?;
    checks.push(ensure(third.get(b"a")?.as_deref() == Some(b"2"), "what was rolled back has no effect"));
    db.set(b"a", "4")?;
    third.set(b"b", "from 2")?;
    let conflict = third.commit();
    let is_conflict = matches!(conflict, Err(CallError::Refused { source: KvError::TxConflict, .. }));
    checks.push(ensure(is_conflict, "what it read was changed by others"));
    checks.push(ensure(db.get(b"b")?.is_none(), "then nothing is committed"));
    kv::remove(package, "durable")?;
    Ok(checks.into_iter().collect())
}

fn scans(package: &PackageId) -> Checked {
    let db = kv::open(package, "ordered")?;
    let entry = |n: u8| (vec![b'k', n], Some(vec![n; usize::from(n)]));
    db.batch((0..10).map(entry).chain([(b"other".to_vec(), Some(Vec::new()))]))?;
    db.batch([(vec![b'k', 3], None)])?;
    let first = db.page(Scan::prefix("k").limit(4))?;
    let keys =
        |page: &kv::Page| page.entries.iter().map(|(key, _)| key.get(1).copied().unwrap_or(99)).collect::<Vec<_>>();
    let mut checks = vec![ensure(keys(&first) == [0, 1, 2, 4], "in order, without what was removed")];
    checks.push(ensure(
        first.entries.iter().all(|(key, value)| key.get(1).is_some_and(|n| usize::from(*n) == value.len())),
        "with their values",
    ));
    let rest = db.page(Scan::prefix("k").from(first.next.unwrap_or_default()))?;
    checks.push(ensure(keys(&rest) == [5, 6, 7, 8, 9] && rest.next.is_none(), "and on to the end"));
    let down = db.page(Scan::prefix("k").from([b'k', 6]).limit(2).descending())?;
    checks.push(ensure(keys(&down) == [6, 5] && down.next == Some(vec![b'k', 4]), "and down"));
    checks.push(ensure(db.page(Scan::all())?.entries.len() == 10, "all of them"));
    let same = kv::of_others(package, "ordered");
    checks.push(ensure(same.get(b"other")? == Some(Vec::new()), "known by its name"));
    kv::remove(package, "ordered")?;
    Ok(checks.into_iter().collect())
}
