//! Every function of the guest library's `sqlite` module.

use wharf_process_lib::PackageId;
use wharf_process_lib::error::CallError;
use wharf_process_lib::sqlite::{self, Error, Value};
use wharf_process_lib::types::database::Durability;
use wharf_process_lib::types::sqlite::SqliteError;

use crate::describe::ensure;

/// Runs them; an error says what was not as it has to be.
pub(crate) fn run(package: &PackageId) -> Result<(), String> {
    values(package).map_err(|error| error.to_string())??;
    transactions(package).map_err(|error| error.to_string())?
}

type Checked = Result<Result<(), String>, Error>;

fn values(package: &PackageId) -> Checked {
    let db = sqlite::open(package, "library")?;
    db.write("CREATE TABLE t (a, b, c, d, e)", &[])?;
    let row: Vec<Value> = vec![Value::Null, i64::MIN.into(), 2.5.into(), "abcd".into(), vec![0_u8, 255].into()];
    db.write("INSERT INTO t VALUES (?1, ?2, ?3, ?4, ?5)", &row)?;
    let found = db.read("SELECT *, 9e999, -9e999, a AS b FROM t", &[])?;
    let mut expected = row;
    expected.extend([f64::INFINITY.into(), f64::NEG_INFINITY.into(), Value::Null]);
    let mut checks = vec![ensure(found.rows == [expected], "every kind of value comes back")];
    checks.push(ensure(
        found.columns.last().is_some_and(|name| name == "b"),
        "columns are in order, also twice the same",
    ));
    checks.push(ensure(found.column("c") == Some(2) && found.first(2) == Some(&Value::Real(2.5)), "found by name"));
    let none: Option<i64> = None;
    let found = db.read("SELECT ?1 IS NULL, ?2", &[none.into(), true.into()])?;
    checks.push(ensure(found.rows == [vec![1_i64.into(), 1_i64.into()]], "no value is NULL"));
    let same = sqlite::of_others(package, "library");
    checks.push(ensure(same.read("SELECT a FROM t", &[])?.rows.len() == 1, "known by its name"));
    sqlite::remove(package, "library")?;
    let gone = db.read("SELECT 1", &[]);
    checks.push(ensure(matches!(gone, Err(CallError::Refused { source: SqliteError::NoDb(..), .. })), "it is gone"));
    Ok(checks.into_iter().collect())
}

fn transactions(package: &PackageId) -> Checked {
    let db = sqlite::open_with(package, "durable", Durability::Power)?;
    let count = "SELECT count(*) FROM t";
    let first = db.begin()?;
    first.write("CREATE TABLE t (a)", &[])?;
    first.write("INSERT INTO t VALUES (?1)", &["x".into()])?;
    let mut checks = vec![
        ensure(first.read(count, &[])?.first(0) == Some(&Value::Integer(1)), "it sees its own changes"),
        ensure(db.read(count, &[]).is_err(), "others do not"),
    ];
    first.commit()?;
    checks.push(ensure(db.read(count, &[])?.first(0) == Some(&Value::Integer(1)), "committed"));
    let second = db.begin()?;
    second.write("DELETE FROM t", &[])?;
    second.roll_back()?;
    checks.push(ensure(db.read(count, &[])?.first(0) == Some(&Value::Integer(1)), "rolled back"));
    sqlite::remove(package, "durable")?;
    Ok(checks.into_iter().collect())
}
