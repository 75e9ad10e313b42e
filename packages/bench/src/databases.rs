//! Databases: keys and values, and SQL, one call after the other.

use std::time::Instant;

use wharf_process_lib::sqlite::Value;
use wharf_process_lib::types::database::Durability;
use wharf_process_lib::{Address, Capability, OnExit, ProcessId, Request, kv, sqlite};

use crate::children;
use crate::protocol::{Command, DATABASE_KEYS, DATABASE_VALUE_BYTES, DatabaseWork, Summary};
use crate::round_trips::TIMEOUT_S;

/// Times batches of calls. A sample is the time of one, as the batch's mean.
pub(crate) fn timed(our: &Address, work: DatabaseWork, batches: usize, per_batch: usize) -> Result<Summary, String> {
    let mut call = prepare(our, work)?;
    let mut samples = Vec::with_capacity(batches);
    let mut n = 0;
    for _ in 0..batches {
        let start = Instant::now();
        for _ in 0..per_batch {
            call(n)?;
            n += 1;
        }
        samples.push(start.elapsed().as_nanos() as f64 / per_batch as f64);
    }
    Ok(Summary::of(samples))
}

fn key(n: usize) -> Vec<u8> {
    format!("key {:08}", n % DATABASE_KEYS).into_bytes()
}

type Call = Box<dyn FnMut(usize) -> Result<(), String>>;

fn prepare(our: &Address, work: DatabaseWork) -> Result<Call, String> {
    let package = our.process().package_id();
    let value = vec![7; DATABASE_VALUE_BYTES];
    Ok(match work {
        DatabaseWork::KvSet | DatabaseWork::KvGet => {
            let db = kv::open(&package, "bench").map_err(|error| error.to_string())?;
            for n in 0..DATABASE_KEYS {
                db.set(&key(n), value.as_slice()).map_err(|error| error.to_string())?;
            }
            match work {
                DatabaseWork::KvSet => {
                    Box::new(move |n| db.set(&key(n), value.as_slice()).map_err(|error| error.to_string()))
                }
                _ => Box::new(move |n| match db.get(&key(n)) {
                    Ok(Some(found)) if found.len() == DATABASE_VALUE_BYTES => Ok(()),
                    other => Err(format!("{other:?}")),
                }),
            }
        }
        DatabaseWork::SqlRead => {
            let db = sqlite::open(&package, "bench").map_err(|error| error.to_string())?;
            fill(&db, &value).map_err(|error| error.to_string())?;
            Box::new(move |n| {
                let id = Value::Integer((n % DATABASE_KEYS) as i64);
                match db.read("SELECT text FROM note WHERE id = ?1", &[id]) {
                    Ok(rows) if rows.rows.len() == 1 => Ok(()),
                    other => Err(format!("{other:?}")),
                }
            })
        }
    })
}

fn fill(db: &sqlite::Database, value: &[u8]) -> Result<(), sqlite::Error> {
    db.write("DROP TABLE IF EXISTS note", &[])?;
    db.write("CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT)", &[])?;
    let text = "x".repeat(value.len());
    let transaction = db.begin()?;
    for n in 0..DATABASE_KEYS {
        let params = [Value::Integer(n as i64), text.as_str().into()];
        transaction.write("INSERT INTO note VALUES (?1, ?2)", &params)?;
    }
    transaction.commit()
}

/// Sets keys in a database whose acknowledgements survive a power failure.
pub(crate) fn set_durably(our: &Address, count: usize) -> Result<(), String> {
    let failed = |error: kv::Error| error.to_string();
    let db = kv::open_with(&our.process().package_id(), "durable", Durability::Power).map_err(failed)?;
    let key = our.process().process().as_bytes();
    (0..count).try_for_each(|n| db.set(key, n.to_le_bytes()).map_err(failed))
}

/// Nanoseconds in which processes set so many keys each, all at the same time.
pub(crate) fn run_setters(our: &Address, processes: usize, per_process: usize) -> Result<f64, String> {
    let kv = Capability::messaging(Address::new(our.node().clone(), ProcessId::system("kv")));
    let component = children::component(our);
    (0..processes).try_for_each(|n| {
        children::start_with(&component, format!("setter-{n}"), OnExit::None, std::slice::from_ref(&kv))
    })?;
    // Once before anything is timed, so that all of them have come up.
    all_set(our, processes, 1)?;
    let start = Instant::now();
    all_set(our, processes, per_process)?;
    Ok(start.elapsed().as_nanos() as f64)
}

fn all_set(our: &Address, processes: usize, count: usize) -> Result<(), String> {
    for n in 0..processes {
        let request = Request::to(&children::sibling(our, &format!("setter-{n}"))?).expects_response(TIMEOUT_S);
        request.json(&Command::SetDurably { count }).map_err(|error| error.to_string())?.send();
    }
    children::await_all(processes)
}
