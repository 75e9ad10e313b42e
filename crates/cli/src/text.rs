//! Making foreign text safe and readable on a terminal.

use std::fmt::Write as _;

/// Characters that change the direction of the text around them, and so can make it read as something else.
fn reorders(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `text` on one line, with everything that could steer a terminal made visible.
pub(crate) fn clean_line(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => clean.push_str("    "),
            '\n' => clean.push_str("\\n"),
            '\r' => clean.push_str("\\r"),
            c if c.is_control() || reorders(c) => {
                // Writing to a string cannot fail.
                let _ = write!(clean, "{}", c.escape_unicode());
            }
            c => clean.push(c),
        }
    }
    clean
}

/// `text` with its line breaks kept and every further line behind `indent`, so that no part of it can pass for a line
/// of ours.
pub(crate) fn clean_block(text: &str, indent: &str) -> String {
    let lines: Vec<String> = text.trim_end().split('\n').map(|line| clean_line(line.trim_end_matches('\r'))).collect();
    lines.join(&format!("\n{indent}"))
}

/// JSON in which everything that could steer a terminal is escaped. It stays the same JSON: such characters stand in its
/// strings only.
pub(crate) fn clean_json(json: &str) -> String {
    let mut clean = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && (c.is_control() || reorders(c)) {
            // None of them is beyond four digits, and writing to a string cannot fail.
            let _ = write!(clean, "\\u{:04x}", u32::from(c));
        } else {
            clean.push(c);
        }
    }
    clean
}

/// Text that comes in pieces, which may begin and end within a character.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    begun: Vec<u8>,
}

impl Pieces {
    /// The next piece, made safe, with its line breaks. `None`: it is not text.
    pub(crate) fn clean(&mut self, piece: &[u8]) -> Option<String> {
        let mut bytes = std::mem::take(&mut self.begun);
        bytes.extend_from_slice(piece);
        let whole = match std::str::from_utf8(&bytes) {
            Ok(text) => text.len(),
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => return None,
        };
        self.begun = bytes.split_off(whole);
        let text = String::from_utf8(bytes).ok()?;
        let lines: Vec<String> = text.split('\n').map(|line| clean_line(line.trim_end_matches('\r'))).collect();
        Some(lines.join("\n"))
    }

    /// Whether nothing is missing at the end.
    pub(crate) fn is_whole(&self) -> bool {
        self.begun.is_empty()
    }
}

/// A number of bytes for people.
pub(crate) fn bytes(count: usize) -> String {
    const KIB: usize = 1024;
    const MIB: usize = 1024 * KIB;
    // One digit after the point, cut off: integers keep it exact and simple.
    let tenths = |unit: usize| format!("{}.{}", count / unit, count % unit * 10 / unit);
    match count {
        1 => "1 byte".to_owned(),
        0..KIB => format!("{count} bytes"),
        KIB..MIB => format!("{} KiB", tenths(KIB)),
        _ => format!("{} MiB", tenths(MIB)),
    }
}

/// A span of milliseconds for people, in its two largest units.
pub(crate) fn duration(ms: u64) -> String {
    let (seconds, minutes, hours, days) = (ms / 1000, ms / 60_000, ms / 3_600_000, ms / 86_400_000);
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{seconds} s"),
        60_000..3_600_000 => format!("{minutes} min {} s", seconds % 60),
        3_600_000..86_400_000 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_steer_the_terminal() {
        assert_eq!(clean_line("a\u{1b}[31mred\u{7}\u{9b}b"), "a\\u{1b}[31mred\\u{7}\\u{9b}b");
        assert_eq!(clean_line("user\u{202e}gpj.exe"), "user\\u{202e}gpj.exe");
        assert_eq!(clean_line("two\nlines\r"), "two\\nlines\\r");
        assert_eq!(clean_line("größe 漢字"), "größe 漢字");
    }

    #[test]
    fn further_lines_of_a_block_are_indented() {
        assert_eq!(clean_block("panic\r\n  at a.rs\n", "    "), "panic\n      at a.rs");
    }

    #[test]
    fn json_cannot_steer_the_terminal_and_stays_what_it_is() {
        let value = serde_json::json!({ "a": "\u{7f}\u{9b}31m\u{202e}größe\u{1b}\n" });
        let clean = clean_json(&format!("{value:#}"));
        assert_eq!(clean, "{\n  \"a\": \"\\u007f\\u009b31m\\u202egröße\\u001b\\n\"\n}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&clean).ok(), Some(value));
    }

    #[test]
    fn text_in_pieces_is_made_safe_and_bytes_are_not_text() {
        let text = "größe\u{1b}[2J\r\n漢字\n".as_bytes();
        for at in 0..=text.len() {
            let (mut pieces, (first, rest)) = (Pieces::default(), text.split_at(at));
            let shown = pieces.clean(first).zip(pieces.clean(rest)).map(|(first, rest)| first + &rest);
            // A line break that is cut shows nothing of itself.
            assert_eq!(shown.as_deref(), Some("größe\\u{1b}[2J\n漢字\n"), "{at}");
            assert!(pieces.is_whole());
        }
        assert_eq!(Pieces::default().clean(b"a\xffb"), None);
        let mut cut = Pieces::default();
        assert_eq!(cut.clean("a\u{e9}".as_bytes().split_last().map_or(b"", |(_, first)| first)).as_deref(), Some("a"));
        assert!(!cut.is_whole());
    }

    #[test]
    fn sizes_and_times_read_naturally() {
        let sizes = [(0, "0 bytes"), (1, "1 byte"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (3 << 20, "3.0 MiB")];
        for (count, expected) in sizes {
            assert_eq!(bytes(count), expected);
        }
        let times = [(999, "999 ms"), (61_000, "1 min 1 s"), (3_660_000, "1 h 1 min"), (90_000_000, "1 d 1 h")];
        for (ms, expected) in times {
            assert_eq!(duration(ms), expected);
        }
    }
}
