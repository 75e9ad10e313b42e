//! Names of entries in a package: plain relative paths, and nothing else.
//!
//! A name that passes [`check`] means the same file to every reader, stays inside whatever folder the package is
//! unpacked into, and is the only spelling of its path (no `.`, no empty segment), so that comparing names is enough
//! to find collisions.

/// Longest accepted name, in bytes.
pub const NAME_BYTES_MAX: usize = 1024;
/// Longest accepted segment, in bytes: what file systems take.
pub const SEGMENT_BYTES_MAX: usize = 255;

/// Why a name is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameProblem {
    /// Nothing is left to name a file.
    #[error("it is empty")]
    Empty,
    /// More than [`NAME_BYTES_MAX`], or a segment of more than [`SEGMENT_BYTES_MAX`].
    #[error("it is too long")]
    TooLong,
    /// The bytes are not text.
    #[error("it is not UTF-8")]
    NotUtf8,
    /// Starts with `/`.
    #[error("it is an absolute path")]
    Absolute,
    /// Starts with a drive such as `C:/`.
    #[error("it starts with a Windows drive")]
    Drive,
    /// Has a `..` segment.
    #[error("it has a `..` segment, which leads out of the folder")]
    Parent,
    /// Has a `.` segment: a second spelling of another name.
    #[error("it has a `.` segment")]
    Current,
    /// Has `//`.
    #[error("it has an empty segment")]
    EmptySegment,
    /// Has `\`, which is a separator elsewhere.
    #[error("it has a backslash")]
    Backslash,
    /// Has a NUL or another control character.
    #[error("it has a NUL or another control character")]
    Control,
}

/// Checks the name of a file or folder, given without the `/` that ends the name of a folder.
pub fn check(name: &str) -> Result<(), NameProblem> {
    if name.is_empty() {
        return Err(NameProblem::Empty);
    }
    if name.len() > NAME_BYTES_MAX {
        return Err(NameProblem::TooLong);
    }
    if name.chars().any(char::is_control) {
        return Err(NameProblem::Control);
    }
    if name.contains('\\') {
        return Err(NameProblem::Backslash);
    }
    if name.starts_with('/') {
        return Err(NameProblem::Absolute);
    }
    if is_drive(name.split('/').next().unwrap_or_default()) {
        return Err(NameProblem::Drive);
    }
    name.split('/').try_for_each(check_segment)
}

/// Only a bare `C:` is a drive: interface files are named `package:publisher-v0.wit`, and `c:alice.os-v0.wit` is fine.
fn is_drive(segment: &str) -> bool {
    matches!(segment.as_bytes(), [letter, b':'] if letter.is_ascii_alphabetic())
}

fn check_segment(segment: &str) -> Result<(), NameProblem> {
    match segment {
        "" => Err(NameProblem::EmptySegment),
        "." => Err(NameProblem::Current),
        ".." => Err(NameProblem::Parent),
        _ if segment.len() > SEGMENT_BYTES_MAX => Err(NameProblem::TooLong),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s11_names_that_lead_out_or_have_a_second_spelling_are_refused() {
        for (name, problem) in [
            ("../x", NameProblem::Parent),
            ("a/../../x", NameProblem::Parent),
            ("a/..", NameProblem::Parent),
            ("/etc/passwd", NameProblem::Absolute),
            ("C:/x", NameProblem::Drive),
            ("c:", NameProblem::Drive),
            ("a\\..\\x", NameProblem::Backslash),
            ("a//b", NameProblem::EmptySegment),
            ("a/", NameProblem::EmptySegment),
            ("./a", NameProblem::Current),
            ("a\0b", NameProblem::Control),
            ("a\nb", NameProblem::Control),
            ("", NameProblem::Empty),
        ] {
            assert_eq!(check(name), Err(problem), "{name:?}");
        }
        assert_eq!(check(&"a".repeat(256)), Err(NameProblem::TooLong));
        assert_eq!(check(&"a/".repeat(600)), Err(NameProblem::TooLong));
    }

    #[test]
    fn plain_names_pass() {
        for name in ["a", "ui/index.html", "..a/b..", "c:alice.os-v0.wit", "\u{e9}t\u{e9}.txt", "a b", ".well-known/x"]
        {
            assert_eq!(check(name), Ok(()), "{name:?}");
        }
    }
}
