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
