//! Parameters of a statement: JSON to SQL. `wharf_types::sqlite` has the table.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use rusqlite::types::Value as Sql;
use serde_json::{Map, Value as Json};
use wharf_types::sqlite::SqliteError;

/// Reads the blob. No blob is no parameters.
pub(crate) fn read(blob: Option<&[u8]>) -> Result<Vec<Sql>, SqliteError> {
    let Some(bytes) = blob.filter(|bytes| !bytes.is_empty()) else { return Ok(Vec::new()) };
    let list: Vec<Json> = serde_json::from_slice(bytes).map_err(|_| SqliteError::InvalidParameters)?;
    list.into_iter().map(value).collect::<Option<_>>().ok_or(SqliteError::InvalidParameters)
}

fn value(json: Json) -> Option<Sql> {
    Some(match json {
        Json::Null => Sql::Null,
        Json::Bool(is) => Sql::Integer(i64::from(is)),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Sql::Integer(whole),
            None => Sql::Real(number.as_f64()?),
        },
        Json::String(text) => match BASE64.decode(&text) {
            Ok(bytes) => Sql::Blob(bytes),
            Err(_) => Sql::Text(text),
        },
        Json::Object(map) => named(map)?,
        Json::Array(_) => return None,
    })
}

/// `{"text":"..."}` or `{"bytes":"<base64>"}`.
fn named(map: Map<String, Json>) -> Option<Sql> {
    let mut entries = map.into_iter();
    match (entries.next()?, entries.next()) {
        ((key, Json::String(text)), None) if key == "text" => Some(Sql::Text(text)),
        ((key, Json::String(text)), None) if key == "bytes" => BASE64.decode(text).ok().map(Sql::Blob),
        _ => None,
    }
}

/// Bytes that parameters keep in memory.
pub(crate) fn weight(params: &[Sql]) -> usize {
    const VALUE_BYTES: usize = 32;
    let bytes = |value: &Sql| match value {
        Sql::Text(text) => text.len(),
        Sql::Blob(bytes) => bytes.len(),
        Sql::Null | Sql::Integer(_) | Sql::Real(_) => 0,
    };
    params.iter().map(|value| VALUE_BYTES + bytes(value)).sum()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_parameter_is_what_guests_expect() {
        let json = br#"[null, true, -7, 1.5, 18446744073709551615, "abcd", "plain text", "",
            {"text":"abcd"}, {"bytes":"AQI="}, 9223372036854775807]"#;
        let expected = [
            Sql::Null,
            Sql::Integer(1),
            Sql::Integer(-7),
            Sql::Real(1.5),
            Sql::Real(18_446_744_073_709_551_615.0),
            Sql::Blob(vec![0x69, 0xb7, 0x1d]),
            Sql::Text("plain text".to_owned()),
            Sql::Blob(Vec::new()),
            Sql::Text("abcd".to_owned()),
            Sql::Blob(vec![1, 2]),
            Sql::Integer(i64::MAX),
        ];
        assert_eq!(read(Some(json)).unwrap(), expected);
        assert_eq!(read(None).unwrap(), []);
    }

    #[test]
    fn what_is_no_parameter_is_refused() {
        for bad in [
            "{}",
            "7",
            "[[1]]",
            "[{}]",
            r#"[{"bytes":"not base64!"}]"#,
            r#"[{"bytes":1}]"#,
            r#"[{"text":"a","more":1}]"#,
            "[1",
            "[1e999]",
            "\u{1}",
        ] {
            assert_eq!(read(Some(bad.as_bytes())), Err(SqliteError::InvalidParameters), "{bad}");
        }
    }
}
