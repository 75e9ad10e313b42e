//! `sqlite:distro:sys`: SQL.
//!
//! A database belongs to a package; its processes open it. Statements are compiled once and kept, so parameters are better
//! than text that is put together.
//!
//! ```no_run
//! use wharf_process_lib::sqlite::{self, Value};
//! use wharf_process_lib::PackageId;
//!
//! fn keep(package: &PackageId) -> Result<i64, sqlite::Error> {
//!     let notes = sqlite::open(package, "notes")?;
//!     notes.write("CREATE TABLE IF NOT EXISTS note (id INTEGER PRIMARY KEY, text TEXT, image BLOB)", &[])?;
//!     notes.write("INSERT INTO note (text, image) VALUES (?1, ?2)", &["hello".into(), vec![1_u8, 2].into()])?;
//!     let rows = notes.read("SELECT count(*) FROM note WHERE text = ?1", &["hello".into()])?;
//!     match rows.first(0) {
//!         Some(Value::Integer(count)) => Ok(*count),
//!         _ => Ok(0),
//!     }
//! }
//! ```

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value as Json, json};
use wharf_types::database::Durability;
use wharf_types::sqlite::{SqliteAction, SqliteError, SqliteResponse};
use wharf_types::{LazyLoadBlob, PackageId};

use crate::database::{Asked, Tried};
use crate::error::{CallError, call};
use crate::request::Request;

/// How long a call may take. The node interrupts statements earlier.
const TIMEOUT_S: u64 = 60;

/// Why a call failed.
pub type Error = CallError<SqliteError>;

/// Opens a database of this process's package, and makes it if there is none. What is acknowledged survives the end of the
/// node, also a sudden one; [`open_with`] has a stronger promise.
///
/// ```
/// use wharf_process_lib::{PackageId, sqlite};
///
/// fn notes(package: &PackageId) -> Result<sqlite::Database, sqlite::Error> {
///     let notes = sqlite::open(package, "notes")?;
///     notes.write("CREATE TABLE IF NOT EXISTS note (text TEXT)", &[])?;
///     Ok(notes)
/// }
/// ```
pub fn open(package: &PackageId, name: &str) -> Result<Database, Error> {
    opened(package, name, SqliteAction::Open)
}

/// [`open`], and settles what an acknowledgement is worth from now on. The database remembers it.
///
/// ```
/// use wharf_process_lib::types::database::Durability;
/// use wharf_process_lib::{PackageId, sqlite};
///
/// /// What is acknowledged here survives a loss of power, too.
/// fn accounts(package: &PackageId) -> Result<sqlite::Database, sqlite::Error> {
///     sqlite::open_with(package, "accounts", Durability::Power)
/// }
/// ```
pub fn open_with(package: &PackageId, name: &str, durability: Durability) -> Result<Database, Error> {
    opened(package, name, SqliteAction::OpenWith { durability })
}

/// A database whose capabilities this process was given by somebody else. Nothing is asked of the node.
///
/// ```
/// use wharf_process_lib::{PackageId, sqlite};
///
/// fn prices(shop: &PackageId) -> Result<sqlite::Rows, sqlite::Error> {
///     sqlite::of_others(shop, "shop").read("SELECT name, cents FROM price", &[])
/// }
/// ```
pub fn of_others(package: &PackageId, name: &str) -> Database {
    Database { package: package.clone(), name: name.to_owned() }
}

/// Removes a database of this process's package with all in it; nothing happens when there is none.
///
/// ```
/// use wharf_process_lib::{PackageId, sqlite};
///
/// fn start_over(package: &PackageId) -> Result<sqlite::Database, sqlite::Error> {
///     sqlite::remove(package, "notes")?;
///     sqlite::open(package, "notes")
/// }
/// ```
pub fn remove(package: &PackageId, name: &str) -> Result<(), Error> {
    of_others(package, name).done("remove", SqliteAction::RemoveDb, &[])
}

/// Removes all databases of a package: of this process's own, or with the module's `{"root":true}` of any.
///
/// ```
/// use wharf_process_lib::{PackageId, sqlite};
///
/// fn forget(package: &PackageId) -> Result<(), sqlite::Error> {
///     sqlite::remove_all(package)
/// }
/// ```
pub fn remove_all(package: &PackageId) -> Result<(), Error> {
    of_others(package, "all").done("remove every", SqliteAction::RemoveAll, &[])
}

