//! What a kernel should do, written as plainly as it can be: every holding there ever was is kept, and looked at.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::steps::{Cap, Disk, Ending, Id, PACKAGE, Step, Transition};
use crate::capability::Origin;
use crate::lifecycle::Revocation;

pub(super) const PROCESSES_MAX: usize = 3;
pub(super) const CHILDREN_MAX: usize = 1;
pub(super) const CAPABILITIES_MAX: usize = 6;
pub(super) const PATH_MAX: usize = 2;

/// What a step came to, for whoever asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// There was nobody to do it, or nobody is told.
    Nothing,
    Done,
    Refused,
    /// So many lost something.
    Lost(usize),
    /// A message came with these.
    Received(Vec<Cap>),
}

/// How somebody came by a capability: whose hands it went through, the holder last.
pub(super) type Way = (Origin, Vec<Id>);

/// A holding. It is never forgotten, so that it can be revoked.
#[derive(Clone, Debug)]
struct Hand {
    cap: Cap,
    way: Way,
    revoked: bool,
}

/// An entry of the process table.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Tells it from others that had the same id.
    number: usize,
    /// The entry that counts it as its child, and its id.
    parent: Option<(usize, Id)>,
    pub(super) is_running: bool,
    pub(super) is_kept: bool,
    pub(super) ending: Ending,
    pub(super) mailbox: VecDeque<Option<usize>>,
    received: Vec<usize>,
}

/// What the store has.
#[derive(Clone, Debug, Default)]
pub(super) struct Disc {
    /// How each ends, and whose child it is.
    pub(super) processes: BTreeMap<Id, (Ending, Option<Id>)>,
    pub(super) capabilities: BTreeMap<(Id, Cap), Way>,
}

