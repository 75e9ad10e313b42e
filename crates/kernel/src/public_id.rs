//! Ids of requests that may be shown.
//!
//! Knowing a [`MessageId`] is the right to answer, so it is never shown. What people follow a request by, in the log, in
//! traces and in the header `x-request-id`, is a hash of it under a key that only this boot of the node knows: the same
//! wherever the request is passed on, and useless for finding the message's own id. Even so, it is only for the owner.

use std::fmt;
use std::hash::{BuildHasher, RandomState};

use crate::envelope::MessageId;

/// The id under which a request is shown: 16 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicId(u64);

impl fmt::Display for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Makes public ids; all of one boot share its key. SipHash with a random key of 128 bits, as message ids themselves.
#[derive(Clone, Debug, Default)]
pub(crate) struct PublicIds(RandomState);

impl PublicIds {
    pub(crate) fn of(&self, id: MessageId) -> PublicId {
        PublicId(self.0.hash_one(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_id_is_stable_and_not_the_id_itself() {
        let (ids, other) = (PublicIds::default(), PublicIds::default());
        let id = MessageId::new(7);
        assert_eq!(ids.of(id), ids.clone().of(id));
        assert_ne!(ids.of(id), other.of(id));
        assert_ne!(ids.of(id), ids.of(MessageId::new(8)));
        assert_ne!(ids.of(id).to_string(), format!("{id:?}"));
        assert_eq!(ids.of(id).to_string().len(), 16);
    }
}
