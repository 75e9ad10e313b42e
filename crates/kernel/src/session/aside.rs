//! Requests that are put aside while others are received, and answered later in any order.
//!
//! A guest handles one request after the other, so its prompt is enough. A process whose loop is the runtime's own
//! handles many at the same time, and says for each response which request it answers.

use super::{Prompt, Session};
use crate::public_id::PublicId;

/// A request that was put aside. Whoever holds it can answer it, once.
#[derive(Debug)]
pub struct Aside {
    prompt: Prompt,
    shown_as: PublicId,
}

impl Aside {
    /// The id under which people are shown the request.
    pub fn shown_as(&self) -> PublicId {
        self.shown_as
    }
}

impl Session {
    /// Puts aside what a response would answer now: the request received last that wants an answer. Nothing is answered
    /// until something is received or taken up.
    pub fn put_aside(&mut self) -> Option<Aside> {
        let prompt = self.prompt.take()?;
        Some(Aside { shown_as: self.kernel.public_id(prompt.id), prompt })
    }

    /// Makes this what the next response answers.
    pub fn take_up(&mut self, aside: Aside) {
        self.prompt = Some(aside.prompt);
    }
}
