//! What a transaction has read and is going to change.
//!
//! It sees its own changes and what is committed. A commit compares what was read with what is there then: when it is the
//! same, the transaction is as if it had happened at that moment alone.

use std::collections::BTreeMap;

use wharf_kernel::envelope::Payload;

use crate::cache::Key;

/// What an entry counts for besides its bytes.
const ENTRY_BYTES: usize = 128;

/// A value as it was read: its hash, or that there was none.
pub(crate) type Seen = Option<blake3::Hash>;

/// A key with the value that it gets, or that it is removed.
pub(crate) type Change = (Key, Option<Payload>);

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    reads: BTreeMap<Key, Seen>,
    changes: BTreeMap<Key, Option<Payload>>,
    bytes: usize,
}

/// It would have more bytes than a transaction may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

/// The key has another value than when it was read before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Changed;

impl Gathered {
    /// The value that the transaction itself gave a key, if it did.
    pub(crate) fn own(&self, key: &[u8]) -> Option<Option<Payload>> {
        self.changes.get(key).cloned()
    }

    /// Sets a key, or removes it.
    pub(crate) fn change(&mut self, key: Key, value: Option<Payload>, bytes_max: usize) -> Result<(), TooLarge> {
        let weight = |value: &Option<Payload>| ENTRY_BYTES + key.len() + value.as_ref().map_or(0, |bytes| bytes.len());
        let before = self.changes.get(&key).map_or(0, weight);
        self.grow(weight(&value), before, bytes_max)?;
        self.changes.insert(key, value);
        Ok(())
    }

    /// Notes what was read of what is committed.
    pub(crate) fn read(
        &mut self,
        key: &[u8],
        value: Option<&Payload>,
        bytes_max: usize,
    ) -> Result<Result<(), Changed>, TooLarge> {
        let seen = see(value.map(|value| value.as_slice()));
        if let Some(before) = self.reads.get(key) {
            return Ok(if *before == seen { Ok(()) } else { Err(Changed) });
        }
        self.grow(ENTRY_BYTES + key.len(), 0, bytes_max)?;
        self.reads.insert(key.into(), seen);
        Ok(Ok(()))
    }

    fn grow(&mut self, more: usize, less: usize, bytes_max: usize) -> Result<(), TooLarge> {
        let bytes = self.bytes.saturating_sub(less).saturating_add(more);
        if bytes > bytes_max {
            return Err(TooLarge);
        }
        self.bytes = bytes;
        Ok(())
    }

    /// What was read, and what is to be changed.
    pub(crate) fn into_parts(self) -> (Vec<(Key, Seen)>, Vec<Change>) {
        (self.reads.into_iter().collect(), self.changes.into_iter().collect())
    }
}

/// What is kept of a value that was read.
pub(crate) fn see(value: Option<&[u8]>) -> Seen {
    value.map(blake3::hash)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn its_bytes_are_bounded_and_a_key_that_is_changed_again_counts_once() {
        let mut gathered = Gathered::default();
        for _ in 0..100 {
            gathered.change(b"a".as_slice().into(), Some(Arc::new(vec![0; 100])), 300).unwrap();
        }
        let other: Key = b"b".as_slice().into();
        assert_eq!(gathered.change(Arc::clone(&other), Some(Arc::new(vec![0; 100])), 300), Err(TooLarge));
        assert_eq!(gathered.read(b"c", None, 300), Err(TooLarge));
        gathered.change(b"a".as_slice().into(), None, 300).unwrap();
        gathered.change(other, None, 300).unwrap();
    }

    #[test]
    fn a_value_that_changed_between_two_reads_is_noticed() {
        let mut gathered = Gathered::default();
        assert_eq!(gathered.read(b"a", None, 1_000), Ok(Ok(())));
        assert_eq!(gathered.read(b"a", None, 1_000), Ok(Ok(())));
        assert_eq!(gathered.read(b"a", Some(&Arc::new(vec![])), 1_000), Ok(Err(Changed)));
    }
}
