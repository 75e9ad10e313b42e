//! Changes to what is stored: in memory and in the store they happen in one order.
//!
//! A process can be killed, created again under the same id, and given capabilities by three tasks at once. Were the
//! store to see these in another order than the table, the next boot would bring back what was killed, or a capability
//! that was revoked. So a change is made in memory and handed to the store under one lock; waiting until it is durable
//! happens outside of it, so the store can write the changes of many tasks at once.

use std::sync::PoisonError;
use std::task::Poll;

use crate::kernel::Kernel;
use crate::persistence::{Change, StoreError};
use crate::process::Process;

impl Kernel {
    /// Makes changes: `prepare` makes them in memory and says what they are for the store. Durable when it returns.
    /// When the store fails, undoing what `prepare` did is up to the caller.
    pub(crate) async fn commit<E, F>(&self, prepare: F) -> Result<(), E>
    where
        E: From<StoreError>,
        F: FnOnce() -> Result<Vec<Change>, E>,
    {
        let mut prepare = Some(prepare);
        let mut stored = None;
        std::future::poll_fn(|cx| {
            let Some(prepare) = prepare.take() else {
                let polled = stored
                    .as_mut()
                    .map_or(Poll::Ready(Ok(())), |stored: &mut StoreResult<'_>| stored.as_mut().poll(cx));
                return polled.map_err(E::from);
            };
            let order = self.changes_order().lock().unwrap_or_else(PoisonError::into_inner);
            let changes: Vec<_> = match prepare() {
                Ok(changes) => changes.into_iter().filter(|change| self.outlives_node(change)).collect(),
                Err(error) => return Poll::Ready(Err(error)),
            };
            if changes.is_empty() {
                return Poll::Ready(Ok(()));
            }
            let applying = stored.insert(self.persistence().apply(changes));
            let polled = applying.as_mut().poll(cx).map_err(E::from);
            drop(order);
            polled
        })
        .await
    }

    /// Whether a process is still the one in the table. What is decided under [`Kernel::commit`]'s lock stays true
    /// until the change is with the store.
    pub(crate) fn is_current(&self, process: &Process) -> bool {
        self.table().get(process.id()).is_some_and(|entry| std::ptr::eq(&**entry.value(), process))
    }

    /// What belongs to a process that ends with the node is not stored: neither what it holds, nor what others hold of
    /// it. Its id may be somebody else's after the next boot.
    fn outlives_node(&self, change: &Change) -> bool {
        let kept = |id| self.find(id).is_none_or(|process| process.is_kept());
        match change {
            Change::PutProcess(_) | Change::RemoveProcess(_) => true,
            Change::PutCapability(stored) => {
                let issuer = &stored.capability.capability().issuer;
                kept(&stored.holder) && (issuer.node() != self.node() || kept(issuer.process()))
            }
            Change::RemoveCapability { holder, .. } => kept(holder),
        }
    }
}

type StoreResult<'a> = futures_util::future::BoxFuture<'a, Result<(), StoreError>>;