enum Change {
    Put(Id),
    Remove(Id),
    Give(Id, Cap),
    Take(Id, Cap),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Doubt {
    Process(Id),
    Capability(Id, Cap),
}

impl Change {
    fn doubt(&self) -> Doubt {
        match *self {
            Self::Put(id) | Self::Remove(id) => Doubt::Process(id),
            Self::Give(id, cap) | Self::Take(id, cap) => Doubt::Capability(id, cap),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    For,
    Not,
}

#[derive(Clone, Debug)]
pub(super) struct Model {
    hands: Vec<Hand>,
    entries: usize,
    pub(super) table: BTreeMap<Id, Entry>,
    held: BTreeMap<(Id, Cap), usize>,
    pub(super) disc: Disc,
    pub(super) outcome: Outcome,
    /// What the store failed at. The next change that it takes settles that: the store gets what memory has.
    doubts: BTreeSet<Doubt>,
    were_not_kept: BTreeSet<Id>,
}

impl Model {
    pub(super) fn new() -> Self {
        Self {
            hands: Vec::new(),
            entries: 0,
            table: BTreeMap::new(),
            held: BTreeMap::new(),
            disc: Disc::default(),
            outcome: Outcome::Nothing,
            doubts: BTreeSet::new(),
            were_not_kept: BTreeSet::new(),
        }
    }

    pub(super) fn apply(&mut self, transition: &Transition) {
        let disk = transition.disk;
        self.outcome = match &transition.step {
            Step::Create { id, by, ending, given } => self.create(*id, *by, ending, *given, disk),
            Step::Run(id) => self.run(*id),
            Step::Kill(id, revocation) => self.kill(*id, *revocation, disk),
            Step::End(id) => self.end(*id, disk),
            Step::SetOnExit(id, ending) => self.set_on_exit(*id, ending, disk),
            Step::Send { from, to, cap } => self.send(*from, *to, *cap),
            Step::Receive(by) => self.receive(*by),
            Step::Save(by, cap) => self.save(*by, *cap, disk),
            Step::Drop(by, cap) => self.drop(*by, *cap, disk),
            Step::Grant(to, cap) => self.grant(*to, *cap, disk),
            Step::Offer { from, to, cap } => self.offer(*from, *to, *cap, disk),
            Step::Revoke(from, cap) => {
                let reaches = |hand: &Hand| hand.cap == *cap && from.is_none_or(|from| hand.way.1.contains(&from));
                self.revoke(reaches, Vec::new(), disk)
            }
            Step::RevokePackage(package) => {
                let is_in = |id: &Id| PACKAGE[*id] == *package;
                let reaches = |hand: &Hand| is_in(&hand.cap.issuer) || hand.way.1.iter().any(is_in);
                match self.revoke(reaches, Vec::new(), disk) {
                    Outcome::Lost(_) => Outcome::Done,
                    other => other,
                }
            }
            Step::Boot => self.boot(),
        };
        self.check();
    }

    /// What somebody holds, and how it came by it.
    pub(super) fn held_by(&self, id: Id) -> BTreeMap<Cap, Way> {
        let of = self.held.iter().filter(|((holder, _), _)| *holder == id);
        of.map(|((_, cap), hand)| (*cap, self.hands[*hand].way.clone())).collect()
    }

    pub(super) fn children_of(&self, id: Id) -> usize {
        let number = self.table[&id].number;
        self.table.values().filter(|entry| entry.parent == Some((number, id))).count()
    }

    fn is_running(&self, id: Id) -> bool {
        self.table.get(&id).is_some_and(|entry| entry.is_running)
    }

    /// Whether what is about it is for the next boot: also if there is none now.
    fn is_for_next_boot(&self, id: Id) -> bool {
        self.table.get(&id).is_none_or(|entry| entry.is_kept)
    }

    fn new_hand(&mut self, cap: Cap, way: Way) -> usize {
        self.hands.push(Hand { cap, way, revoked: false });
        self.hands.len() - 1
    }

    /// What somebody may hand on.
    fn attachable(&mut self, id: Id, cap: Cap) -> Option<usize> {
        if cap.issuer == id {
            return Some(self.new_hand(cap, (Origin::Issued, vec![id])));
        }
        self.held.get(&(id, cap)).copied()
    }

    /// All of it reaches the store, or nothing.
    fn write(&mut self, changes: Vec<Change>, disk: Disk) -> Result<(), ()> {
        let is_kept = |change: &Change| match change {
            Change::Put(_) | Change::Remove(_) => true,
            Change::Give(holder, cap) => self.is_for_next_boot(*holder) && self.is_for_next_boot(cap.issuer),
            Change::Take(holder, _) => self.is_for_next_boot(*holder),
        };
        let settling = self.doubts.iter().filter_map(|doubt| self.settles(*doubt));
        let changes: Vec<_> = settling.chain(changes.into_iter().filter(is_kept)).collect();
        if disk == Disk::Fails && !changes.is_empty() {
            self.doubts.extend(changes.iter().map(Change::doubt));
            return Err(());
        }
        self.doubts.clear();
        for change in changes {
            match change {
                Change::Put(id) => {
                    let entry = &self.table[&id];
                    let parent = entry.parent.map(|(_, parent)| parent);
                    self.disc.processes.insert(id, (entry.ending.clone(), parent));
                }
                Change::Remove(id) => {
                    self.disc.processes.remove(&id);
                    self.disc.capabilities.retain(|(holder, _), _| *holder != id);
                }
                Change::Give(holder, cap) => {
                    let way = self.hands[self.held[&(holder, cap)]].way.clone();
                    self.disc.capabilities.insert((holder, cap), way);
                }
                Change::Take(holder, cap) => drop(self.disc.capabilities.remove(&(holder, cap))),
            }
        }
        Ok(())
    }

    fn settles(&self, doubt: Doubt) -> Option<Change> {
        match doubt {
            Doubt::Process(id) => {
                let is_kept = self.table.get(&id).is_some_and(|entry| entry.is_kept);
                Some(if is_kept { Change::Put(id) } else { Change::Remove(id) })
            }
            Doubt::Capability(id, cap) => {
                let is_held = self.held.contains_key(&(id, cap)) && self.table[&id].is_kept;
                let is_stored = is_held && self.is_for_next_boot(cap.issuer);
                Some(if is_stored { Change::Give(id, cap) } else { Change::Take(id, cap) })
            }
        }
    }

    /// Makes changes in memory and in the store. If one fails, there were none.
    fn whole(&mut self, disk: Disk, make: impl FnOnce(&mut Self) -> Result<Vec<Change>, ()>) -> Outcome {
        let before = self.clone();
        match make(self).and_then(|changes| self.write(changes, disk)) {
            Ok(()) => Outcome::Done,
            Err(()) => {
                let doubts = std::mem::take(&mut self.doubts);
                *self = Self { doubts, ..before };
                Outcome::Refused
            }
        }
    }

    /// Gives something that came a way so far. Says what is new for the store.
    fn give(&mut self, to: Id, cap: Cap, (origin, so_far): Way, asked: Asked) -> Result<Option<Change>, ()> {
        let before = self.held.get(&(to, cap)).map(|hand| self.hands[*hand].way.1.len() - 1);
        if before.is_some_and(|hands| hands <= so_far.len()) {
            return Ok(None);
        }
        let room = if asked == Asked::For { CAPABILITIES_MAX } else { CAPABILITIES_MAX / 2 };
        let is_full = before.is_none() && self.held_by(to).len() >= room;
        if is_full || so_far.len() > PATH_MAX {
            return Err(());
        }
        let hands = so_far.into_iter().chain([to]).collect();
        let hand = self.new_hand(cap, (origin, hands));
        self.held.insert((to, cap), hand);
        Ok(Some(Change::Give(to, cap)))
    }

    fn create(&mut self, id: Id, by: Option<Id>, ending: &Ending, given: Cap, disk: Disk) -> Outcome {
        if by.is_some_and(|by| !self.table.contains_key(&by)) {
            return Outcome::Nothing;
        }
        let too_many_children = by.is_some_and(|by| self.children_of(by) >= CHILDREN_MAX);
        if self.table.contains_key(&id) || self.table.len() >= PROCESSES_MAX || too_many_children {
            return Outcome::Refused;
        }
        let outcome = self.whole(disk, |model| {
            let is_kept = by.is_none() || *ending != Ending::Nothing;
            model.put_in_table(id, by.map(|by| (model.table[&by].number, by)), is_kept, ending.clone());
            let mut changes = Vec::new();
            if is_kept {
                // Whatever the store has under this id is another's.
                changes.extend([Change::Remove(id), Change::Put(id)]);
            }
            let messaging = Cap::messaging(id);
            changes.extend(model.give(id, messaging, (Origin::Granted, vec![]), Asked::For)?);
            let way = match by {
                None => Some((Origin::Granted, vec![])),
                Some(by) => model.attachable(by, given).map(|hand| model.hands[hand].way.clone()),
            };
            // What went through too many hands is left out; there is room for two.
            changes.extend(way.and_then(|way| model.give(id, given, way, Asked::For).ok().flatten()));
            if let Some(by) = by {
                changes.extend(model.give(by, messaging, (Origin::Granted, vec![]), Asked::For)?);
            }
            Ok(changes)
        });
        if self.table.get(&id).is_some_and(|entry| !entry.is_kept) {
            self.were_not_kept.insert(id);
        }
        outcome
    }

    fn put_in_table(&mut self, id: Id, parent: Option<(usize, Id)>, is_kept: bool, ending: Ending) {
        self.entries += 1;
        let number = self.entries;
        let (mailbox, received) = (VecDeque::new(), Vec::new());
        self.table.insert(id, Entry { number, parent, is_running: false, is_kept, ending, mailbox, received });
    }

    fn run(&mut self, id: Id) -> Outcome {
        match self.table.get_mut(&id) {
            Some(entry) if !entry.is_running => {
                entry.is_running = true;
                Outcome::Done
            }
            _ => Outcome::Refused,
        }
    }

    fn kill(&mut self, id: Id, revocation: Revocation, disk: Disk) -> Outcome {
        let Some(gone) = self.table.remove(&id) else {
            // What failed before may have been to remove it.
            self.write(Vec::new(), disk).ok();
            return Outcome::Refused;
        };
        self.held.retain(|(holder, _), _| *holder != id);
        let changes = if gone.is_kept { vec![Change::Remove(id)] } else { Vec::new() };
        let reaches = |hand: &Hand| revocation == Revocation::Revoke && hand.cap.issuer == id;
        match self.revoke(reaches, changes, disk) {
            Outcome::Lost(_) => Outcome::Done,
            other => other,
        }
    }

    /// What is revoked in memory stays so, also when the store fails.
    fn revoke(&mut self, reaches: impl Fn(&Hand) -> bool, mut changes: Vec<Change>, disk: Disk) -> Outcome {
        for hand in &mut self.hands {
            hand.revoked |= reaches(hand);
        }
        let before = changes.len();
        let lost = |hand: &usize| self.hands[*hand].revoked;
        changes.extend(self.held.iter().filter(|(_, hand)| lost(hand)).map(|((id, cap), _)| Change::Take(*id, *cap)));
        let lost = changes.len() - before;
        self.held.retain(|_, hand| !self.hands[*hand].revoked);
        self.write(changes, disk).map_or(Outcome::Refused, |()| Outcome::Lost(lost))
    }

    fn end(&mut self, id: Id, disk: Disk) -> Outcome {
        if !self.is_running(id) {
            return Outcome::Nothing;
        }
        match self.table[&id].ending.clone() {
            Ending::Restart => {
                let entry = self.table.get_mut(&id).unwrap();
                entry.mailbox.clear();
                entry.received.clear();
                return Outcome::Nothing;
            }
            Ending::Tell(to, cap) if to != id => drop(self.send(id, to, cap)),
            Ending::Tell(..) | Ending::Nothing => {}
        }
        self.kill(id, Revocation::Revoke, disk);
        Outcome::Nothing
    }

    fn set_on_exit(&mut self, id: Id, ending: &Ending, disk: Disk) -> Outcome {
        if !self.table.contains_key(&id) {
            return Outcome::Refused;
        }
        self.whole(disk, |model| {
            let entry = model.table.get_mut(&id).unwrap();
            entry.ending = ending.clone();
            let is_new = *ending != Ending::Nothing && !std::mem::replace(&mut entry.is_kept, true);
            let mut changes = Vec::new();
            if is_new {
                changes.push(Change::Remove(id));
                let around = model.held.keys().filter(|(holder, cap)| *holder == id || cap.issuer == id);
                changes.extend(around.map(|(holder, cap)| Change::Give(*holder, *cap)));
            }
            if model.table[&id].is_kept {
                changes.push(Change::Put(id));
            }
            Ok(changes)
        })
    }

    fn send(&mut self, from: Id, to: Id, cap: Cap) -> Outcome {
        if !self.is_running(from) {
            return Outcome::Nothing;
        }
        let may = is_public(to) || from == to || self.held.contains_key(&(from, Cap::messaging(to)));
        let attached = self.attachable(from, cap);
        if let (Some(entry), true) = (self.table.get_mut(&to), may) {
            entry.mailbox.push_back(attached);
        }
        Outcome::Nothing
    }

    fn receive(&mut self, by: Id) -> Outcome {
        if !self.is_running(by) {
            return Outcome::Nothing;
        }
        let entry = self.table.get_mut(&by).unwrap();
        let Some(attached) = entry.mailbox.pop_front() else { return Outcome::Nothing };
        let attached = attached.filter(|hand| !self.hands[*hand].revoked);
        entry.received.extend(attached);
        Outcome::Received(attached.map(|hand| self.hands[hand].cap).into_iter().collect())
    }

    fn save(&mut self, by: Id, cap: Cap, disk: Disk) -> Outcome {
        if !self.is_running(by) {
            return Outcome::Nothing;
        }
        let way = if cap.issuer == by {
            let is_held = self.held.contains_key(&(by, cap));
            (!is_held).then(|| (Origin::Issued, Vec::new()))
        } else {
            let received = self.table[&by].received.iter().map(|hand| &self.hands[*hand]);
            let valid = received.filter(|hand| hand.cap == cap && !hand.revoked);
            valid.min_by_key(|hand| hand.way.1.len()).map(|hand| hand.way.clone())
        };
        self.whole(disk, |model| {
            // Who may not keep it does without.
            let given = way.and_then(|way| model.give(by, cap, way, Asked::For).ok().flatten());
            Ok(given.into_iter().collect())
        })
    }

    fn drop(&mut self, by: Id, cap: Cap, disk: Disk) -> Outcome {
        if !self.table.contains_key(&by) {
            return Outcome::Refused;
        }
        // Nobody needs back what he gave up, also when the store fails.
        let was_held = self.held.remove(&(by, cap)).map(|_| Change::Take(by, cap));
        self.write(was_held.into_iter().collect(), disk).map_or(Outcome::Refused, |()| Outcome::Done)
    }

    fn grant(&mut self, to: Id, cap: Cap, disk: Disk) -> Outcome {
        if !self.table.contains_key(&to) {
            return Outcome::Done;
        }
        self.whole(disk, |model| Ok(model.give(to, cap, (Origin::Granted, vec![]), Asked::For)?.into_iter().collect()))
    }

    fn offer(&mut self, from: Id, to: Id, cap: Cap, disk: Disk) -> Outcome {
        if !self.table.contains_key(&from) {
            return Outcome::Nothing;
        }
        if !self.table.contains_key(&to) {
            return Outcome::Done;
        }
        let Some(hand) = self.attachable(from, cap) else { return Outcome::Refused };
        let way = self.hands[hand].way.clone();
        self.whole(disk, |model| Ok(model.give(to, cap, way, Asked::Not)?.into_iter().collect()))
    }

    /// All there is afterwards is what the store has.
    fn boot(&mut self) -> Outcome {
        let mut next = Self { disc: self.disc.clone(), ..Self::new() };
        for (id, (ending, _)) in self.disc.processes.clone() {
            next.put_in_table(id, None, true, ending);
            next.run(id);
        }
        for (id, (_, parent)) in &self.disc.processes {
            let parent = parent.filter(|parent| next.table.contains_key(parent));
            next.table.get_mut(id).expect("it was put there").parent =
                parent.map(|parent| (next.table[&parent].number, parent));
        }
        for ((holder, cap), way) in self.disc.capabilities.clone() {
            let hand = next.new_hand(cap, way);
            next.held.insert((holder, cap), hand);
        }
        *self = next;
        Outcome::Nothing
    }

    /// What is true of memory and store whatever was done.
    fn check(&self) {
        for ((holder, cap), hand) in &self.held {
            let hand = &self.hands[*hand];
            assert!(self.table.contains_key(holder) && !hand.revoked && hand.way.1.last() == Some(holder));
            assert!(hand.way.0 == Origin::Granted || hand.way.1[0] == cap.issuer, "only the issuer issues");
        }
        for (holder, _) in self.disc.capabilities.keys() {
            assert!(self.disc.processes.contains_key(holder), "whoever comes next would hold it");
        }
        // Until it takes a change again, a store that failed has what it had.
        if !self.doubts.is_empty() {
            return;
        }
        let kept = self.table.iter().filter(|(_, entry)| entry.is_kept).map(|(id, entry)| (*id, entry.ending.clone()));
        let stored = self.disc.processes.iter().map(|(id, (ending, _))| (*id, ending.clone()));
        assert_eq!(kept.collect::<BTreeMap<_, _>>(), stored.collect());
        for ((holder, cap), way) in &self.disc.capabilities {
            let hand = self.held.get(&(*holder, *cap)).expect("what is stored is held");
            assert!(&self.hands[*hand].way == way || self.were_not_kept.contains(&cap.issuer));
        }
        for (holder, cap) in self.held.keys().filter(|(_, cap)| !self.were_not_kept.contains(&cap.issuer)) {
            let is_stored = self.disc.capabilities.contains_key(&(*holder, *cap));
            assert_eq!(is_stored, self.table[holder].is_kept, "{holder} {cap:?}");
        }
    }
}

/// Whether everybody may message it.
pub(super) fn is_public(id: Id) -> bool {
    id.is_multiple_of(2)
}
