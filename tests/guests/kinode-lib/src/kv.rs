//! Every function of the published library's `kv` module.

use anyhow::{ensure, Result};
use kinode_process_lib::kv::{self, Kv, KvError};
use kinode_process_lib::PackageId;

fn is_missing(outcome: &Result<impl Sized>) -> bool {
    matches!(outcome, Err(error) if matches!(error.downcast_ref::<KvError>(), Some(KvError::KeyNotFound)))
}

/// Runs them; an error says what was not as it has to be.
pub fn run(package: &PackageId) -> Result<()> {
    let db: Kv<String, u64> = kv::open(package.clone(), "typed", None)?;
    let key = "a".to_string();
    ensure!(is_missing(&db.get(&key)), "a missing key is KeyNotFound");
    db.set(&key, &7, None)?;
    ensure!(db.get(&key)? == 7, "what was set is there");
    db.set_as(&key, &vec!["text"], None)?;
    ensure!(db.get_as::<Vec<String>>(&key)? == ["text"], "a value of another type");
    db.delete(&key, None)?;
    db.delete_as(&key, None)?;
    ensure!(is_missing(&db.get(&key)), "what was deleted is not there");

    let tx = db.begin_tx()?;
    db.set(&key, &8, Some(tx))?;
    db.set_as(&"other".to_string(), &"in it", Some(tx))?;
    ensure!(is_missing(&db.get(&key)), "nothing is visible before the commit");
    db.commit_tx(tx)?;
    ensure!(
        db.get(&key)? == 8 && db.get_as::<String>(&"other".to_string())? == "in it",
        "all is visible after the commit"
    );
    let gone = db.commit_tx(tx).unwrap_err();
    ensure!(matches!(gone.downcast_ref(), Some(KvError::NoTx(id)) if *id == tx), "a transaction ends once: {gone}");

    let raw = kv::open_raw(package.clone(), "raw", None)?;
    raw.set_raw(b"raw", &[0, 255, 1], None)?;
    ensure!(raw.get_raw(b"raw")? == [0, 255, 1], "bytes");
    raw.delete_raw(b"raw", None)?;
    ensure!(is_missing(&raw.get_raw(b"raw")), "bytes that were deleted");
    raw.set_raw(b"x", b"", None)?;
    ensure!(raw.get_raw(b"x")?.is_empty(), "an empty value is a value");
    ensure!(is_missing(&raw.get_raw(b"\"a\"")), "databases are apart");
    kv::remove_db(package.clone(), "raw", None)?;
    let again = kv::open_raw(package.clone(), "raw", None)?;
    ensure!(is_missing(&again.get_raw(b"x")), "a removed database is empty when it is opened again");

    let others = PackageId::new("app-store", "sys");
    let refused = kv::open_raw(others, "raw", None).err();
    let is_refused = |error: &anyhow::Error| matches!(error.downcast_ref(), Some(KvError::MismatchingPackageId));
    ensure!(refused.as_ref().is_some_and(is_refused), "a database of another package: {refused:?}");
    Ok(())
}