fn opened(package: &PackageId, name: &str, action: SqliteAction) -> Result<Database, Error> {
    let database = of_others(package, name);
    database.done("open", action, &[])?;
    Ok(database)
}

/// A value of SQL.
///
/// ```
/// use wharf_process_lib::sqlite::Value;
///
/// assert_eq!(Value::from("tea"), Value::Text("tea".to_owned()));
/// assert_eq!(Value::from(vec![1_u8, 2]), Value::Bytes(vec![1, 2]));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// NULL.
    Null,
    /// INTEGER.
    Integer(i64),
    /// REAL; may be infinite, and is never "not a number".
    Real(f64),
    /// TEXT.
    Text(String),
    /// BLOB.
    Bytes(Vec<u8>),
}

macro_rules! from {
    ($($from:ty => $variant:ident),*) => {$(
        impl From<$from> for Value {
            fn from(value: $from) -> Self {
                Self::$variant(value.into())
            }
        }
    )*};
}
from!(i64 => Integer, i32 => Integer, u32 => Integer, bool => Integer, f64 => Real, &str => Text, String => Text, Vec<u8> => Bytes);

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl Value {
    fn to_json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Integer(whole) => json!(whole),
            // What JSON cannot say becomes NULL, as "not a number" does in SQL.
            Self::Real(real) => json!(real),
            Self::Text(text) => json!({ "text": text }),
            Self::Bytes(bytes) => json!({ "bytes": BASE64.encode(bytes) }),
        }
    }

    fn from_json(json: Json) -> Option<Self> {
        Some(match json {
            Json::Null => Self::Null,
            Json::Number(number) => match number.as_i64() {
                Some(whole) => Self::Integer(whole),
                None => Self::Real(number.as_f64()?),
            },
            Json::String(text) => Self::Text(text),
            Json::Object(map) => match (map.get("bytes"), map.get("real").and_then(Json::as_str)) {
                (Some(Json::String(bytes)), _) => Self::Bytes(BASE64.decode(bytes).ok()?),
                (_, Some("inf")) => Self::Real(f64::INFINITY),
                (_, Some("-inf")) => Self::Real(f64::NEG_INFINITY),
                _ => return None,
            },
            Json::Bool(_) | Json::Array(_) => return None,
        })
    }
}

/// What a query found.
///
/// ```
/// use wharf_process_lib::sqlite;
///
/// fn cheapest(shop: &sqlite::Database) -> Result<Option<String>, sqlite::Error> {
///     let rows: sqlite::Rows = shop.read("SELECT name FROM price ORDER BY cents LIMIT 1", &[])?;
///     Ok(match rows.first(0) {
///         Some(sqlite::Value::Text(name)) => Some(name.clone()),
///         _ => None,
///     })
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    /// Names of the columns, in order.
    pub columns: Vec<String>,
    /// The rows, each with a value for every column.
    pub rows: Vec<Vec<Value>>,
}

impl Rows {
    /// A value of the first row.
    pub fn first(&self, column: usize) -> Option<&Value> {
        self.rows.first()?.get(column)
    }

    /// Where a column of that name stands.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }
}

/// A database.
///
/// ```
/// use wharf_process_lib::sqlite;
///
/// fn rename(shop: &sqlite::Database, from: &str, to: &str) -> Result<(), sqlite::Error> {
///     shop.write("UPDATE price SET name = ?2 WHERE name = ?1", &[from.into(), to.into()])
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    package: PackageId,
    name: String,
}

impl Database {
    /// Runs a statement that changes something.
    pub fn write(&self, statement: &str, params: &[Value]) -> Result<(), Error> {
        self.done("write to", SqliteAction::Write { statement: statement.to_owned(), tx_id: None }, params)
    }

    /// Runs a query.
    pub fn read(&self, query: &str, params: &[Value]) -> Result<Rows, Error> {
        self.rows(query, params, None)
    }

