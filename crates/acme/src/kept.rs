//! What is on disk: the key of the account, the certificate with its key, and the order that is under way. All of it is
//! secret, and each is replaced as a whole.

use std::sync::Arc;
use std::{fmt, io};

use rcgen::KeyPair;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::settings::Names;

/// Format of the documents that are written. Others are neither read nor rewritten.
const FORMAT: u32 = 1;

const ACCOUNT: &str = "account.pem";
/// A key of an account that could not be read.
pub(crate) const ACCOUNT_ASIDE: &str = "account.pem.bad";
const CERTIFICATE: &str = "certificate.json";
const ORDER: &str = "order.json";

/// A folder of secrets. All of it blocks on the disk.
pub trait Keep: Send + Sync {
    /// A file of it, if it is there.
    fn load(&self, name: &str) -> io::Result<Option<Vec<u8>>>;
    /// Writes a file, so that it is there whole or as before, and readable by its owner only.
    fn save(&self, name: &str, document: &[u8]) -> io::Result<()>;
    /// Removes a file, if it is there.
    fn remove(&self, name: &str) -> io::Result<()>;
}

/// A certificate that the authority gave.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issued {
    format: u32,
    /// Who gave it.
    pub(crate) directory: String,
    /// For which names it was asked for.
    pub(crate) names: Vec<String>,
    /// The certificate and those that vouch for it, in PEM.
    pub certificate: String,
    /// Its private key, in PEM: a secret.
    pub key: String,
}

/// Without its key: what is written down is read by others.
impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued").field("directory", &self.directory).field("names", &self.names).finish_non_exhaustive()
    }
}

impl Issued {
    pub(crate) fn new(order: Order, certificate: String) -> Self {
        Self { format: FORMAT, directory: order.directory, names: order.names, certificate, key: order.key }
    }

    /// Whether it is what these settings ask for.
    pub(crate) fn is_for(&self, directory: &str, names: &Names) -> bool {
        self.directory == directory && self.names == names.as_slice()
    }
}

/// An order that is under way.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Order {
    format: u32,
    pub(crate) directory: String,
    pub(crate) names: Vec<String>,
    /// Where the authority has it.
    pub(crate) url: String,
    /// The private key of the certificate to be, in PEM.
    pub(crate) key: String,
}

/// Without its key.
impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Order").field("url", &self.url).field("names", &self.names).finish_non_exhaustive()
    }
}

impl Order {
    pub(crate) fn new(directory: &str, names: &Names, url: &str, key: &KeyPair) -> Self {
        Self {
            format: FORMAT,
            directory: directory.to_owned(),
            names: names.as_slice().to_vec(),
            url: url.to_owned(),
            key: key.serialize_pem(),
        }
    }

    pub(crate) fn is_for(&self, directory: &str, names: &Names) -> bool {
        self.directory == directory && self.names == names.as_slice()
    }
}

/// The folder, for callers that must not block.
#[derive(Clone)]
pub(crate) struct Kept(pub(crate) Arc<dyn Keep>);

impl Kept {
    /// The certificate, if there is one that can be read. Blocks.
    pub(crate) fn load_issued(&self) -> io::Result<Option<Issued>> {
        let found: Option<Issued> = document(self.0.load(CERTIFICATE)?)?;
        found.map(|found| checked_format(found.format, found)).transpose()
    }

    pub(crate) async fn save_issued(&self, issued: &Issued) -> io::Result<()> {
        let bytes = serde_json::to_vec_pretty(issued)?;
        self.blocking(move |keep| keep.save(CERTIFICATE, &bytes)).await
    }

    /// The order under way. One that cannot be read is none: it can be made anew.
    pub(crate) async fn order(&self) -> io::Result<Option<Order>> {
        let bytes = self.blocking(|keep| keep.load(ORDER)).await?;
        let found: Option<Order> = document(bytes).unwrap_or_default();
        Ok(found.filter(|order| order.format == FORMAT))
    }

    pub(crate) async fn save_order(&self, order: &Order) -> io::Result<()> {
        let bytes = serde_json::to_vec_pretty(order)?;
        self.blocking(move |keep| keep.save(ORDER, &bytes)).await
    }

    pub(crate) async fn forget_order(&self) -> io::Result<()> {
        self.blocking(|keep| keep.remove(ORDER)).await
    }

    /// The key of the account, made now if there is none: it is on disk before the authority hears of it, so that a kill
    /// leaves no account behind that nobody has the key of.
    pub(crate) async fn account_key(&self) -> io::Result<String> {
        match self.blocking(|keep| keep.load(ACCOUNT)).await? {
            // What is no text is no key either.
            Some(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            None => self.new_account_key().await,
        }
    }

    /// Another one in place of `bad`, which is put aside.
    pub(crate) async fn another_account_key(&self, bad: String) -> io::Result<String> {
        self.blocking(move |keep| keep.save(ACCOUNT_ASIDE, bad.as_bytes())).await?;
        self.new_account_key().await
    }

    async fn new_account_key(&self) -> io::Result<String> {
        let key = KeyPair::generate().map_err(io::Error::other)?.serialize_pem();
        let bytes = key.clone();
        self.blocking(move |keep| keep.save(ACCOUNT, bytes.as_bytes())).await?;
        Ok(key)
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Keep) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let keep = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || work(keep.as_ref())).await.map_err(io::Error::other)?
    }
}

fn document<T: DeserializeOwned>(bytes: Option<Vec<u8>>) -> io::Result<Option<T>> {
    Ok(bytes.map(|bytes| serde_json::from_slice(&bytes)).transpose()?)
}

fn checked_format<T>(format: u32, found: T) -> io::Result<T> {
    if format == FORMAT {
        return Ok(found);
    }
    Err(io::Error::other(format!("it has format {format}, this daemon knows format {FORMAT}")))
}
