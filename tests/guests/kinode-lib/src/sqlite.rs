//! Every function of the published library's `sqlite` module.

use anyhow::{ensure, Result};
use kinode_process_lib::sqlite::{self, SqliteError};
use kinode_process_lib::PackageId;
use serde_json::json;

/// Runs them; an error says what was not as it has to be.
pub fn run(package: &PackageId) -> Result<()> {
    let db = sqlite::open(package.clone(), "notes", None)?;
    db.write(
        "CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT, size REAL, image BLOB, flag)".to_string(),
        vec![],
        None,
    )?;
    let insert = "INSERT INTO note (text, size, image, flag) VALUES (?1, ?2, ?3, ?4)".to_string();
    let params = vec![json!("plain text"), json!(1.5), json!("AQID"), json!(true)];
    db.write(insert.clone(), params, None)?;
    db.write(insert.clone(), vec![json!("no"), json!(null), json!(null), json!(-7)], None)?;
    let rows = db.read("SELECT * FROM note ORDER BY id".to_string(), vec![])?;
    let row = |row: usize, column: &str| rows.get(row).and_then(|row| row.get(column)).cloned();
    ensure!(rows.len() == 2, "two rows: {rows:?}");
    ensure!(row(0, "id") == Some(json!(1)) && row(0, "text") == Some(json!("plain text")), "{rows:?}");
    ensure!(row(0, "size") == Some(json!(1.5)) && row(0, "image") == Some(json!("AQID")), "{rows:?}");
    ensure!(row(0, "flag") == Some(json!(1)) && row(1, "flag") == Some(json!(-7)), "{rows:?}");
    ensure!(row(1, "size") == Some(json!(null)), "{rows:?}");
    let kinds =
        db.read("SELECT typeof(text) AS t, typeof(image) AS i FROM note WHERE id = ?1".to_string(), vec![json!(1)])?;
    ensure!(kinds[0]["t"] == "text" && kinds[0]["i"] == "blob", "{kinds:?}");

    let tx = db.begin_tx()?;
    db.write(insert.clone(), vec![json!("in it"), json!(0.5), json!(null), json!(0)], Some(tx))?;
    let count = || -> Result<u64> {
        let rows = db.read("SELECT count(*) AS n FROM note".to_string(), vec![])?;
        Ok(rows[0]["n"].as_u64().unwrap_or_default())
    };
    ensure!(count()? == 2, "nothing is visible before the commit");
    db.commit_tx(tx)?;
    ensure!(count()? == 3, "all is visible after the commit");
    let is = |error: anyhow::Error, wanted: fn(&SqliteError) -> bool| error.downcast_ref().is_some_and(wanted);
    ensure!(is(db.commit_tx(tx).unwrap_err(), |error| matches!(error, SqliteError::NoTx(_))), "it ends once");

    let half = db.begin_tx()?;
    db.write(insert, vec![json!("kept?"), json!(0), json!(null), json!(0)], Some(half))?;
    db.write("INSERT INTO nothing VALUES (1)".to_string(), vec![], Some(half))?;
    ensure!(is(db.commit_tx(half).unwrap_err(), |error| matches!(error, SqliteError::RusqliteError(_))), "it fails");
    ensure!(count()? == 3, "all or nothing");

    let read = |query: &str| db.read(query.to_string(), vec![]).unwrap_err();
    ensure!(is(read("DELETE FROM note"), |error| matches!(error, SqliteError::NotAReadKeyword)), "a read reads");
    let write = |statement: &str| db.write(statement.to_string(), vec![], None).unwrap_err();
    ensure!(is(write("SELECT 1"), |error| matches!(error, SqliteError::NotAWriteKeyword)), "a write writes");
    let bad = db.read("SELECT ?1".to_string(), vec![json!([1])]).unwrap_err();
    ensure!(is(bad, |error| matches!(error, SqliteError::InvalidParameters)), "a parameter that is none");

    sqlite::remove_db(package.clone(), "notes", None)?;
    let again = sqlite::open(package.clone(), "notes", None)?;
    ensure!(again.read("SELECT * FROM sqlite_schema".to_string(), vec![])?.is_empty(), "it is empty again");
    Ok(())
}
