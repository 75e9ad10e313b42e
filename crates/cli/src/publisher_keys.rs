//! The keys with which the user signs packages: one PKCS #8 file (PEM) for each publisher, for the user's eyes only.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde::Serialize;
use wharf_types::NodeName;

use crate::args::KeysArgs;
use crate::errors::{CliError, CliResult};

const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// What others than the user may do.
const OTHERS: u32 = 0o077;
const EXTENSION: &str = "pem";
const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";
const LINE_CHARS: usize = 64;

/// The folder of the keys.
pub(crate) struct PublisherKeys {
    folder: PathBuf,
}

/// A key, as it may be shown to anyone.
#[derive(Debug, Serialize)]
pub(crate) struct PublicKey {
    /// Whose packages it is for.
    pub(crate) publisher: NodeName,
    /// 64 hex digits.
    pub(crate) public_key: String,
}

impl PublisherKeys {
    /// The folder that the user names, or the usual one.
    pub(crate) fn of(args: &KeysArgs) -> CliResult<Self> {
        let folder = args.keys.clone().or_else(wharf_home::publisher_keys).ok_or_else(|| {
            CliError::bad_input("cannot tell where your keys are: your account has no home folder")
                .hint("name their folder with `--keys DIR`")
        })?;
        Ok(Self { folder })
    }

    fn file(&self, publisher: &NodeName) -> PathBuf {
        self.folder.join(format!("{publisher}.{EXTENSION}"))
    }

    /// Makes a key. One that is there stays: whoever trusts it would not know the new one.
    pub(crate) fn make(&self, publisher: &NodeName) -> CliResult<(PublicKey, PathBuf)> {
        if publisher.as_str() == "sys" {
            return Err(CliError::bad_input("packages of `sys` come with the node, and nobody signs them"));
        }
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
            .map_err(|_| CliError::bad_input("cannot make a key: this machine gives no random numbers"))?;
        let made = DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(&self.folder);
        made.map_err(|error| CliError::file("make the folder", &self.folder, &error))?;
        let path = self.file(publisher);
        let file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(&path);
        let mut file = file.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => {
                CliError::bad_input(format_args!("there is a key of {publisher} already, {}", path.display())).hint(
                    format_args!(
                        "`wharf key show {publisher}` shows it; to use another from now on, move that file away"
                    ),
                )
            }
            _ => CliError::file("write", &path, &error),
        })?;
        let written = file.write_all(to_pem(document.as_ref()).as_bytes()).and_then(|()| file.sync_all());
        written.map_err(|error| CliError::file("write", &path, &error))?;
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref())
            .map_err(|error| CliError::bad_input(format_args!("the key that was made is none: {error}")))?;
        Ok((public(publisher, &pair), path))
    }

    /// All of them, by name.
    pub(crate) fn list(&self) -> CliResult<Vec<PublicKey>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|error| CliError::file("list", &self.folder, &error))?,
        };
        let name = |path: PathBuf| {
            let is_key = path.extension().is_some_and(|extension| extension == EXTENSION);
            is_key.then(|| NodeName::new(path.file_stem()?.to_str()?).ok()).flatten()
        };
        let mut publishers: Vec<NodeName> = entries.flatten().filter_map(|entry| name(entry.path())).collect();
        publishers.sort();
        publishers.into_iter().map(|publisher| self.show(&publisher)).collect()
    }

    /// The public half of one.
    pub(crate) fn show(&self, publisher: &NodeName) -> CliResult<PublicKey> {
        Ok(public(publisher, &self.load(publisher)?))
    }

    /// A key to sign with.
    pub(crate) fn load(&self, publisher: &NodeName) -> CliResult<Ed25519KeyPair> {
        let path = self.file(publisher);
        let metadata = fs::metadata(&path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => {
                CliError::bad_input(format_args!("there is no key of {publisher}: no {}", path.display()))
                    .hint(format_args!("`wharf key new {publisher}` makes one, and `wharf key list` lists yours"))
            }
            _ => CliError::file("read", &path, &error),
        })?;
        if metadata.permissions().mode() & OTHERS != 0 {
            return Err(CliError::bad_input(format_args!(
                "others may read or change {}, which is a secret",
                path.display()
            ))
            .hint(format_args!(
                "if nobody did, `chmod 600 '{}'`; otherwise make another key and tell those who trust this one",
                path.display()
            )));
        }
        let text = fs::read_to_string(&path).map_err(|error| CliError::file("read", &path, &error))?;
        let bad = || CliError::bad_input(format_args!("{} is not an Ed25519 key in PKCS #8 PEM", path.display()));
        let document = from_pem(&text).ok_or_else(bad)?;
        // Also without the public half, as other tools write it.
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(&document).map_err(|_| bad())
    }
}

fn public(publisher: &NodeName, pair: &Ed25519KeyPair) -> PublicKey {
    PublicKey { publisher: publisher.clone(), public_key: wharf_types::hex::encode(pair.public_key().as_ref()) }
}

fn to_pem(document: &[u8]) -> String {
    let encoded = BASE64.encode(document);
    let mut pem = format!("{BEGIN}\n");
    for line in encoded.as_bytes().chunks(LINE_CHARS) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem + END + "\n"
}

fn from_pem(text: &str) -> Option<Vec<u8>> {
    let body = text.trim().strip_prefix(BEGIN)?.strip_suffix(END)?;
    BASE64.decode(body.split_whitespace().collect::<String>()).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    fn keys(folder: &std::path::Path) -> PublisherKeys {
        PublisherKeys { folder: folder.join("a/keys") }
    }

    #[test]
    fn a_key_is_for_its_user_alone_and_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let keys = keys(folder.path());
        let alice = NodeName::new("alice.os").unwrap();
        assert!(keys.list().unwrap().is_empty());
        let (made, path) = keys.make(&alice).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, FILE_MODE);
        assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, FOLDER_MODE);
        assert!(keys.make(&alice).is_err());
        assert_eq!(keys.show(&alice).unwrap().public_key, made.public_key);
        assert_eq!(keys.list().unwrap().len(), 1);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(keys.load(&alice).is_err(), "others may read it");
    }

    #[test]
    fn what_is_no_key_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let keys = keys(folder.path());
        let alice = NodeName::new("alice.os").unwrap();
        let (_, path) = keys.make(&alice).unwrap();
        for text in
            ["", "x", &format!("{BEGIN}\n{END}"), &format!("{BEGIN}\nAAAA\n{END}"), &format!("{BEGIN}\n%\n{END}")]
        {
            fs::write(&path, text).unwrap();
            assert!(keys.load(&alice).is_err(), "{text}");
        }
        assert!(keys.load(&NodeName::new("bob.os").unwrap()).is_err());
    }
}
