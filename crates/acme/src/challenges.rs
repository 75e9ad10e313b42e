//! Tokens under way, and how they are answered (RFC 8555, 8.3).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Where an authority looks, before the token.
pub const CHALLENGE_PATH: &str = "/.well-known/acme-challenge/";

/// What is answered to an authority that asks for a token. Whoever has a copy sees the same.
///
/// There are as many as names in the order under way, which [`crate::Names`] bounds, and none without an order.
#[derive(Clone, Debug, Default)]
pub struct Challenges {
    under_way: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Challenges {
    /// What to answer to this token; `None`: it is not under way.
    pub fn answer(&self, token: &str) -> Option<String> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner).get(token).cloned()
    }

    /// What to answer at this path.
    pub fn answer_path(&self, path: &str) -> Option<String> {
        self.answer(path.strip_prefix(CHALLENGE_PATH)?)
    }

    /// Tokens of one order. They are forgotten when this is dropped.
    pub(crate) fn begin(&self) -> UnderWay {
        UnderWay { all: self.clone(), own: Vec::new() }
    }
}

/// The tokens of one order.
#[derive(Debug)]
pub(crate) struct UnderWay {
    all: Challenges,
    own: Vec<String>,
}

impl UnderWay {
    /// Answers one more.
    pub(crate) fn add(&mut self, token: &str, answer: &str) {
        self.own.push(token.to_owned());
        let mut all = self.all.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(token.to_owned(), answer.to_owned());
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut all = self.all.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        for token in &self.own {
            all.remove(token);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_answered_while_its_order_is_under_way_and_no_longer() {
        let challenges = Challenges::default();
        let mut order = challenges.begin();
        order.add("token", "token.thumb");
        let answered = |path: &str| challenges.answer_path(path);
        assert_eq!(answered("/.well-known/acme-challenge/token"), Some("token.thumb".to_owned()));
        for other in ["/.well-known/acme-challenge/", "/.well-known/acme-challenge/token/", "/token", "token", ""] {
            assert_eq!(answered(other), None, "{other}");
        }
        drop(order);
        assert_eq!(answered("/.well-known/acme-challenge/token"), None);
    }
}
