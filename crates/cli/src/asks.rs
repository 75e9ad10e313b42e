//! What a package asks for: compared with what it got before, and shown.

use serde::Serialize;
use wharf_types::ask::{Ask, Weight};

use crate::output::{Colour, Style};
use crate::text;

/// What changes for the owner when a package is installed.
#[derive(Debug, Serialize)]
pub(crate) struct Difference {
    /// What was not asked for before; everything, of a package that was not there.
    pub(crate) new: Vec<Ask>,
    /// What it was given, lost since, and would be given again.
    pub(crate) given_again: Vec<Ask>,
    /// What is not asked for any more.
    pub(crate) no_longer: Vec<Ask>,
    /// How much stays as it is.
    pub(crate) unchanged: usize,
}

impl Difference {
    /// From what was `granted` to what is asked for. `is_lost` says whether the owner took something back.
    pub(crate) fn new(granted: &[Ask], asked: &[Ask], is_lost: impl Fn(&Ask) -> bool) -> Self {
        let has = |list: &[Ask], ask: &Ask| list.iter().any(|other| other.is_same_as(ask));
        let (kept, new): (Vec<_>, Vec<_>) = asked.iter().cloned().partition(|ask| has(granted, ask));
        let (given_again, unchanged): (Vec<_>, Vec<_>) = kept.into_iter().partition(is_lost);
        let no_longer = granted.iter().filter(|ask| !has(asked, ask)).cloned().collect();
        Self { new, given_again, no_longer, unchanged: unchanged.len() }
    }

    /// Whether the package would be able to do what it cannot now.
    pub(crate) fn adds(&self) -> bool {
        !self.new.is_empty() || !self.given_again.is_empty()
    }

    /// The lines about an upgrade.
    pub(crate) fn lines(&self, colour: Colour) -> Vec<String> {
        let mut out = Vec::new();
        let parts = [("new", &self.new), ("given again", &self.given_again), ("no longer asked for", &self.no_longer)];
        for (title, list) in parts.into_iter().filter(|(_, list)| !list.is_empty()) {
            out.push(format!("{}:", colour.paint(Style::Bold, title)));
            out.extend(lines(list, colour).into_iter().map(|line| format!("  {line}")));
        }
        if out.is_empty() {
            out.push("it asks for nothing new".to_owned());
        }
        out.push(format!("unchanged: {}", self.unchanged));
        out
    }
}

/// Grouped by process: its name, and a line for each thing.
pub(crate) fn lines(asks: &[Ask], colour: Colour) -> Vec<String> {
    if asks.is_empty() {
        return vec!["it asks for nothing".to_owned()];
    }
    let mut out = Vec::new();
    for group in asks.chunk_by(|a, b| a.process == b.process) {
        out.extend(group.first().map(|ask| text::clean_line(&ask.process)));
        for ask in group {
            let (mark, style) = match ask.weight {
                Weight::Danger => ("!", Style::Red),
                Weight::Care => ("*", Style::Yellow),
                Weight::Usual => (" ", Style::Plain),
            };
            out.push(format!("  {}", colour.paint(style, &format!("{mark} {}", text::clean_line(&ask.text)))));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use wharf_types::ProcessId;
    use wharf_types::ask::AskedFor;

    use super::*;

    fn ask(process: &str, to: &'static str, weight: Weight) -> Ask {
        let what = AskedFor::Message { to: ProcessId::system(to) };
        Ask { process: process.to_owned(), what, weight, text: format!("may ask {to}") }
    }

    #[test]
    fn an_upgrade_is_told_by_what_changes() {
        let granted = [ask("a", "vfs", Weight::Usual), ask("a", "kv", Weight::Usual), ask("a", "net", Weight::Care)];
        let mut reworded = granted[0].clone();
        reworded.text = "in other words".to_owned();
        let asked = [reworded, ask("a", "kernel", Weight::Danger), ask("a", "kv", Weight::Usual)];
        let is_lost = |ask: &Ask| ask.text.contains("kv");
        let difference = Difference::new(&granted, &asked, is_lost);
        assert!(difference.adds());
        assert_eq!(
            difference.lines(Colour::Off),
            [
                "new:",
                "  a",
                "    ! may ask kernel",
                "given again:",
                "  a",
                "      may ask kv",
                "no longer asked for:",
                "  a",
                "    * may ask net",
                "unchanged: 1",
            ]
        );
        let same = Difference::new(&granted, &granted, |_| false);
        assert!(!same.adds());
        assert_eq!(same.lines(Colour::Off), ["it asks for nothing new", "unchanged: 3"]);
    }
}
