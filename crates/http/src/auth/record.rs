//! What is kept about logging in. Whoever looks takes no lock; a change is on disk before it counts.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use wharf_types::hex;

use super::secret::{Digest, NoRandomness, random};
use super::session::Session;

/// Format that is read and written.
const FORMAT: u32 = 1;

/// Where one small document is kept. It holds digests of secrets and the hash of a password: others must not read it.
pub trait Keep: Send + Sync + 'static {
    /// What was saved last. `None`: nothing yet.
    fn load(&self) -> io::Result<Option<Vec<u8>>>;

    /// Replaces it. When this returns, the new document survives a loss of power; if it fails, the old one is there.
    fn save(&self, document: &[u8]) -> io::Result<()>;
}

/// What was kept cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordError {
    /// Reading or writing failed.
    #[error("what is kept about logging in cannot be read or written: {0}")]
    Io(#[from] io::Error),
    /// It is something else.
    #[error("what is kept about logging in is damaged: {0}")]
    Damaged(String),
    /// A newer node wrote it.
    #[error("what is kept about logging in has format {0}, this node knows format {FORMAT}")]
    Newer(u32),
    /// There is no key for it.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The node is stopping.
    #[error("the node is stopping")]
    Stopping,
}

/// The document.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: u32,
    /// PHC form.
    password: Option<Arc<str>>,
    /// 32 bytes, hex.
    origins_key: String,
    sessions: Vec<Arc<Session>>,
}

/// What is the same in every format.
#[derive(Deserialize)]
struct Head {
    format: u32,
}

/// What is kept.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// The hash of the password, if there is one.
    pub(crate) password: Option<Arc<str>>,
    /// What names of processes' subdomains are made with.
    pub(crate) origins_key: [u8; 32],
    sessions: BTreeMap<Digest, Arc<Session>>,
}

impl Record {
    fn new() -> Result<Self, NoRandomness> {
        Ok(Self { password: None, origins_key: random()?, sessions: BTreeMap::new() })
    }

    fn read(bytes: &[u8]) -> Result<Self, RecordError> {
        let damaged = |error: serde_json::Error| RecordError::Damaged(error.to_string());
        let Head { format } = serde_json::from_slice(bytes).map_err(damaged)?;
        if format != FORMAT {
            return Err(RecordError::Newer(format));
        }
        let document: Document = serde_json::from_slice(bytes).map_err(damaged)?;
        let origins_key = hex::decode(&document.origins_key);
        Ok(Self {
            password: document.password,
            origins_key: origins_key.ok_or_else(|| RecordError::Damaged("its key is not 32 bytes".to_owned()))?,
            sessions: document.sessions.into_iter().map(|session| (session.digest, session)).collect(),
        })
    }

    fn write(&self) -> Vec<u8> {
        let document = Document {
            format: FORMAT,
            password: self.password.clone(),
            origins_key: hex::encode(&self.origins_key),
            sessions: self.sessions.values().cloned().collect(),
        };
        // Numbers and text are always JSON.
        serde_json::to_vec_pretty(&document).unwrap_or_default()
    }

    /// The session of a secret, also one that has expired.
    pub(crate) fn session(&self, digest: &Digest) -> Option<&Arc<Session>> {
        self.sessions.get(digest)
    }

    /// All sessions that have not expired, the oldest first.
    pub(crate) fn sessions(&self, now_s: u64) -> Vec<Arc<Session>> {
        let mut sessions: Vec<_> =
            self.sessions.values().filter(|session| session.expires_s > now_s).cloned().collect();
        sessions.sort_by_key(|session| session.created_s);
        sessions
    }

    /// Adds a session, in place of one that the same browser has there. Beyond the bound, the oldest one ends.
    pub(crate) fn add(&mut self, session: Session, sessions_max: usize, now_s: u64) {
        self.sessions.retain(|_, other| {
            let replaced = session.parent.is_some() && other.parent == session.parent && other.label == session.label;
            other.expires_s > now_s && !replaced
        });
        let keeps = session.root();
        while self.sessions.len() >= sessions_max.max(1) {
            // The one that this one comes from is needed; and then there is no room for more.
            let others = self.sessions.values().filter(|other| other.digest != keeps);
            let Some(oldest) = others.min_by_key(|other| other.created_s).map(|other| other.digest) else { break };
            self.end(oldest);
        }
        self.sessions.insert(session.digest, Arc::new(session));
    }

    /// Ends a session and those that were made from it. How many that were.
    pub(crate) fn end(&mut self, digest: Digest) -> usize {
        let before = self.sessions.len();
        self.sessions.retain(|_, session| session.digest != digest && session.parent != Some(digest));
        before - self.sessions.len()
    }

    /// Ends all. How many that were.
    pub(crate) fn end_all(&mut self) -> usize {
        std::mem::take(&mut self.sessions).len()
    }
}

/// Seconds since 1970.
pub(crate) fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// The record, in memory and where it is kept.
pub(crate) struct Records {
    current: ArcSwap<Record>,
    keep: Arc<dyn Keep>,
    /// Held while a change is saved, on a thread that may block.
    turn: Mutex<()>,
}

impl Records {
    /// Reads what was kept, or begins.
    pub(crate) fn open(keep: Arc<dyn Keep>) -> Result<Self, RecordError> {
        let record = match keep.load()? {
            Some(bytes) => Record::read(&bytes)?,
            None => {
                let record = Record::new()?;
                keep.save(&record.write())?;
                record
            }
        };
        Ok(Self { current: ArcSwap::from_pointee(record), keep, turn: Mutex::new(()) })
    }

