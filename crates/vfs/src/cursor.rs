//! Where each process stands in the files it works with.
//!
//! A cursor is a number, not an open file: it belongs to one life of a process and one path, and costs no descriptor.
//! So however many files a process works with, none of them has to be closed behind its back, and each is continued
//! where it was left.
//!
//! One that is at the start is not kept, since that is where a file is opened. When a bound is reached, those go first
//! that have read their file to the end, the one that was not used for longest before all others: whoever comes back to
//! such a file reads it from the start. If none has, the process gets an error; a file that it is in the middle of is
//! never silently begun anew. The bound of the node falls on whoever has most.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rustix::io::Errno;
use wharf_kernel::Limit;
use wharf_kernel::envelope::ReplyPath;
use wharf_types::ProcessId;

use crate::error::OverLimit;
use crate::limits::VfsLimits;
use crate::path::VfsPath;

/// One life of a process.
#[derive(Clone, Debug)]
pub(crate) struct Who {
    pub(crate) process: ProcessId,
    /// `None` for whoever is no process: the node itself, and tests.
    pub(crate) life: Option<ReplyPath>,
}

impl Who {
    fn is_over(&self) -> bool {
        self.life.as_ref().is_some_and(ReplyPath::has_ended)
    }
}

/// Whether a process is likely to go on where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stand {
    /// In the middle of something.
    Within,
    /// It has all of the file.
    Through,
}

#[derive(Debug)]
struct Cursor {
    offset: u64,
    stand: Stand,
    used: u64,
}

#[derive(Debug)]
struct ProcessCursors {
    who: Who,
    by_path: HashMap<Arc<VfsPath>, Cursor>,
    /// The same paths, from the one that was not used for longest on.
    by_use: BTreeMap<u64, Arc<VfsPath>>,
}

impl ProcessCursors {
    fn forget(&mut self, path: &VfsPath) -> usize {
        match self.by_path.remove(path) {
            Some(cursor) => {
                self.by_use.remove(&cursor.used);
                1
            }
            None => 0,
        }
    }

    /// Forgets the one that was not used for longest, of those that may be.
    fn forget_oldest(&mut self, may: impl Fn(Stand) -> bool) -> usize {
        let is_through = |path: &&Arc<VfsPath>| self.by_path.get(*path).is_some_and(|cursor| may(cursor.stand));
        let oldest = self.by_use.values().find(is_through).cloned();
        oldest.map_or(0, |path| self.forget(&path))
    }
}

/// All cursors.
#[derive(Debug, Default)]
pub(crate) struct Cursors {
    by_process: HashMap<ProcessId, ProcessCursors>,
    total: usize,
    clock: u64,
}

impl Cursors {
    /// The cursors of this life; what an earlier one left is gone.
    fn of(&mut self, who: &Who) -> Option<&mut ProcessCursors> {
        if self.by_process.get(&who.process).is_some_and(|cursors| cursors.who.life != who.life) {
            self.forget_process(&who.process.clone());
        }
        self.by_process.get_mut(&who.process)
    }

    /// Where a process stands in `path`.
    pub(crate) fn get(&mut self, who: &Who, path: &VfsPath) -> u64 {
        self.clock += 1;
        let clock = self.clock;
        let Some(cursors) = self.of(who) else { return 0 };
        let Some(cursor) = cursors.by_path.get_mut(path) else { return 0 };
        if let Some(path) = cursors.by_use.remove(&cursor.used) {
            cursors.by_use.insert(clock, path);
        }
        cursor.used = clock;
        cursor.offset
    }

    /// Makes sure that a cursor can be put at `path`. Asked before anything is done that moves it.
    pub(crate) fn make_room(&mut self, who: &Who, path: &VfsPath, limits: &VfsLimits) -> Result<(), OverLimit> {
        let cursors = self.of(who);
        if cursors.as_ref().is_some_and(|cursors| cursors.by_path.contains_key(path)) {
            return Ok(());
        }
        if let Some(cursors) = cursors
            && cursors.by_path.len() >= limits.process_cursors_max
        {
            let gone = cursors.forget_oldest(|stand| stand == Stand::Through);
            self.total -= gone;
            if gone == 0 {
                return Err(OverLimit::cursors());
            }
        }
        if self.total >= limits.cursors_max {
            self.make_room_for_all(who)?;
        }
        Ok(())
    }

    /// Lives that are over go first; then it falls on whoever has most.
    fn make_room_for_all(&mut self, who: &Who) -> Result<(), OverLimit> {
        let over: Vec<_> = self.by_process.values().filter(|cursors| cursors.who.is_over()).collect();
        let over: Vec<_> = over.into_iter().map(|cursors| cursors.who.process.clone()).collect();
        if !over.is_empty() {
            over.iter().for_each(|process| self.forget_process(process));
            return Ok(());
        }
        let Some(most) = self.by_process.values_mut().max_by_key(|cursors| cursors.by_path.len()) else {
            return Ok(());
        };
        let is_asking = most.who.process == who.process;
        let gone = most.forget_oldest(|stand| stand == Stand::Through || !is_asking);
        self.total -= gone;
        if gone == 0 { Err(OverLimit::cursors()) } else { Ok(()) }
    }

    /// Moves a cursor.
    pub(crate) fn set(&mut self, who: &Who, path: &VfsPath, offset: u64, stand: Stand) {
        self.forget(who, path);
        if offset == 0 {
            return;
        }
        self.clock += 1;
        let used = self.clock;
        let path = Arc::new(path.clone());
        let cursors = self.by_process.entry(who.process.clone()).or_insert_with(|| ProcessCursors {
            who: who.clone(),
            by_path: HashMap::new(),
            by_use: BTreeMap::new(),
        });
        cursors.by_use.insert(used, Arc::clone(&path));
        cursors.by_path.insert(path, Cursor { offset, stand, used });
        self.total += 1;
    }

