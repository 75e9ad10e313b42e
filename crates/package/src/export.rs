//! Giving an export of a component another name of the same length.
//!
//! Toolchains that link a component out of several libraries keep their own functions in one space with the component's
//! exports, and some have an `init` there already. What such a toolchain cannot call `init` is called something else while it
//! is built, and renamed here.

use std::ops::Range;

use wasmparser::{BinaryReader, ComponentExport, FromReader, Parser, Payload};

/// Why an export cannot be renamed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenameError {
    /// The component cannot be parsed.
    #[error("the component cannot be read: {0}")]
    Invalid(String),
    /// There is no such export.
    #[error("the component exports no `{0}`")]
    Missing(String),
    /// The names differ in length, so that one cannot take the place of the other.
    #[error("`{from}` and `{to}` are not of the same length")]
    Length {
        /// The old name.
        from: String,
        /// The new name.
        to: String,
    },
}

/// Renames the export `from` of a component to `to`.
pub fn rename_export(component: &mut [u8], from: &str, to: &str) -> Result<(), RenameError> {
    if from.len() != to.len() {
        return Err(RenameError::Length { from: from.to_owned(), to: to.to_owned() });
    }
    let place = find(component, from)?.ok_or_else(|| RenameError::Missing(from.to_owned()))?;
    if let Some(name) = component.get_mut(place) {
        name.copy_from_slice(to.as_bytes());
    }
    Ok(())
}

/// Where the name of an export of the outermost component is.
fn find(component: &[u8], name: &str) -> Result<Option<Range<usize>>, RenameError> {
    let invalid = |error: wasmparser::BinaryReaderError| RenameError::Invalid(error.message().to_owned());
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(component) {
        match payload.map_err(invalid)? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth = depth.saturating_add(1),
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section.into_iter_with_offsets() {
                    let (at, export) = export.map_err(invalid)?;
                    if export.name.name == name {
                        return Ok(Some(name_within(component, at, name).map_err(invalid)?));
                    }
                }
            }
            _ => {}
        }
    }
    Ok(None)
}

/// An export begins with a byte that says how its name is written, then the name's length, then the name.
fn name_within(component: &[u8], at: usize, name: &str) -> Result<Range<usize>, wasmparser::BinaryReaderError> {
    let rest = component.get(at..).unwrap_or_default();
    ComponentExport::from_reader(&mut BinaryReader::new(rest, at))?;
    let mut reader = BinaryReader::new(rest, at);
    reader.read_u8()?;
    reader.read_var_u32()?;
    let start = reader.original_position();
    Ok(start..start.saturating_add(name.len()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    fn exports(component: &[u8]) -> Vec<String> {
        let mut names = Vec::new();
        for payload in Parser::new(0).parse_all(component) {
            if let Payload::ComponentExportSection(section) = payload.unwrap() {
                names.extend(section.into_iter().map(|export| export.unwrap().name.name.to_owned()));
            }
        }
        names
    }

    #[test]
    fn only_the_export_of_the_outermost_component_is_renamed() {
        let inner = r#"(component $inner (core module $m (func (export "f"))) (core instance $i (instantiate $m))
            (func (export "main") (canon lift (core func $i "f"))))"#;
        let text = format!(
            r#"(component {inner} (instance $c (instantiate $inner)) (alias export $c "main" (func $f))
               (export "other" (func $f)) (export "main" (func $f)))"#
        );
        let mut component = wat::parse_str(&text).unwrap();
        assert_eq!(exports(&component), ["main", "other", "main"]);
        rename_export(&mut component, "main", "init").unwrap();
        assert_eq!(exports(&component), ["main", "other", "init"]);
    }

    #[test]
    fn what_cannot_be_renamed_is_said() {
        let mut empty = wat::parse_str("(component)").unwrap();
        let missing = rename_export(&mut empty, "main", "init").unwrap_err();
        assert_eq!(missing, RenameError::Missing("main".to_owned()));
        assert!(matches!(rename_export(&mut empty, "main", "start"), Err(RenameError::Length { .. })));
        assert!(matches!(
            rename_export(&mut b"\0asm\x0d\0\x01\0\xff".to_vec(), "main", "init"),
            Err(RenameError::Invalid(_))
        ));
    }
}