    /// What holds now.
    pub(crate) fn now(&self) -> Arc<Record> {
        self.current.load_full()
    }

    /// Changes it. The change is kept, or it did not happen.
    pub(crate) async fn change<T: Send + 'static>(
        self: &Arc<Self>,
        change: impl FnOnce(&mut Record) -> T + Send + 'static,
    ) -> Result<T, RecordError> {
        let this = Arc::clone(self);
        spawn_blocking(move || this.change_now(change)).await.map_err(|_| RecordError::Stopping)?
    }

    fn change_now<T>(&self, change: impl FnOnce(&mut Record) -> T) -> Result<T, RecordError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut record = Record::clone(&self.current.load());
        let done = change(&mut record);
        self.keep.save(&record.write())?;
        self.current.store(Arc::new(record));
        Ok(done)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
pub(crate) mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::auth::arrival::Scheme;

    /// Keeps in memory.
    #[derive(Default)]
    pub(crate) struct InMemory {
        saved: Mutex<Option<Vec<u8>>>,
        pub(crate) full: AtomicBool,
    }

    impl Keep for InMemory {
        fn load(&self) -> io::Result<Option<Vec<u8>>> {
            Ok(self.saved.lock().unwrap().clone())
        }

        fn save(&self, document: &[u8]) -> io::Result<()> {
            if self.full.load(Ordering::SeqCst) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            *self.saved.lock().unwrap() = Some(document.to_owned());
            Ok(())
        }
    }

    fn session(name: &str, created_s: u64, of: Option<(&str, &str)>) -> Session {
        Session {
            digest: Digest::of(name.as_bytes()),
            label: of.map(|(_, label)| label.into()),
            parent: of.map(|(parent, _)| Digest::of(parent.as_bytes())),
            created_s,
            expires_s: 1_000,
            from: "127.0.0.1".to_owned(),
            agent: "test".to_owned(),
            secure: false,
        }
    }

    fn has(record: &Record, name: &str) -> bool {
        record.session(&Digest::of(name.as_bytes())).is_some()
    }

    #[tokio::test]
    async fn what_is_kept_is_there_again() {
        let keep = Arc::new(InMemory::default());
        let records = Arc::new(Records::open(Arc::<InMemory>::clone(&keep)).unwrap());
        records
            .change(|record| {
                record.password = Some("$argon2id$".into());
                record.add(session("one", 1, None), 9, 5);
            })
            .await
            .unwrap();
        let again = Records::open(keep).unwrap().now();
        assert_eq!(again.password.as_deref(), Some("$argon2id$"));
        assert_eq!(again.origins_key, records.now().origins_key);
        assert_eq!(again.session(&Digest::of(b"one")), records.now().session(&Digest::of(b"one")));
    }

    #[tokio::test]
    async fn what_is_not_kept_did_not_happen() {
        let keep = Arc::new(InMemory::default());
        let records = Arc::new(Records::open(Arc::<InMemory>::clone(&keep)).unwrap());
        keep.full.store(true, Ordering::SeqCst);
        assert!(records.change(|record| record.password = Some("x".into())).await.is_err());
        assert_eq!(records.now().password, None);
    }

    #[test]
    fn another_format_and_damage_are_refused() {
        assert!(matches!(Record::read(br#"{"format":2,"new":1}"#), Err(RecordError::Newer(2))));
        for bad in ["", "{}", r#"{"format":1}"#, r#"{"format":1,"password":null,"origins_key":"00","sessions":[]}"#] {
            assert!(matches!(Record::read(bad.as_bytes()), Err(RecordError::Damaged(_))), "{bad}");
        }
    }

    #[test]
    fn sessions_max() {
        let mut record = Record::new().unwrap();
        for (n, name) in ["a", "b", "c"].into_iter().enumerate() {
            record.add(session(name, n as u64, None), 2, 5);
        }
        assert_eq!(["a", "b", "c"].map(|name| has(&record, name)), [false, true, true]);
        // One of a subdomain replaces its predecessor, and never the one it comes from.
        record.add(session("b1", 7, Some(("b", "x"))), 2, 5);
        record.add(session("b2", 8, Some(("b", "x"))), 2, 5);
        assert_eq!(["b", "b1", "b2", "c"].map(|name| has(&record, name)), [true, false, true, false]);
    }

    #[test]
    fn s23_a_session_ends_with_the_one_it_comes_from_and_is_good_in_one_place() {
        let mut record = Record::new().unwrap();
        record.add(session("a", 1, None), 9, 5);
        record.add(session("a1", 1, Some(("a", "x"))), 9, 5);
        let good =
            |name: &str, label| record.session(&Digest::of(name.as_bytes())).unwrap().is_good(5, label, Scheme::Http);
        assert!(good("a", None) && good("a1", Some("x")));
        assert!(!good("a", Some("x")) && !good("a1", Some("y")) && !good("a1", None));
        assert_eq!(record.end(Digest::of(b"a")), 2);
    }

    #[test]
    fn a_session_expires_and_one_of_tls_is_not_good_without() {
        let session = Session { secure: true, ..session("a", 1, None) };
        assert!(session.is_good(999, None, Scheme::Https));
        assert!(!session.is_good(1_000, None, Scheme::Https) && !session.is_good(1, None, Scheme::Http));
        let mut record = Record::new().unwrap();
        record.add(session, 9, 5);
        assert_eq!((record.sessions(5).len(), record.sessions(1_000).len()), (1, 0));
    }
}
