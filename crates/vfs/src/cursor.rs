//! Where each process stands in the files it works with.
//!
//! A cursor is a number, not an open file: it belongs to one process and one path, and costs no descriptor. One that
//! is at the start is not kept, since that is where a file is opened. When a bound is reached, the cursor that was not
//! used for longest goes back to the start; a process can only push out others' by working with very many files.

use std::collections::HashMap;

use wharf_types::ProcessId;

use crate::limits::VfsLimits;
use crate::path::VfsPath;

#[derive(Debug)]
struct Cursor {
    offset: u64,
    used: u64,
}

#[derive(Debug, Default)]
struct ProcessCursors {
    by_path: HashMap<VfsPath, Cursor>,
    used: u64,
}

/// All cursors.
#[derive(Debug, Default)]
pub(crate) struct Cursors {
    by_process: HashMap<ProcessId, ProcessCursors>,
    total: usize,
    clock: u64,
}

impl Cursors {
    /// Where `process` stands in `path`.
    pub(crate) fn get(&mut self, process: &ProcessId, path: &VfsPath) -> u64 {
        self.clock += 1;
        let Some(cursors) = self.by_process.get_mut(process) else { return 0 };
        let Some(cursor) = cursors.by_path.get_mut(path) else { return 0 };
        cursors.used = self.clock;
        cursor.used = self.clock;
        cursor.offset
    }

    /// Moves a cursor.
    pub(crate) fn set(&mut self, process: &ProcessId, path: &VfsPath, offset: u64, limits: &VfsLimits) {
        self.forget(process, path);
        if offset == 0 {
            return;
        }
        while self.total >= limits.cursors_max && self.forget_oldest_process() {}
        self.clock += 1;
        let cursors = self.by_process.entry(process.clone()).or_default();
        cursors.used = self.clock;
        if cursors.by_path.len() >= limits.process_cursors_max {
            let oldest = cursors.by_path.iter().min_by_key(|(_, cursor)| cursor.used).map(|(path, _)| path.clone());
            if let Some(oldest) = oldest
                && cursors.by_path.remove(&oldest).is_some()
            {
                self.total -= 1;
            }
        }
        cursors.by_path.insert(path.clone(), Cursor { offset, used: self.clock });
        self.total += 1;
    }

    /// Puts a cursor back to the start.
    pub(crate) fn forget(&mut self, process: &ProcessId, path: &VfsPath) {
        let Some(cursors) = self.by_process.get_mut(process) else { return };
        if cursors.by_path.remove(path).is_some() {
            self.total -= 1;
        }
        if cursors.by_path.is_empty() {
            self.by_process.remove(process);
        }
    }

    fn forget_oldest_process(&mut self) -> bool {
        let oldest = self.by_process.iter().min_by_key(|(_, cursors)| cursors.used).map(|(process, _)| process.clone());
        let Some(cursors) = oldest.and_then(|process| self.by_process.remove(&process)) else { return false };
        self.total -= cursors.by_path.len();
        true
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

    use super::*;

    fn process(name: &str) -> ProcessId {
        ProcessId::new(name, "package", "sys").unwrap()
    }

    fn path(number: usize) -> VfsPath {
        format!("/package:sys/drive/{number}").parse().unwrap()
    }

    #[test]
    fn each_process_has_its_own() {
        let (mut cursors, limits) = (Cursors::default(), VfsLimits::default());
        cursors.set(&process("a"), &path(0), 7, &limits);
        assert_eq!(cursors.get(&process("a"), &path(0)), 7);
        assert_eq!(cursors.get(&process("b"), &path(0)), 0);
        cursors.forget(&process("a"), &path(0));
        assert_eq!(cursors.get(&process("a"), &path(0)), 0);
        assert_eq!((cursors.total, cursors.by_process.len()), (0, 0));
    }

    #[test]
    fn the_bounds_hold_and_the_least_used_goes_first() {
        let limits = VfsLimits { process_cursors_max: 4, cursors_max: 8, ..VfsLimits::default() };
        let mut cursors = Cursors::default();
        for number in 0..4 {
            cursors.set(&process("a"), &path(number), 1, &limits);
        }
        cursors.get(&process("a"), &path(0));
        cursors.set(&process("a"), &path(4), 1, &limits);
        assert_eq!([0, 1, 4].map(|number| cursors.get(&process("a"), &path(number))), [1, 0, 1]);
        for name in ["b", "c", "d", "e"] {
            for number in 0..6 {
                cursors.set(&process(name), &path(number), 1, &limits);
            }
        }
        let kept: usize = cursors.by_process.values().map(|cursors| cursors.by_path.len()).sum();
        assert_eq!(kept, cursors.total);
        assert!(kept <= 8);
        assert_eq!(cursors.get(&process("a"), &path(0)), 0);
    }
}