    /// Begins a transaction. Its statements run when it is committed; it is forgotten otherwise, at the latest with this
    /// process.
    pub fn begin(&self) -> Result<Transaction<'_>, Error> {
        let verb = "begin a transaction in";
        match self.ask(verb, SqliteAction::BeginTx, &[])? {
            (SqliteResponse::BeginTx { tx_id }, _) => Ok(Transaction { database: self, id: tx_id }),
            _ => Err(CallError::unexpected(&self.tried(verb))),
        }
    }

    fn rows(&self, query: &str, params: &[Value], tx_id: Option<u64>) -> Result<Rows, Error> {
        let action = SqliteAction::QueryTyped { statement: query.to_owned(), tx_id };
        let (response, blob) = self.ask("query", action, params)?;
        let tried = self.tried("query");
        let SqliteResponse::Rows { columns } = response else { return Err(CallError::unexpected(&tried)) };
        let malformed = |error: String| CallError::Malformed { tried: tried.to_string(), error };
        let rows: Vec<Vec<Json>> =
            serde_json::from_slice(&blob.unwrap_or_default()).map_err(|error| malformed(error.to_string()))?;
        let read = |row: Vec<Json>| row.into_iter().map(Value::from_json).collect::<Option<Vec<_>>>();
        let rows = rows.into_iter().map(read).collect::<Option<Vec<_>>>();
        Ok(Rows { columns, rows: rows.ok_or_else(|| malformed("a value is of no known kind".to_owned()))? })
    }

    fn done(&self, verb: &str, action: SqliteAction, params: &[Value]) -> Result<(), Error> {
        match self.ask(verb, action, params)? {
            (SqliteResponse::Ok, _) => Ok(()),
            _ => Err(CallError::unexpected(&self.tried(verb))),
        }
    }

    fn tried<'a>(&'a self, verb: &'a str) -> Tried<'a> {
        Tried { verb, db: &self.name, package_id: &self.package }
    }

    fn ask(
        &self,
        verb: &str,
        action: SqliteAction,
        params: &[Value],
    ) -> Result<(SqliteResponse, Option<Vec<u8>>), Error> {
        let tried = self.tried(verb);
        let asked = Asked { package_id: &self.package, db: &self.name, action };
        let malformed =
            |error: serde_json::Error| CallError::Malformed { tried: tried.to_string(), error: error.to_string() };
        let mut request = Request::to_module("sqlite").json(&asked).map_err(malformed)?;
        if !params.is_empty() {
            let params: Vec<Json> = params.iter().map(Value::to_json).collect();
            let bytes = serde_json::to_vec(&params).map_err(malformed)?;
            request = request.blob(LazyLoadBlob { mime: None, bytes });
        }
        match call(request, &tried, TIMEOUT_S)? {
            (SqliteResponse::Err(source), _) => Err(CallError::Refused { tried: tried.to_string(), source }),
            // Only rows bring bytes; nothing else pays for fetching them.
            (response @ SqliteResponse::Rows { .. }, answer) => Ok((response, answer.blob().map(|blob| blob.bytes))),
            (response, _) => Ok((response, None)),
        }
    }
}

/// Statements that take effect together, or never.
///
/// ```
/// use wharf_process_lib::sqlite;
///
/// /// Both, or neither.
/// fn pay(bank: &sqlite::Database, from: &str, to: &str) -> Result<(), sqlite::Error> {
///     let transaction = bank.begin()?;
///     transaction.write("UPDATE account SET cents = cents - 1 WHERE name = ?1", &[from.into()])?;
///     transaction.write("UPDATE account SET cents = cents + 1 WHERE name = ?1", &[to.into()])?;
///     transaction.commit()
/// }
/// ```
#[derive(Debug)]
#[must_use = "what is not committed is forgotten"]
pub struct Transaction<'a> {
    database: &'a Database,
    id: u64,
}

impl Transaction<'_> {
    /// Adds a statement. Whether it works shows at the commit.
    pub fn write(&self, statement: &str, params: &[Value]) -> Result<(), Error> {
        let action = SqliteAction::Write { statement: statement.to_owned(), tx_id: Some(self.id) };
        self.database.done("write to", action, params)
    }

    /// Runs a query that sees what this transaction is going to do. Costs as much as doing it.
    pub fn read(&self, query: &str, params: &[Value]) -> Result<Rows, Error> {
        self.database.rows(query, params, Some(self.id))
    }

    /// Runs the statements. When one fails, none has any effect.
    pub fn commit(self) -> Result<(), Error> {
        self.database.done("commit to", SqliteAction::Commit { tx_id: self.id }, &[])
    }

    /// Forgets the statements.
    pub fn roll_back(self) -> Result<(), Error> {
        self.database.done("roll back in", SqliteAction::Rollback { tx_id: self.id }, &[])
    }
}
