//! Changes to what is stored: in memory and in the store they happen in one order.
//!
//! A process can be killed, created again under the same id, and given capabilities by three tasks at once. Were the
//! store to see these in another order than the table, the next boot would bring back what was killed, or a capability
//! that was revoked. So a change is made in memory and handed to the store under one lock; waiting until it is durable
//! happens outside of it, so the store can write the changes of many tasks at once.

use std::sync::PoisonError;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;

use crate::doubt::{Doubt, Doubts};
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
        let mut applying = None;
        let mut refused = None;
        std::future::poll_fn(|cx| {
            let Some(prepare) = prepare.take() else {
                return applying.as_mut().map_or(Poll::Ready(Ok(())), |applying: &mut Applying<'_>| applying.poll(cx));
            };
            let mut doubts = self.changes_order().lock().unwrap_or_else(PoisonError::into_inner);
            let changes = if doubts.is_full() {
                refused = Some(too_many_failed().into());
                Vec::new()
            } else {
                match prepare() {
                    Ok(changes) => changes,
                    // What is to be undone now must not settle anything.
                    Err(error) => return Poll::Ready(Err(error)),
                }
            };
            let changes = changes.into_iter().filter(|change| self.outlives_node(change)).collect();
            let Some(begun) = self.begin(changes, &mut doubts) else { return Poll::Ready(Ok(())) };
            // Polled once under the lock: that is what gives it its place.
            let polled = applying.insert(begun).poll(cx);
            drop(doubts);
            polled
        })
        .await?;
        refused.map_or(Ok(()), Err)
    }

    /// Hands changes to the store, after those that settle what is in doubt.
    fn begin(&self, changes: Vec<Change>, doubts: &mut Doubts) -> Option<Applying<'_>> {
        let before = doubts.take();
        let all: Vec<_> = before.iter().filter_map(|doubt| self.settle(doubt)).chain(changes).collect();
        if all.is_empty() {
            return None;
        }
        let in_doubt = before.into_iter().chain(all.iter().map(Doubt::of)).collect();
        Some(Applying { kernel: self, stored: self.persistence().apply(all), in_doubt })
    }

    /// Changes memory in the order of the changes of [`Kernel::commit`], and not from inside one: for undoing what the
    /// store did not take. `change` waits for nothing. What it touches of a process is in doubt again: somebody else's change
    /// may have settled it meanwhile, by what was there before it was undone.
    pub(crate) fn in_order(&self, change: impl FnOnce(&mut Doubts)) {
        change(&mut self.changes_order().lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Whether a process is still the one in the table. What is decided under [`Kernel::commit`]'s lock stays true
    /// until the change is with the store.
    pub(crate) fn is_current(&self, process: &Process) -> bool {
        self.table().get(process.id()).is_some_and(|entry| std::ptr::eq(&**entry.value(), process))
    }

    /// What belongs to a process that ends with the node is not stored: neither what it holds, nor what others hold of
    /// it. Its id may be somebody else's after the next boot.
    pub(crate) fn outlives_node(&self, change: &Change) -> bool {
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

/// Changes on their way to the store. Dropped before they are known to be there, they are in doubt.
struct Applying<'a> {
    kernel: &'a Kernel,
    stored: BoxFuture<'a, Result<(), StoreError>>,
    in_doubt: Vec<Doubt>,
}

impl Applying<'_> {
    fn poll<E: From<StoreError>>(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        let polled = self.stored.as_mut().poll(cx);
        if matches!(polled, Poll::Ready(Ok(()))) {
            self.in_doubt.clear();
        }
        polled.map_err(E::from)
    }
}

impl Drop for Applying<'_> {
    fn drop(&mut self) {
        if !self.in_doubt.is_empty() {
            let in_doubt = std::mem::take(&mut self.in_doubt);
            self.kernel.changes_order().lock().unwrap_or_else(PoisonError::into_inner).add(in_doubt);
        }
    }
}

fn too_many_failed() -> StoreError {
    let reason = "too many changes before it could not be stored; it may work when it is tried again".to_owned();
    StoreError { action: "making a change".to_owned(), reason }
}
