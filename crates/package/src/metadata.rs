//! `metadata.json`: who published a package, which version it is, and what it is about.

use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use wharf_types::PackageId;

use crate::error::MetadataError;
use crate::version::Version;

/// Where the metadata lies in a package.
pub const FILE_NAME: &str = "metadata.json";
/// Most versions that `code_hashes` may list.
const CODE_HASHES_MAX: usize = 10_000;

/// The metadata of a package. Fields that are not known are ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// Name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Link to a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Link to a page about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_url: Option<String>,
    /// Link to a moving picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub animation_url: Option<String>,
    /// What programs need to know.
    pub properties: Properties,
}

/// What programs need to know about a package.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Properties {
    /// First part of the package's id.
    pub package_name: String,
    /// Second part of the package's id.
    pub publisher: String,
    /// The version, as written; see [`Metadata::current_version`].
    #[serde(default)]
    pub current_version: String,
    /// Nodes it can be fetched from.
    #[serde(default)]
    pub mirrors: Vec<String>,
    /// SHA-256 of the zip of each version, hex.
    #[serde(default)]
    pub code_hashes: CodeHashes,
    /// License.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// Links to pictures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub screenshots: Option<Vec<String>>,
    /// Version of the guest interface it was built for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wit_version: Option<u32>,
    /// Packages whose interfaces it uses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dependencies: Option<Vec<String>>,
}

/// Version and hash pairs. Read from an object (the file) or from a list of pairs (messages); written as an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodeHashes(pub Vec<(String, String)>);

impl Metadata {
    /// Reads the file, or the form in messages to the app store.
    pub fn parse(bytes: &[u8]) -> Result<Self, MetadataError> {
        serde_json::from_slice(bytes).map_err(|error| MetadataError::Parse(error.to_string()))
    }

    /// The id of the package, checked: a package with it may be created.
    pub fn package_id(&self) -> Result<PackageId, MetadataError> {
        let id = PackageId::new(&self.properties.package_name, &self.properties.publisher)?;
        if !id.is_creatable() {
            return Err(MetadataError::NotCreatable { package: id.to_string() });
        }
        Ok(id)
    }

    /// The highest version that has a hash; with none, `current_version` as written. `None` if that is empty too.
    pub fn current_version(&self) -> Option<&str> {
        let hashed = self.properties.code_hashes.0.iter().filter_map(|(text, _)| Some((Version::parse(text)?, text)));
        let highest = hashed.max_by(|(a, _), (b, _)| a.cmp(b)).map(|(_, text)| text.as_str());
        highest.or(Some(self.properties.current_version.as_str())).filter(|version| !version.is_empty())
    }

    /// The form that messages to the app store carry: `code_hashes` as a list of pairs.
    pub fn to_message(&self) -> Value {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        let pairs = serde_json::to_value(&self.properties.code_hashes.0).unwrap_or_default();
        if let Some(code_hashes) = value.pointer_mut("/properties/code_hashes") {
            *code_hashes = pairs;
        }
        value
    }
}

/// The package that a file named `<package>:<publisher>.zip` holds. Folders before the name do not matter.
pub fn package_id_from_file_name(file: &str) -> Result<PackageId, MetadataError> {
    let refused = || MetadataError::FileName { file: file.to_owned() };
    let name = file.rsplit('/').next().unwrap_or(file);
    let id: PackageId = name.strip_suffix(".zip").ok_or_else(refused)?.parse().map_err(|_| refused())?;
    if id.is_creatable() { Ok(id) } else { Err(refused()) }
}

impl Serialize for CodeHashes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (version, hash) in &self.0 {
            map.serialize_entry(version, hash)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for CodeHashes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;

        impl<'de> Visitor<'de> for Pairs {
            type Value = CodeHashes;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("hashes by version: an object, or a list of pairs")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<CodeHashes, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    push(&mut pairs, pair)?;
                }
                Ok(CodeHashes(pairs))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<CodeHashes, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = seq.next_element()? {
                    push(&mut pairs, pair)?;
                }
                Ok(CodeHashes(pairs))
            }
        }

        fn push<E: serde::de::Error>(pairs: &mut Vec<(String, String)>, pair: (String, String)) -> Result<(), E> {
            if pairs.len() == CODE_HASHES_MAX {
                return Err(E::custom("too many versions"));
            }
            pairs.push(pair);
            Ok(())
        }

        deserializer.deserialize_any(Pairs).map_err(D::Error::custom)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    const FILE: &str = r#"{"name":"Chat","properties":{"package_name":"chat","publisher":"alice.os",
        "current_version":"0.1.0","mirrors":[],"code_hashes":{"0.9.0":"aa","0.10.0":"bb"},"api_includes":["x"]},"k":1}"#;

    #[test]
    fn code_hashes_are_read_as_object_and_as_pairs() {
        let file = Metadata::parse(FILE.as_bytes()).unwrap();
        let message = file.to_message();
        assert_eq!(message["properties"]["code_hashes"], serde_json::json!([["0.9.0", "aa"], ["0.10.0", "bb"]]));
        assert_eq!(Metadata::parse(message.to_string().as_bytes()).unwrap(), file);
        assert_eq!(serde_json::to_value(&file).unwrap()["properties"]["code_hashes"]["0.10.0"], "bb");
    }

    #[test]
    fn the_current_version_is_the_highest_with_a_hash() {
        let mut metadata = Metadata::parse(FILE.as_bytes()).unwrap();
        assert_eq!(metadata.current_version(), Some("0.10.0"));
        metadata.properties.code_hashes.0.clear();
        assert_eq!(metadata.current_version(), Some("0.1.0"));
    }

    #[test]
    fn an_id_that_may_not_be_created_is_refused() {
        let mut metadata = Metadata::parse(FILE.as_bytes()).unwrap();
        assert_eq!(metadata.package_id().unwrap().to_string(), "chat:alice.os");
        metadata.properties.package_name = "Chat".to_owned();
        assert!(matches!(metadata.package_id(), Err(MetadataError::NotCreatable { .. })));
        metadata.properties.package_name = "../x".to_owned();
        assert!(matches!(metadata.package_id(), Err(MetadataError::Id(_))));
    }

    #[test]
    fn a_file_name_names_a_package() {
        assert_eq!(package_id_from_file_name("target/chat:alice.os.zip").unwrap().to_string(), "chat:alice.os");
        for file in ["chat.zip", "chat:alice.os", "a:b:c.zip", "Chat:alice.os.zip", ".zip", ":.zip", "chat:..\\x.zip"] {
            assert!(package_id_from_file_name(file).is_err(), "{file}");
        }
    }
}
