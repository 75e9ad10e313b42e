//! `wharf sql`: a statement for a database of a package.

use serde_json::{Value, json};
use wharf_types::ProcessId;
use wharf_types::sqlite::{SqliteAction, SqliteError, SqliteRequest, SqliteResponse};

use crate::args::Sql;
use crate::client::{Client, unexpected};
use crate::commands::list;
use crate::errors::{CliError, CliResult};
use crate::output::{Format, Output};
use crate::table::{Align, Cell, Table};
use crate::text;

/// How long a statement may take; the node interrupts it earlier.
const WAIT_S: u64 = 60;

/// Words that a query begins with.
const QUERY: [&str; 5] = ["EXPLAIN", "PRAGMA", "SELECT", "VALUES", "WITH"];

/// Runs the statement and shows its rows, if it has any.
pub(crate) fn run(args: &Sql, client: &Client, output: &mut Output) -> CliResult<()> {
    let statement = args.statement.clone();
    let action = if is_query(&statement) {
        SqliteAction::QueryTyped { statement, tx_id: None }
    } else {
        SqliteAction::Write { statement, tx_id: None }
    };
    let request = SqliteRequest { package_id: args.database.package.clone(), db: args.database.db.clone(), action };
    let (answer, bytes) = client.ask_for_bytes(&ProcessId::system("sqlite"), &request, None, WAIT_S)?;
    match answer.body {
        SqliteResponse::Ok => match output.format() {
            Format::Json => output.json(&json!({ "columns": [], "rows": [] })),
            Format::Text => output.line("done"),
        },
        SqliteResponse::Rows { columns } => {
            let rows: Vec<Vec<Value>> = serde_json::from_slice(&bytes.unwrap_or_default())
                .map_err(|error| unexpected("sqlite", &error.to_string()))?;
            match output.format() {
                Format::Json => output.json(&json!({ "columns": columns, "rows": rows })),
                Format::Text => output.table(&table(&columns, &rows)),
            }
        }
        SqliteResponse::Err(error) => {
            let reason = answer.failure.map_or_else(|| error.to_string(), |failure| failure.error);
            let refused = CliError::refused(text::clean_line(&reason));
            Err(match error {
                SqliteError::NoDb(..) => match list::meant(client, &args.database.package) {
                    Some(meant) => refused.hint(format_args!("did you mean the package `{meant}`?")),
                    None => refused.hint("a database is made when a process of its package opens it"),
                },
                SqliteError::NotAWriteKeyword => {
                    refused.hint("a statement begins with its first word, without comments")
                }
                _ => refused,
            })
        }
        other => Err(unexpected("sqlite", &other)),
    }
}

fn is_query(statement: &str) -> bool {
    let word = statement.split_whitespace().next().unwrap_or_default();
    QUERY.iter().any(|query| query.eq_ignore_ascii_case(word))
}

fn table(columns: &[String], rows: &[Vec<Value>]) -> Table {
    let is_number = |i: usize| {
        let mut values = rows.iter().filter_map(|row| row.get(i)).filter(|value| !value.is_null()).peekable();
        values.peek().is_some() && values.all(Value::is_number)
    };
    let aligned: Vec<(&str, Align)> = (columns.iter().enumerate())
        .map(|(i, name)| (name.as_str(), if is_number(i) { Align::Right } else { Align::Left }))
        .collect();
    let mut table = Table::new(&aligned);
    for row in rows {
        table.push(row.iter().map(|value| Cell::new(shown(value))).collect());
    }
    table
}

/// NULL is told from an empty text; bytes are what JSON says of them.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::String(text) => text.clone(),
        Value::Object(map) => map.values().next().and_then(Value::as_str).unwrap_or_default().to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::output::Colour;

    #[test]
    fn rows_stand_in_columns() {
        let columns = ["id".to_owned(), "text".to_owned()];
        let rows =
            [vec![json!(7), json!(null)], vec![json!(1.5), json!("x\ny")], vec![json!(null), json!({"bytes": "AQ=="})]];
        let expected = "  id  text\n   7  NULL\n 1.5  x\\ny\nNULL  AQ==\n";
        assert_eq!(table(&columns, &rows).render(Colour::Off), expected);
    }

    #[test]
    fn what_reads_is_told_from_what_writes() {
        assert!(is_query(" select 1") && is_query("WITH x AS (SELECT 1) SELECT * FROM x"));
        assert!(!is_query("INSERT INTO t VALUES (1)") && !is_query(""));
    }
}
