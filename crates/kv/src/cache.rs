//! Values in memory: what was read or written lately, of one open database.
//!
//! What is in here is committed and the newest there is. A change takes its keys out before it is committed and puts the
//! values in afterwards, before it is acknowledged; while it is under way, and for a read that began before, nothing is
//! put in for such a key. So nobody sees a value and later an older one.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wharf_kernel::envelope::Payload;

/// A key, shared between the change and the cache.
pub(crate) type Key = Arc<[u8]>;

/// What an entry costs besides its bytes.
const ENTRY_BYTES: usize = 128;

/// What is larger than this part of the room is not kept.
const PART: usize = 8;

/// `None` is known not to be there.
type Value = Option<Payload>;

/// See the module.
pub(crate) struct Cache {
    bytes_max: usize,
    inner: Mutex<Inner>,
}

/// Two halves: what is used moves into the young one, and when that is full the old one is forgotten.
#[derive(Default)]
struct Inner {
    young: HashMap<Key, Value>,
    young_bytes: usize,
    old: HashMap<Key, Value>,
    /// Keys that are being changed, and by how many.
    changing: HashMap<Key, usize>,
    /// Counts changes that began.
    changes: u64,
}

/// When a read began, for [`Cache::fill`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Began(u64);

fn weight(key: &[u8], value: &Value) -> usize {
    ENTRY_BYTES + key.len() + value.as_ref().map_or(0, |bytes| bytes.len())
}

impl Cache {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, inner: Mutex::default() }
    }

    /// The value, or that there is none, if either is known; else when a read of it begins.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Value, Began> {
        let mut inner = self.lock();
        if let Some(value) = inner.young.get(key) {
            return Ok(value.clone());
        }
        match inner.old.remove_entry(key) {
            Some((key, value)) => {
                inner.put(key, value.clone(), self.bytes_max);
                Ok(value)
            }
            None => Err(Began(inner.changes)),
        }
    }

    /// Keeps what was read.
    pub(crate) fn fill(&self, key: &[u8], value: &Value, began: Began) {
        let mut inner = self.lock();
        if inner.changes == began.0 && !inner.changing.contains_key(key) {
            inner.put(key.into(), value.clone(), self.bytes_max);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn put(&mut self, key: Key, value: Value, bytes_max: usize) {
        let weight = weight(&key, &value);
        if weight > bytes_max / PART {
            return;
        }
        if self.young_bytes + weight > bytes_max / 2 {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.old.remove(&key);
        self.forget_young(&key);
        self.young_bytes += weight;
        self.young.insert(key, value);
    }

    fn forget_young(&mut self, key: &Key) {
        if let Some(value) = self.young.remove(key) {
            self.young_bytes = self.young_bytes.saturating_sub(weight(key, &value));
        }
    }
}

/// Changes on their way to the disk, as the cache has to know them.
pub(crate) struct Changes {
    cache: Arc<Cache>,
    pub(crate) list: Vec<(Key, Value)>,
    begun: AtomicBool,
}

impl Changes {
    pub(crate) fn new(cache: &Arc<Cache>, list: Vec<(Key, Value)>) -> Arc<Self> {
        Arc::new(Self { cache: Arc::clone(cache), list, begun: AtomicBool::new(false) })
    }

    /// Bytes that it carries.
    pub(crate) fn bytes(&self) -> usize {
        self.list.iter().map(|(key, value)| weight(key, value)).sum()
    }

    /// They are about to be made. Once is enough, however often they are tried.
    pub(crate) fn begin(&self) {
        if self.begun.swap(true, Ordering::Relaxed) {
            return;
        }
        let mut inner = self.cache.lock();
        inner.changes += 1;
        for (key, _) in &self.list {
            inner.old.remove(key);
            inner.forget_young(key);
            *inner.changing.entry(Arc::clone(key)).or_default() += 1;
        }
    }

    /// They are committed and of effect, or not.
    pub(crate) fn settle(&self, took_effect: bool) {
        if !self.begun.swap(false, Ordering::Relaxed) {
            return;
        }
        let mut inner = self.cache.lock();
        for (key, _) in &self.list {
            if let Some(count) = inner.changing.get_mut(key) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    inner.changing.remove(key);
                }
            }
        }
        // A key that is in the list twice ends as its last value; one that others still change is left to them.
        for (key, value) in self.list.iter().filter(|_| took_effect) {
            if !inner.changing.contains_key(key) {
                inner.put(Arc::clone(key), value.clone(), self.cache.bytes_max);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    fn value(n: u8) -> Value {
        Some(Arc::new(vec![n]))
    }

    fn change(cache: &Arc<Cache>, key: &[u8], n: u8) -> Arc<Changes> {
        Changes::new(cache, vec![(key.into(), value(n))])
    }

    #[test]
    fn a_read_that_began_before_a_change_is_not_kept() {
        let cache = Arc::new(Cache::new(1 << 20));
        let began = cache.get(b"a").unwrap_err();
        let changes = change(&cache, b"a", 1);
        changes.begin();
        cache.fill(b"a", &value(0), began);
        let during = cache.get(b"a").unwrap_err();
        cache.fill(b"a", &value(0), during);
        assert!(cache.get(b"a").is_err(), "nothing is kept of what is being changed");
        changes.settle(true);
        assert_eq!(cache.get(b"a"), Ok(value(1)));
        cache.fill(b"a", &value(0), began);
        assert_eq!(cache.get(b"a"), Ok(value(1)));
    }

    #[test]
    fn of_two_changes_at_once_the_first_is_not_shown_when_it_is_settled() {
        let cache = Arc::new(Cache::new(1 << 20));
        let (first, second) = (change(&cache, b"a", 1), change(&cache, b"a", 2));
        first.begin();
        second.begin();
        first.settle(true);
        assert!(cache.get(b"a").is_err());
        second.settle(true);
        assert_eq!(cache.get(b"a"), Ok(value(2)));
    }

    #[test]
    fn what_failed_is_not_kept_and_what_never_began_changes_nothing() {
        let cache = Arc::new(Cache::new(1 << 20));
        let kept = change(&cache, b"a", 1);
        kept.begin();
        kept.settle(true);
        change(&cache, b"a", 2).settle(true);
        assert_eq!(cache.get(b"a"), Ok(value(1)));
        let failed = change(&cache, b"a", 3);
        failed.begin();
        failed.settle(false);
        assert!(cache.get(b"a").is_err());
    }

    #[test]
    fn it_stays_within_its_bytes_and_keeps_what_is_used() {
        let cache = Arc::new(Cache::new(100 * ENTRY_BYTES));
        for n in 0..10_000_u32 {
            let began = cache.get(&n.to_le_bytes()).unwrap_err();
            cache.fill(&n.to_le_bytes(), &value(1), began);
            if n > 0 {
                assert_eq!(cache.get(&0_u32.to_le_bytes()), Ok(value(1)), "it is used again and again");
            }
            let inner = cache.lock();
            let bytes: usize = inner.young.iter().chain(&inner.old).map(|(key, value)| weight(key, value)).sum();
            assert!(bytes <= 100 * ENTRY_BYTES, "{bytes}");
        }
        let began = cache.get(b"large").unwrap_err();
        cache.fill(b"large", &Some(Arc::new(vec![0; 50 * ENTRY_BYTES])), began);
        assert!(cache.get(b"large").is_err());
    }
}
