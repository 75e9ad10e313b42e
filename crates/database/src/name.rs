//! Names of databases. They become names of folders and files, so not every text is one.

use std::fmt;

use wharf_types::{IdError, PackageId};

/// Longest name, in bytes: with what SQLite appends it has to be a file name.
const NAME_BYTES_MAX: usize = 120;

/// A database: whose, and which.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DatabaseId {
    package: PackageId,
    name: String,
}

/// Why there can be no such database.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The package is none.
    #[error(transparent)]
    Package(#[from] IdError),
    /// The name is none.
    #[error("`{name}` cannot be the name of a database: {reason}")]
    Name {
        /// What was read, cut.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl DatabaseId {
    /// Checks both parts. What comes from a message was checked by nobody.
    pub fn new(package: &PackageId, name: &str) -> Result<Self, NameError> {
        let package = PackageId::new(&package.package_name, &package.publisher_node)?;
        let reason = if name.is_empty() {
            "it is empty"
        } else if name.len() > NAME_BYTES_MAX {
            "it is longer than 120 bytes"
        } else if name == "." || name == ".." {
            "it stands for a folder"
        } else if name.chars().any(|c| matches!(c, '/' | '\\') || c.is_control()) {
            "it has a slash, backslash or control character"
        } else {
            return Ok(Self { package, name: name.to_owned() });
        };
        Err(NameError::Name { name: name.chars().take(NAME_BYTES_MAX).collect(), reason })
    }

    /// Whose it is.
    pub fn package(&self) -> &PackageId {
        &self.package
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for DatabaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.name, self.package)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn s10_names_that_lead_elsewhere_are_none() {
        let package = PackageId::new("p", "u").unwrap();
        let long = "x".repeat(121);
        for bad in ["", ".", "..", "a/b", "/etc", "../..", "a\\b", "a\0b", "a\nb", &long] {
            assert!(matches!(DatabaseId::new(&package, bad), Err(NameError::Name { .. })), "{bad:?}");
        }
        for good in ["a", "...", ".hidden", "ä b:c", &long[1..]] {
            assert!(DatabaseId::new(&package, good).is_ok(), "{good:?}");
        }
        let sneaky = PackageId { package_name: "../..".to_owned(), publisher_node: "u".to_owned() };
        assert!(matches!(DatabaseId::new(&sneaky, "a"), Err(NameError::Package(_))));
    }
}
