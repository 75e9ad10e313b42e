//! Requests that no session sends: those of modules, and of the node's owner through them.

use std::sync::Arc;

use wharf_types::metrics::FailureReason;
use wharf_types::{Address, NodeName};

use crate::counters::Counted;
use crate::envelope::{Blob, Content, Envelope, Kind, MessageId, ReplyPath, Rsvp, Seconds};
use crate::kernel::Kernel;
use crate::limit_hits::Limit;
use crate::mailbox::{Mailbox, Refused};
use crate::process::Process;

/// In whose authority a module sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendAs {
    /// Its own: the target is public, or has granted it messaging.
    Module,
    /// The node owner's, who proved to be that: every local process may be reached.
    Owner,
    /// The target's: it asked this module beforehand to be sent this.
    Invited,
}

/// Who asks whom, by which right, under which id.
#[derive(Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) from: &'a Arc<Process>,
    pub(crate) target: &'a Address,
    pub(crate) send_as: SendAs,
    pub(crate) id: MessageId,
}

/// Why a call brought no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Nobody has that id.
    #[error("there is no such process")]
    NoSuchProcess,
    /// The target is not public and has not granted the sender its messaging capability.
    #[error("the sender holds no messaging capability for the target, and that is not public")]
    NotAllowed,
    /// The target does not keep up.
    #[error("the mailbox of the target is full")]
    MailboxFull,
    /// Body or blob are over a limit.
    #[error("the message is over the limit of {0} bytes")]
    TooLarge(usize),
    /// The sender waits for too many responses.
    #[error("the sender waits for too many responses already")]
    TooManyOutstanding,
    /// The target took the request but did not answer in time.
    #[error("no response came in time")]
    Timeout,
    /// The target's node cannot be reached.
    #[error("the node of the target cannot be reached")]
    Offline,
}

impl Kernel {
    /// Sends a request in the name of its sender and waits for its response, outside of what the process itself receives.
    pub(crate) async fn call(
        &self,
        ask: Ask<'_>,
        content: Content,
        blob: Option<Blob>,
        wait: Seconds,
    ) -> Result<Envelope, CallError> {
        let answered = self.call_unseen(&ask, content, blob, wait).await;
        match &answered {
            Ok(response) => {
                ask.from.counters.received(Counted::ByOthers, response);
                ask.from.trace_in(response);
            }
            Err(error) => ask.from.request_failed(ask.target, ask.id, (*error).into()),
        }
        answered
    }

    async fn call_unseen(
        &self,
        ask: &Ask<'_>,
        content: Content,
        blob: Option<Blob>,
        wait: Seconds,
    ) -> Result<Envelope, CallError> {
        let Ask { from, target, send_as, id } = *ask;
        let to = self.callee(from, target, send_as)?;
        let mailbox = from.mailbox();
        let response = mailbox.expect_direct(id).map_err(|_| {
            from.hit(Limit::Outstanding);
            CallError::TooManyOutstanding
        })?;
        let _announced = Announced { mailbox: &mailbox, id };
        let envelope = Box::new(Envelope {
            id,
            kind: Kind::Request(Some(wait)),
            content,
            blob,
            rsvp: Rsvp::Source,
            reply: from.reply_path(),
        });
        self.push(from, &to, envelope)?;
        match tokio::time::timeout(wait.duration(), response).await {
            Ok(Ok(response)) => Ok(*response),
            Ok(Err(_)) | Err(_) => Err(CallError::Timeout),
        }
    }

    /// Sends a request in the name of its sender that wants no response.
    pub(crate) fn tell(&self, ask: Ask<'_>, content: Content, blob: Option<Blob>) -> Result<(), CallError> {
        let told = self.tell_unseen(&ask, content, blob);
        if let Err(error) = told {
            ask.from.request_failed(ask.target, ask.id, error.into());
        }
        told
    }

    fn tell_unseen(&self, ask: &Ask<'_>, content: Content, blob: Option<Blob>) -> Result<(), CallError> {
        let Ask { from, target, send_as, id } = *ask;
        let to = self.callee(from, target, send_as)?;
        let envelope = Box::new(Envelope {
            id,
            kind: Kind::Request(None),
            content,
            blob,
            rsvp: Rsvp::Nobody,
            reply: from.reply_path(),
        });
        self.push(from, &to, envelope)
    }

