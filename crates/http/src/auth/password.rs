//! Hashing passwords: argon2id, on few threads that may block, with few that wait.

use std::sync::Arc;

use argon2::{Argon2, PasswordHash, PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::secret::random;

/// Shortest password.
pub(crate) const CHARS_MIN: usize = 8;
/// Longest password.
pub(crate) const BYTES_MAX: usize = 1_024;

/// A password cannot be taken or checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PasswordError {
    /// Shorter than the least.
    #[error("choose a password of at least {CHARS_MIN} characters")]
    Short,
    /// Longer than the most.
    #[error("a password has at most {BYTES_MAX} bytes")]
    Long,
    /// Others are being checked.
    #[error("the node is busy with other passwords, try again")]
    Busy,
    /// Hashing failed, or the node is stopping.
    #[error("the password could not be hashed: {0}")]
    Failed(String),
}

/// Hashes passwords.
#[derive(Debug)]
pub(crate) struct Hasher {
    working: Semaphore,
    /// Those that work and those that wait.
    taken_in: Semaphore,
}

impl Hasher {
    /// So many at the same time, and so many that wait.
    pub(crate) fn new(working_max: usize, waiting_max: usize) -> Self {
        let bound = |max: usize| max.clamp(1, Semaphore::MAX_PERMITS);
        let working = bound(working_max);
        Self { working: Semaphore::new(working), taken_in: Semaphore::new(bound(working.saturating_add(waiting_max))) }
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, PasswordError> {
        let _taken_in = self.taken_in.try_acquire().map_err(|_| PasswordError::Busy)?;
        let _working = self.working.acquire().await.map_err(|_| PasswordError::Busy)?;
        spawn_blocking(work).await.map_err(|error| PasswordError::Failed(error.to_string()))
    }

    /// The hash of a new password, in PHC form (`$argon2id$v=19$m=…`).
    pub(crate) async fn hash(&self, password: String) -> Result<String, PasswordError> {
        if password.chars().count() < CHARS_MIN {
            return Err(PasswordError::Short);
        }
        if password.len() > BYTES_MAX {
            return Err(PasswordError::Long);
        }
        let salt = random().map_err(|error| PasswordError::Failed(error.to_string()))?;
        self.run(move || {
            // Argon2id, 19 MiB, two passes: the library's default, and OWASP's.
            let salt = salt.get(..16).unwrap_or(&salt);
            let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), salt);
            hash.map(|hash: PasswordHash| hash.to_string()).map_err(|error| PasswordError::Failed(error.to_string()))
        })
        .await?
    }

    /// Whether it is the password of `hash`.
    pub(crate) async fn is(&self, password: String, hash: Arc<str>) -> Result<bool, PasswordError> {
        if password.len() > BYTES_MAX {
            return Ok(false);
        }
        self.run(move || {
            let hash = PasswordHash::new(&hash).map_err(|error| PasswordError::Failed(error.to_string()))?;
            Ok(Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
        })
        .await?
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_password_is_the_password() {
        let hasher = Hasher::new(2, 2);
        let hash: Arc<str> = hasher.hash("correct horse".to_owned()).await.unwrap().into();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(hasher.is("correct horse".to_owned(), Arc::clone(&hash)).await.unwrap());
        for wrong in ["", "correct hors", "correct horse ", "Correct horse", &"x".repeat(5_000)] {
            assert!(!hasher.is(wrong.to_owned(), Arc::clone(&hash)).await.unwrap(), "{wrong}");
        }
        assert_ne!(&*hash, hasher.hash("correct horse".to_owned()).await.unwrap());
        assert!(hasher.is("x".to_owned(), "damaged".into()).await.is_err());
    }

    #[tokio::test]
    async fn passwords_have_a_least_and_a_most_length() {
        let hasher = Hasher::new(1, 0);
        assert_eq!(hasher.hash("1234567".to_owned()).await, Err(PasswordError::Short));
        assert_eq!(hasher.hash("x".repeat(2_000)).await, Err(PasswordError::Long));
    }

    /// S22: each attempt takes a processor for tens of milliseconds, and 19 MiB.
    #[tokio::test]
    async fn s22_hashes_at_the_same_time_have_a_bound() {
        let hasher = Hasher::new(1, 1);
        let attempts = (0..8).map(|_| hasher.is("x".to_owned(), "damaged".into()));
        let outcomes = futures_util::future::join_all(attempts).await;
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == Err(PasswordError::Busy)).count(), 6);
    }
}
