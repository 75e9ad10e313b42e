//! What was said, room by room, within bounds: all of it is saved with each line, and is some megabytes at most.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

/// Lines that a room remembers.
const LINES_MAX: usize = 100;
/// Rooms that are remembered; the one in which nothing was said for longest is forgotten.
const ROOMS_MAX: usize = 20;
/// Characters of the name of a person or a room.
const NAME_CHARS_MAX: usize = 40;
/// Characters of a line.
const TEXT_CHARS_MAX: usize = 1_000;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Line {
    /// Counts all lines of all rooms, so that a later one has a higher number.
    pub(crate) number: u64,
    /// Who said it, as they call themselves.
    pub(crate) name: String,
    /// What.
    pub(crate) text: String,
}

/// All that is remembered.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Talk {
    rooms: BTreeMap<String, VecDeque<Line>>,
    said: u64,
}

impl Talk {
    /// Adds a line. What is too long is cut; `None` when nothing is left to say.
    pub(crate) fn say(&mut self, room: &str, name: &str, text: &str) -> Option<Line> {
        let (room, name, text) = (cut(room, NAME_CHARS_MAX), cut(name, NAME_CHARS_MAX), cut(text, TEXT_CHARS_MAX));
        if room.is_empty() || text.is_empty() {
            return None;
        }
        self.said = self.said.saturating_add(1);
        let name = if name.is_empty() { "somebody".to_owned() } else { name };
        let line = Line { number: self.said, name, text };
        let lines = self.rooms.entry(room).or_default();
        lines.push_back(line.clone());
        if lines.len() > LINES_MAX {
            lines.pop_front();
        }
        if self.rooms.len() > ROOMS_MAX {
            let last = |lines: &VecDeque<Line>| lines.back().map_or(0, |line| line.number);
            let quietest = self.rooms.iter().min_by_key(|(_, lines)| last(lines)).map(|(room, _)| room.clone());
            quietest.and_then(|room| self.rooms.remove(&room));
        }
        Some(line)
    }

    /// What was said in a room, the oldest first.
    pub(crate) fn lines(&self, room: &str) -> Vec<Line> {
        self.rooms.get(&name_of(room)).into_iter().flatten().cloned().collect()
    }
}

/// The name that a room goes by.
pub(crate) fn name_of(room: &str) -> String {
    cut(room, NAME_CHARS_MAX)
}

fn cut(text: &str, chars_max: usize) -> String {
    text.trim().chars().take(chars_max).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_bounded_and_in_order() {
        let mut talk = Talk::default();
        for n in 0..LINES_MAX + 5 {
            talk.say("hall", "ann", &n.to_string()).unwrap();
        }
        let lines = talk.lines("hall");
        assert_eq!((lines.len(), lines[0].text.as_str()), (LINES_MAX, "5"));
        for n in 0..ROOMS_MAX {
            talk.say(&format!("room {n}"), "", &"x".repeat(TEXT_CHARS_MAX + 1)).unwrap();
        }
        assert!(talk.lines("hall").is_empty(), "the quietest room is forgotten");
        let line = talk.lines(" room 0 ").pop().unwrap();
        assert_eq!((line.name.as_str(), line.text.len()), ("somebody", TEXT_CHARS_MAX));
        assert_eq!(talk.say("hall", "ann", " \n "), None);
        assert_eq!(talk.say("", "ann", "x"), None);
    }

    #[test]
    fn all_of_it_can_be_saved() {
        let mut talk = Talk::default();
        for n in 0..(ROOMS_MAX + 1) * LINES_MAX {
            // What JSON makes longest.
            talk.say(&format!("room {}", n / LINES_MAX), "ann", &"x\u{1}".repeat(TEXT_CHARS_MAX / 2)).unwrap();
        }
        let bytes = serde_json::to_vec(&talk).unwrap().len();
        assert!(bytes < 16 << 20, "{bytes}");
    }
}