    /// Sends a request that wants no response to one life of a process, and waits until there is room in its mailbox.
    /// [`CallError::NoSuchProcess`] when that life is over: no successor gets it.
    pub(crate) async fn tell_life(
        &self,
        ask: Ask<'_>,
        life: &ReplyPath,
        content: Content,
        blob: Option<Blob>,
    ) -> Result<(), CallError> {
        let told = self.tell_life_unseen(&ask, life, content, blob).await;
        if let Err(error) = told {
            ask.from.request_failed(ask.target, ask.id, error.into());
        }
        told
    }

    async fn tell_life_unseen(
        &self,
        ask: &Ask<'_>,
        life: &ReplyPath,
        content: Content,
        blob: Option<Blob>,
    ) -> Result<(), CallError> {
        let Ask { from, target, send_as, id } = *ask;
        let kind = Kind::Request(None);
        let mut envelope = Box::new(Envelope { id, kind, content, blob, rsvp: Rsvp::Nobody, reply: from.reply_path() });
        self.check_size(from, &envelope)?;
        let (bytes, weight, mailbox) = (envelope.bytes(), envelope.weight(), life.mailbox());
        from.trace_out(target, &envelope);
        loop {
            // Asked anew after each wait: the right to send may have been revoked meanwhile.
            let to = self.callee(from, target, send_as)?;
            match mailbox.push_request(envelope) {
                Ok(()) => {
                    from.counters.sent(Counted::ByOthers, bytes);
                    return Ok(());
                }
                Err(Refused::Full(back)) => {
                    to.hit(mailbox.full_of());
                    mailbox.wait_for_room(weight).await;
                    envelope = back;
                }
                Err(refused) => return Err(refused.into()),
            }
        }
    }

    /// Puts a request into a mailbox that has room; nothing waits here.
    fn push(&self, from: &Process, to: &Process, envelope: Box<Envelope>) -> Result<(), CallError> {
        self.check_size(from, &envelope)?;
        let bytes = envelope.bytes();
        from.trace_out(to.address(), &envelope);
        let mailbox = to.mailbox();
        if let Err(refused) = mailbox.push_request(envelope) {
            match &refused {
                Refused::Full(_) => to.hit(mailbox.full_of()),
                Refused::TooLarge(_) => from.hit(Limit::MailboxBytes),
                Refused::Closed(_) => {}
            }
            return Err(refused.into());
        }
        from.counters.sent(Counted::ByOthers, bytes);
        Ok(())
    }

    fn callee(&self, from: &Process, target: &Address, send_as: SendAs) -> Result<Arc<Process>, CallError> {
        if target.node() != self.node() && target.node().as_str() != NodeName::OUR {
            return Err(CallError::Offline);
        }
        let to = self.find(target.process()).ok_or(CallError::NoSuchProcess)?;
        let may = match send_as {
            SendAs::Owner | SendAs::Invited => true,
            SendAs::Module => self.may_send(from, &to),
        };
        if may { Ok(to) } else { Err(CallError::NotAllowed) }
    }
}

impl From<CallError> for FailureReason {
    fn from(error: CallError) -> Self {
        match error {
            CallError::NoSuchProcess => Self::NoSuchProcess,
            CallError::NotAllowed => Self::NotAllowed,
            CallError::MailboxFull => Self::MailboxFull,
            CallError::TooLarge(_) => Self::TooLarge,
            CallError::TooManyOutstanding => Self::TooManyOutstanding,
            CallError::Timeout => Self::Timeout,
            CallError::Offline => Self::Offline,
        }
    }
}

impl From<Refused> for CallError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Full(_) => Self::MailboxFull,
            Refused::TooLarge(envelope) => Self::TooLarge(envelope.weight()),
            Refused::Closed(_) => Self::NoSuchProcess,
        }
    }
}

/// Takes the announcement of a response back when nobody waits for it any more.
struct Announced<'a> {
    mailbox: &'a Mailbox,
    id: MessageId,
}

impl Drop for Announced<'_> {
    fn drop(&mut self) {
        self.mailbox.forget(self.id);
    }
}
