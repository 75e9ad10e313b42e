//! What a statement has to begin with. Guests know these lists; what a statement may do is decided elsewhere.

/// Words that a query begins with.
const READ: &[&str] = &["ANALYZE", "ATTACH", "BEGIN", "EXPLAIN", "PRAGMA", "SELECT", "VALUES", "WITH"];

/// Words that a write begins with.
const WRITE: &[&str] = &[
    "ALTER",
    "ANALYZE",
    "COMMIT",
    "CREATE",
    "DELETE",
    "DETACH",
    "DROP",
    "END",
    "INSERT",
    "REINDEX",
    "RELEASE",
    "RENAME",
    "REPLACE",
    "ROLLBACK",
    "SAVEPOINT",
    "UPDATE",
    "VACUUM",
];

/// Words of transactions. The node has its own around each statement; what begins like this never reaches SQLite, whose
/// cache of statements has the node's own.
const TRANSACTION: &[&str] = &["BEGIN", "COMMIT", "END", "RELEASE", "ROLLBACK", "SAVEPOINT"];

/// What a statement begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// A word of the list.
    Known,
    /// A word of the list that only the node itself says.
    Transaction,
    /// `VACUUM` and nothing else.
    Vacuum,
    /// Another word.
    Unknown,
}

/// How a query begins.
pub(crate) fn of_query(statement: &str) -> Opening {
    of(statement, READ)
}

/// How a write begins.
pub(crate) fn of_write(statement: &str) -> Opening {
    of(statement, WRITE)
}

fn of(statement: &str, list: &[&str]) -> Opening {
    let word = statement.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
    let bare = statement.trim().trim_end_matches(';').trim_end();
    if bare.eq_ignore_ascii_case("VACUUM") && list.contains(&"VACUUM") {
        return Opening::Vacuum;
    }
    // `COMMIT;` is a word with a semicolon.
    let is = |words: &[&str]| words.contains(&word.as_str());
    match (is(list), is(TRANSACTION)) {
        (true, false) => Opening::Known,
        (true, true) => Opening::Transaction,
        (false, _) => Opening::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_decides() {
        assert_eq!(of_query("select 1"), Opening::Known);
        assert_eq!(of_query("\n  WITH x AS (SELECT 1) SELECT * FROM x"), Opening::Known);
        assert_eq!(of_query("INSERT INTO t VALUES (1)"), Opening::Unknown);
        assert_eq!(of_query("BEGIN"), Opening::Transaction);
        assert_eq!(of_query(""), Opening::Unknown);
        assert_eq!(of_query("VACUUM"), Opening::Unknown);
        assert_eq!(of_write("rEpLaCe INTO t VALUES (1)"), Opening::Known);
        assert_eq!(of_write("SELECT 1"), Opening::Unknown);
        assert_eq!(of_write("COMMIT"), Opening::Transaction);
        assert_eq!(of_write("COMMIT;"), Opening::Unknown);
        assert_eq!(of_write(" vacuum ; "), Opening::Vacuum);
        assert_eq!(of_write("VACUUM INTO '/tmp/x'"), Opening::Known);
    }
}
