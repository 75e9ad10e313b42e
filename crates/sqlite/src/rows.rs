//! Rows of a query: SQL to JSON, written as they come.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use rusqlite::Row;
use rusqlite::types::ValueRef;
use wharf_database::DatabaseError;

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Objects, column name to value; of columns with the same name the last one counts.
    Objects,
    /// Arrays, with nothing left to guess.
    Arrays,
}

/// Writes rows, within bounds.
pub(crate) struct Rows {
    form: Form,
    /// Index and name of each column that is written, the name as JSON.
    columns: Vec<(usize, Vec<u8>)>,
    json: Vec<u8>,
    count: usize,
    rows_max: usize,
    bytes_max: usize,
}

impl Rows {
    /// Begins with the names of the columns.
    pub(crate) fn new(form: Form, names: &[String], rows_max: usize, bytes_max: usize) -> Self {
        let columns = (names.iter().enumerate())
            .filter(|(i, name)| form == Form::Arrays || !names.iter().skip(i + 1).any(|later| later == *name))
            .map(|(i, name)| (i, text(name)))
            .collect();
        Self { form, columns, json: vec![b'['], count: 0, rows_max, bytes_max }
    }

    /// Adds a row.
    pub(crate) fn push(&mut self, row: &Row<'_>) -> Result<(), DatabaseError> {
        if self.count >= self.rows_max {
            return Err(limit("the answer has too many rows", self.rows_max));
        }
        if self.count > 0 {
            self.json.push(b',');
        }
        self.count += 1;
        let (open, close) = if self.form == Form::Objects { (b'{', b'}') } else { (b'[', b']') };
        self.json.push(open);
        for (nth, (i, name)) in self.columns.iter().enumerate() {
            if nth > 0 {
                self.json.push(b',');
            }
            if self.form == Form::Objects {
                self.json.extend_from_slice(name);
                self.json.push(b':');
            }
            write(&mut self.json, row.get_ref(*i)?, self.form);
            if self.json.len() > self.bytes_max {
                return Err(limit("the answer has too many bytes", self.bytes_max));
            }
        }
        self.json.push(close);
        Ok(())
    }

    /// All of it.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.json.push(b']');
        self.json
    }
}

fn limit(what: &'static str, max: usize) -> DatabaseError {
    DatabaseError::Limit { what, max: u64::try_from(max).unwrap_or(u64::MAX) }
}

fn text(text: &str) -> Vec<u8> {
    // Text is always JSON.
    serde_json::to_vec(text).unwrap_or_default()
}

fn write(json: &mut Vec<u8>, value: ValueRef<'_>, form: Form) {
    match value {
        ValueRef::Null => json.extend_from_slice(b"null"),
        ValueRef::Integer(whole) => json.extend_from_slice(whole.to_string().as_bytes()),
        ValueRef::Real(real) if real.is_finite() => {
            json.extend_from_slice(&serde_json::to_vec(&real).unwrap_or_default());
        }
        // SQLite has no NaN: it is NULL there. What is left is infinite, which JSON cannot say.
        ValueRef::Real(real) => {
            let name = if real > 0.0 { "\"inf\"" } else { "\"-inf\"" };
            let written = if form == Form::Objects { name.to_owned() } else { format!("{{\"real\":{name}}}") };
            json.extend_from_slice(written.as_bytes());
        }
        ValueRef::Text(bytes) => json.extend_from_slice(&text(&String::from_utf8_lossy(bytes))),
        ValueRef::Blob(bytes) => {
            let encoded = BASE64.encode(bytes);
            let written =
                if form == Form::Objects { format!("\"{encoded}\"") } else { format!("{{\"bytes\":\"{encoded}\"}}") };
            json.extend_from_slice(written.as_bytes());
        }
    }
}
