//! What statements of guests may do, on connections as the module has them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed unwrap fails the test")]

use std::sync::Arc;

use rusqlite::Connection;
use tempfile::TempDir;
use wharf_database::{DatabaseId, DatabaseLimits, Databases, Lease, Missing};
use wharf_kernel::Book;
use wharf_types::PackageId;
use wharf_types::database::Durability;
use wharf_types::sqlite::SqliteError;

use crate::limits::SqliteLimits;
use crate::perform::{self, Found, Sqlite, Statement};
use crate::rows::Form;

struct World {
    folder: TempDir,
    databases: Databases<Sqlite>,
    limits: Arc<SqliteLimits>,
}

impl World {
    fn new(limits: SqliteLimits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = Sqlite { limits: Book::new(limits.clone(), []) };
        let book = Book::new(DatabaseLimits::default(), []);
        let databases = Databases::open(engine, folder.path().join("sqlite"), book).unwrap();
        Self { folder, databases, limits: Arc::new(limits) }
    }

    async fn lease(&self) -> Arc<Lease<Sqlite>> {
        let id = DatabaseId::new(&PackageId::new("p", "u").unwrap(), "db").unwrap();
        Arc::new(self.databases.lease(&id, Missing::Create(Durability::Process)).await.unwrap())
    }

    async fn write(&self, sql: &str) -> Result<(), String> {
        let statement = Statement::write(sql.to_owned(), None, &self.limits).map_err(|error| error.to_string())?;
        perform::write(&*self.lease().await, vec![statement], &self.limits).await.map_err(|error| error.to_string())
    }

    async fn find(&self, sql: &str, form: Form) -> Result<Found, String> {
        let statement = Statement::query(sql.to_owned(), None, &self.limits).map_err(|error| error.to_string())?;
        perform::query(self.lease().await, statement, form, &self.limits).await.map_err(|error| error.to_string())
    }

    async fn query(&self, sql: &str) -> Result<String, String> {
        self.find(sql, Form::Objects).await.map(|found| String::from_utf8(found.json).unwrap())
    }
}

async fn with_table() -> World {
    let world = World::new(SqliteLimits::default());
    world.write("CREATE TABLE t (a)").await.unwrap();
    world.write("INSERT INTO t VALUES (1)").await.unwrap();
    world
}