    /// Puts a cursor back to the start.
    pub(crate) fn forget(&mut self, who: &Who, path: &VfsPath) {
        let Some(cursors) = self.of(who) else { return };
        let gone = cursors.forget(path);
        if cursors.by_path.is_empty() {
            self.by_process.remove(&who.process);
        }
        self.total -= gone;
    }

    /// The same for everything in a folder.
    pub(crate) fn forget_below(&mut self, who: &Who, folder: &VfsPath) {
        let Some(cursors) = self.of(who) else { return };
        let below: Vec<_> = cursors.by_path.keys().filter(|path| path.is_below(folder)).cloned().collect();
        below.iter().for_each(|path| self.forget(who, path));
    }

    fn forget_process(&mut self, process: &ProcessId) {
        if let Some(cursors) = self.by_process.remove(process) {
            self.total -= cursors.by_path.len();
        }
    }
}

impl OverLimit {
    fn cursors() -> Self {
        Self::new(Limit::ProcessCursors, Errno::MFILE)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

    use super::*;

    fn who(name: &str) -> Who {
        Who { process: ProcessId::new(name, "package", "sys").unwrap(), life: None }
    }

    fn path(number: usize) -> VfsPath {
        format!("/package:sys/drive/{number}").parse().unwrap()
    }

    /// As an action does: room first, then the cursor.
    fn put(cursors: &mut Cursors, name: &str, number: usize, stand: Stand, limits: &VfsLimits) -> bool {
        let has_room = cursors.make_room(&who(name), &path(number), limits).is_ok();
        if has_room {
            cursors.set(&who(name), &path(number), 1, stand);
        }
        let kept: usize = cursors.by_process.values().map(|cursors| cursors.by_path.len()).sum();
        let ordered: usize = cursors.by_process.values().map(|cursors| cursors.by_use.len()).sum();
        assert_eq!((kept, ordered), (cursors.total, cursors.total));
        assert!(kept <= limits.cursors_max);
        has_room
    }

    #[test]
    fn each_process_has_its_own() {
        let mut cursors = Cursors::default();
        cursors.set(&who("a"), &path(0), 7, Stand::Within);
        assert_eq!(cursors.get(&who("a"), &path(0)), 7);
        assert_eq!(cursors.get(&who("b"), &path(0)), 0);
        cursors.forget(&who("a"), &path(0));
        assert_eq!(cursors.get(&who("a"), &path(0)), 0);
        assert_eq!((cursors.total, cursors.by_process.len()), (0, 0));
    }

    #[test]
    fn of_files_that_are_done_with_the_least_recently_used_goes_first() {
        let limits = VfsLimits { process_cursors_max: 4, ..VfsLimits::default() };
        let mut cursors = Cursors::default();
        for number in 0..4 {
            assert!(put(&mut cursors, "a", number, Stand::Through, &limits));
        }
        // Used again, so no longer the one that goes.
        cursors.get(&who("a"), &path(0));
        assert!(put(&mut cursors, "a", 4, Stand::Through, &limits));
        assert_eq!([0, 1, 2, 3, 4].map(|number| cursors.get(&who("a"), &path(number))), [1, 0, 1, 1, 1]);
    }

    #[test]
    fn a_file_in_the_middle_of_which_a_process_is_keeps_its_cursor() {
        let limits = VfsLimits { process_cursors_max: 4, ..VfsLimits::default() };
        let mut cursors = Cursors::default();
        for number in 0..4 {
            let stand = if number == 2 { Stand::Through } else { Stand::Within };
            assert!(put(&mut cursors, "a", number, stand, &limits));
        }
        assert!(put(&mut cursors, "a", 4, Stand::Within, &limits));
        assert!(!put(&mut cursors, "a", 5, Stand::Within, &limits));
        assert!(put(&mut cursors, "a", 4, Stand::Within, &limits));
        assert_eq!([0, 1, 2, 3, 4].map(|number| cursors.get(&who("a"), &path(number))), [1, 1, 0, 1, 1]);
        cursors.forget(&who("a"), &path(0));
        assert!(put(&mut cursors, "a", 5, Stand::Within, &limits));
    }

    #[test]
    fn the_bound_of_all_falls_on_whoever_has_most() {
        let limits = VfsLimits { process_cursors_max: 6, cursors_max: 8, ..VfsLimits::default() };
        let mut cursors = Cursors::default();
        for number in 0..2 {
            assert!(put(&mut cursors, "modest", number, Stand::Within, &limits));
        }
        for number in 0..6 {
            assert!(put(&mut cursors, "greedy", number, Stand::Within, &limits));
        }
        assert!(!put(&mut cursors, "greedy", 6, Stand::Within, &limits));
        assert!(put(&mut cursors, "new", 0, Stand::Within, &limits));
        assert_eq!([0, 1].map(|number| cursors.get(&who("modest"), &path(number))), [1, 1]);
        assert_eq!([0, 1].map(|number| cursors.get(&who("greedy"), &path(number))), [0, 1]);
    }

    #[test]
    fn a_folder_that_goes_takes_its_cursors_with_it() {
        let mut cursors = Cursors::default();
        let inside: VfsPath = "/package:sys/drive/d/x/y".parse().unwrap();
        let beside: VfsPath = "/package:sys/drive/dx".parse().unwrap();
        for path in [&inside, &beside] {
            cursors.set(&who("a"), path, 1, Stand::Within);
        }
        cursors.forget_below(&who("a"), &"/package:sys/drive/d".parse().unwrap());
        assert_eq!([&inside, &beside].map(|path| cursors.get(&who("a"), path)), [0, 1]);
        assert_eq!(cursors.total, 1);
    }
}
