//! What a package asks for, shown to its owner.

use wharf_package::Difference;
use wharf_types::ask::{Ask, Weight};

use crate::output::{Colour, Style};
use crate::text;

/// The lines about an upgrade.
pub(crate) fn difference(difference: &Difference, colour: Colour) -> Vec<String> {
    let mut out = Vec::new();
    let parts = [
        ("new", &difference.new),
        ("given again", &difference.given_again),
        ("no longer asked for", &difference.no_longer),
    ];
    for (title, list) in parts.into_iter().filter(|(_, list)| !list.is_empty()) {
        out.push(format!("{}:", colour.paint(Style::Bold, title)));
        out.extend(lines(list, colour).into_iter().map(|line| format!("  {line}")));
    }
    if out.is_empty() {
        out.push("it asks for nothing new".to_owned());
    }
    out.push(format!("unchanged: {}", difference.unchanged));
    out
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
            super::difference(&difference, Colour::Off),
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
        assert_eq!(super::difference(&same, Colour::Off), ["it asks for nothing new", "unchanged: 3"]);
    }
}