/// S9: in the reference a query may attach any file of the host, and write.
#[tokio::test]
async fn s9_a_query_changes_nothing_and_reaches_no_other_file() {
    let world = with_table().await;
    let other = world.folder.path().join("other.db");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE secret (a); INSERT INTO secret VALUES (7)").unwrap();
    let other = other.display();
    for sql in [
        format!("ATTACH '{other}' AS o"),
        "ATTACH ':memory:' AS o".to_owned(),
        "WITH x AS (SELECT 1) DELETE FROM t".to_owned(),
        "WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x".to_owned(),
        "WITH x AS (SELECT 1) UPDATE t SET a = 2".to_owned(),
        "WITH x AS (SELECT 1) REPLACE INTO t VALUES (2)".to_owned(),
        "ANALYZE".to_owned(),
        "SELECT load_extension('x')".to_owned(),
        "SELECT 1; DELETE FROM t".to_owned(),
        "SELECT 1; SELECT 2".to_owned(),
        "BEGIN".to_owned(),
        "EXPLAIN DELETE FROM t".to_owned(),
        "SELECT * FROM pragma_database_list".to_owned(),
    ] {
        assert!(world.query(&sql).await.is_err(), "{sql}");
    }
    for pragma in [
        "journal_mode = DELETE",
        "writable_schema = 1",
        "user_version = 7",
        "database_list",
        "synchronous = OFF",
        "locking_mode = \
         EXCLUSIVE",
        "temp_store_directory = '/tmp'",
        "wal_checkpoint(TRUNCATE)",
        "trusted_schema = 1",
        "max_page_count = 1",
        "hard_heap_limit = 1",
        "optimize",
        "application_id = 1",
        "key = 'x'",
        "mmap_size = 1000000",
        "query_only = 0",
        "journal_mode(DELETE)",
        "shrink_memory",
        "incremental_vacuum",
        "cache_size = 1",
    ] {
        assert!(world.query(&format!("PRAGMA {pragma}")).await.is_err(), "{pragma}");
    }
    for pragma in ["table_info(t)", "user_version", "foreign_keys", "index_list(t)", "page_count", "quick_check"] {
        assert!(world.query(&format!("PRAGMA {pragma}")).await.is_ok(), "{pragma}");
    }
    assert_eq!(world.query("SELECT * FROM t").await.unwrap(), r#"[{"a":1}]"#);
}

/// S9 and more: what a write may not do either.
#[tokio::test]
async fn s9_a_write_stays_in_its_database_and_transaction() {
    let world = with_table().await;
    let file = world.folder.path().join("copy.db");
    for sql in [
        "COMMIT".to_owned(),
        "commit ;".to_owned(),
        "COMMIT /* */".to_owned(),
        "ROLLBACK".to_owned(),
        "ROLLBACK TO task".to_owned(),
        "RELEASE task".to_owned(),
        "SAVEPOINT task".to_owned(),
        "END".to_owned(),
        "DETACH main".to_owned(),
        format!("VACUUM INTO '{}'", file.display()),
        format!("VACUUM main INTO '{}'", file.display()),
        "CREATE TEMP TABLE x (a)".to_owned(),
        "CREATE TEMPORARY TRIGGER x AFTER INSERT ON t BEGIN DELETE FROM t; END".to_owned(),
        "CREATE VIRTUAL TABLE x USING dbstat".to_owned(),
        "INSERT INTO sqlite_schema VALUES ('table', 'x', 'x', 2, 'CREATE TABLE x (a)')".to_owned(),
        "UPDATE sqlite_schema SET sql = 'x'".to_owned(),
        "INSERT INTO t VALUES (load_extension('x'))".to_owned(),
        "INSERT INTO t VALUES (2); DELETE FROM t".to_owned(),
        "DELETE FROM t WHERE a = (SELECT file FROM pragma_database_list)".to_owned(),
    ] {
        assert!(world.write(&sql).await.is_err(), "{sql}");
    }
    assert!(!file.exists());
    assert_eq!(world.query("SELECT * FROM t").await.unwrap(), r#"[{"a":1}]"#);
    for sql in [
        "CREATE INDEX i ON t (a)",
        "ALTER TABLE t RENAME COLUMN a TO b",
        "ALTER TABLE t RENAME TO u",
        "ALTER TABLE u ADD COLUMN c DEFAULT 5",
        "CREATE VIEW v AS SELECT b FROM u",
        "CREATE TRIGGER r AFTER INSERT ON u BEGIN DELETE FROM u WHERE b = 1; END",
        "REPLACE INTO u (b) VALUES (2)",
        "INSERT INTO u (b) VALUES (3) RETURNING b",
        "ANALYZE",
        "REINDEX",
        "VACUUM",
        "CREATE VIRTUAL TABLE words USING fts5(word)",
        "INSERT INTO words VALUES ('hello there')",
        "DROP TABLE words",
    ] {
        assert_eq!(world.write(sql).await, Ok(()), "{sql}");
    }
    assert_eq!(world.query("SELECT * FROM u ORDER BY b").await.unwrap(), r#"[{"b":2,"c":5},{"b":3,"c":5}]"#);
}

/// C5: in the reference, a number that JSON cannot say ends the node.
#[tokio::test]
async fn c5_what_json_cannot_say_is_said_otherwise() {
    let world = World::new(SqliteLimits::default());
    let sql = "SELECT 9e999 AS up, -9e999 AS down, 9e999 - 9e999 AS none, 0.1 AS real, 1e300 AS large";
    let found = world.query(sql).await.unwrap();
    assert_eq!(found, r#"[{"up":"inf","down":"-inf","none":null,"real":0.1,"large":1e+300}]"#);
    let typed = world.find(sql, Form::Arrays).await.unwrap();
    assert_eq!(String::from_utf8(typed.json).unwrap(), r#"[[{"real":"inf"},{"real":"-inf"},null,0.1,1e+300]]"#);
    assert_eq!(typed.columns, ["up", "down", "none", "real", "large"]);
}

#[tokio::test]
async fn rows_have_the_form_that_guests_know() {
    let world = World::new(SqliteLimits::default());
    let sql = "SELECT 1 AS a, 'x\"y' AS b, x'00ff' AS c, 2 AS a, CAST(x'ff' AS TEXT) AS d";
    let (objects, arrays) = (world.query(sql).await.unwrap(), world.find(sql, Form::Arrays).await.unwrap());
    assert_eq!(objects, "[{\"b\":\"x\\\"y\",\"c\":\"AP8=\",\"a\":2,\"d\":\"\u{fffd}\"}]");
    assert_eq!(String::from_utf8(arrays.json).unwrap(), "[[1,\"x\\\"y\",{\"bytes\":\"AP8=\"},2,\"\u{fffd}\"]]");
    assert_eq!(world.query("SELECT 1 WHERE 0").await.unwrap(), "[]");
}

#[tokio::test]
async fn what_takes_too_long_or_is_too_much_is_refused_and_the_next_works() {
    let limits = SqliteLimits {
        statement_ms_max: 50,
        rows_max: 10,
        answer_bytes_max: 1_000,
        value_bytes_max: 10_000,
        statement_bytes_max: 500,
        ..SqliteLimits::default()
    };
    let world = World::new(limits);
    world.write("CREATE TABLE t (a)").await.unwrap();
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)";
    let error = world.query(&format!("{endless} SELECT count(*) FROM n")).await.unwrap_err();
    assert!(error.contains("50 ms"), "{error}");
    let error =
        world.write("INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n");
    assert!(error.await.unwrap_err().contains("50 ms"));
    let error = world.query(&format!("{endless} SELECT i FROM n LIMIT 11")).await.unwrap_err();
    assert!(error.contains("rows"), "{error}");
    let error = world.query("SELECT hex(zeroblob(1000))").await.unwrap_err();
    assert!(error.contains("bytes"), "{error}");
    assert!(world.query("SELECT length(zeroblob(1000000))").await.unwrap_err().contains("too big"));
    let long = format!("SELECT {}", "1".repeat(1_000));
    assert!(world.query(&long).await.unwrap_err().contains("bytes"));
    assert_eq!(world.query("SELECT count(*) AS n FROM t").await.unwrap(), r#"[{"n":0}]"#);
    assert_eq!(world.query(&format!("{endless} SELECT i FROM n LIMIT 2")).await.unwrap(), r#"[{"i":1},{"i":2}]"#);
}

#[tokio::test]
async fn a_transaction_is_all_or_nothing_and_shows_what_it_is_going_to_do() {
    let world = with_table().await;
    let read = |sql: &str| Statement::write(sql.to_owned(), None, &world.limits).unwrap();
    let lease = world.lease().await;
    let half = vec![read("INSERT INTO t VALUES (2)"), read("INSERT INTO nothing VALUES (1)")];
    assert!(perform::write(&lease, half, &world.limits).await.is_err());
    let gathered = vec![read("CREATE TABLE u (a)"), read("INSERT INTO u VALUES (5)")];
    let query = Statement::query("SELECT a FROM u".to_owned(), None, &world.limits).unwrap();
    let seen = perform::query_within(&lease, gathered.clone(), query, Form::Objects, &world.limits).await.unwrap();
    assert_eq!(seen.json, br#"[{"a":5}]"#);
    let change = Statement::query("WITH x AS (SELECT 1) DELETE FROM t".to_owned(), None, &world.limits).unwrap();
    assert!(perform::query_within(&lease, Vec::new(), change, Form::Objects, &world.limits).await.is_err());
    assert!(world.query("SELECT * FROM u").await.is_err(), "looking has no effect");
    perform::write(&lease, gathered, &world.limits).await.unwrap();
    assert_eq!(world.query("SELECT * FROM t, u").await.unwrap(), r#"[{"a":5}]"#);
}

#[test]
fn words_are_refused_as_guests_know_it() {
    let limits = SqliteLimits::default();
    let query = |sql: &str| Statement::query(sql.to_owned(), None, &limits).map(drop);
    let write = |sql: &str| Statement::write(sql.to_owned(), None, &limits).map(drop);
    assert_eq!(query("DELETE FROM t"), Err(SqliteError::NotAReadKeyword));
    assert_eq!(write("SELECT 1"), Err(SqliteError::NotAWriteKeyword));
    assert_eq!(write("PRAGMA user_version = 1"), Err(SqliteError::NotAWriteKeyword));
    assert!(matches!(write("COMMIT"), Err(SqliteError::RusqliteError(_))));
    let params = Statement::query("SELECT ?1".to_owned(), Some(b"{}"), &limits).map(drop);
    assert_eq!(params, Err(SqliteError::InvalidParameters));
}
