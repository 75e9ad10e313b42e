//! What is done to a kernel and to its model.

use proptest::prelude::*;

use crate::lifecycle::Revocation;

/// A process id, as the number in its name.
pub(super) type Id = usize;

/// The package of each id.
pub(super) const PACKAGE: [usize; 4] = [0, 0, 1, 1];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cap {
    pub(super) issuer: Id,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// The right to send messages to the issuer.
    Messaging,
    /// Something that only the issuer understands.
    Other,
}

impl Cap {
    pub(super) fn messaging(issuer: Id) -> Self {
        Self { issuer, kind: Kind::Messaging }
    }
}

/// What a process does when it ends by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Nothing,
    Restart,
    /// It sends a last message with a capability.
    Tell(Id, Cap),
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    /// By the node itself, or as somebody's child.
    Create {
        id: Id,
        by: Option<Id>,
        ending: Ending,
        given: Cap,
    },
    Run(Id),
    Kill(Id, Revocation),
    End(Id),
    SetOnExit(Id, Ending),
    Send {
        from: Id,
        to: Id,
        cap: Cap,
    },
    Receive(Id),
    Save(Id, Cap),
    Drop(Id, Cap),
    Grant(Id, Cap),
    Offer {
        from: Id,
        to: Id,
        cap: Cap,
    },
    /// From one holder, or from everybody.
    Revoke(Option<Id>, Cap),
    RevokePackage(usize),
    /// The node stops, and another one begins with what the store has.
    Boot,
}

/// Whether the store takes what it is given during a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Disk {
    Works,
    Fails,
}

#[derive(Clone, Debug)]
pub(super) struct Transition {
    pub(super) step: Step,
    pub(super) disk: Disk,
}

impl Transition {
    /// What every case begins with: three processes that run.
    pub(super) fn first() -> Vec<Self> {
        let create = |id| Step::Create { id, by: None, ending: Ending::Nothing, given: Cap::messaging(id) };
        let steps = (0..3).flat_map(|id| [create(id), Step::Run(id)]);
        steps.map(|step| Self { step, disk: Disk::Works }).collect()
    }
}

fn ids() -> impl Strategy<Value = Id> + Clone {
    0..PACKAGE.len()
}

fn caps() -> impl Strategy<Value = Cap> + Clone {
    (ids(), prop_oneof![Just(Kind::Messaging), Just(Kind::Other)]).prop_map(|(issuer, kind)| Cap { issuer, kind })
}

fn endings() -> impl Strategy<Value = Ending> + Clone {
    prop_oneof![
        Just(Ending::Nothing),
        Just(Ending::Restart),
        (ids(), caps()).prop_map(|(to, cap)| Ending::Tell(to, cap)),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    let anybody = || (ids(), caps());
    prop_oneof![
        6 => (ids(), proptest::option::of(ids()), endings(), caps())
            .prop_map(|(id, by, ending, given)| Step::Create { id, by, ending, given }),
        4 => ids().prop_map(Step::Run),
        2 => ids().prop_map(|id| Step::Kill(id, Revocation::Revoke)),
        1 => ids().prop_map(|id| Step::Kill(id, Revocation::Keep)),
        2 => ids().prop_map(Step::End),
        2 => (ids(), endings()).prop_map(|(id, ending)| Step::SetOnExit(id, ending)),
        10 => (ids(), ids(), caps()).prop_map(|(from, to, cap)| Step::Send { from, to, cap }),
        10 => ids().prop_map(Step::Receive),
        10 => anybody().prop_map(|(by, cap)| Step::Save(by, cap)),
        2 => anybody().prop_map(|(by, cap)| Step::Drop(by, cap)),
        3 => anybody().prop_map(|(to, cap)| Step::Grant(to, cap)),
        3 => (ids(), ids(), caps()).prop_map(|(from, to, cap)| Step::Offer { from, to, cap }),
        3 => (proptest::option::weighted(0.8, ids()), caps()).prop_map(|(from, cap)| Step::Revoke(from, cap)),
        1 => (0..2_usize).prop_map(Step::RevokePackage),
        1 => Just(Step::Boot),
    ]
}

pub(super) fn transitions() -> BoxedStrategy<Transition> {
    let disk = prop_oneof![5 => Just(Disk::Works), 1 => Just(Disk::Fails)];
    (steps(), disk).prop_map(|(step, disk)| Transition { step, disk }).boxed()
}
