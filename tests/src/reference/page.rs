//! One page of Markdown.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::Page;
use super::shape::Shape;
use super::source::{Content, Field, Item, Kind, Presence, Tagging, Types, Variant};

/// The page of what several others use.
pub(super) const COMMON: &str = "types.md";

/// Longest line of JSON that is not broken.
const LINE_MAX: usize = 100;

/// What stands at the end of each page.
const MADE: &str = "\n---\nMade of the types in `crates/types` by `cargo run -p wharf-tests --bin reference`.\n";

/// The page of a module.
pub(super) fn of_module(types: &Types, page: &Page) -> String {
    let mut writer = Writer { types, here: page.file, text: format!("# {}\n\n", page.address) };
    writer.docs(types.file(page.file), "#");
    writer.text.push_str("\n## Requests\n\n");
    if let Some(request) = page.request {
        writer.item_beneath(types.get(request));
    }
    let actions = types.get(page.actions);
    let Kind::Enum { variants, .. } = &actions.kind else { panic!("{} is no enum", actions.name) };
    for variant in variants {
        writer.action(variant);
    }
    writer.text.push_str("\n## Answers\n\n");
    writer.item_beneath(types.get(page.answers));
    for name in page.also {
        writer.section(types.get(name), "##");
    }
    let mut shown: BTreeSet<String> =
        [page.actions, page.answers].into_iter().chain(page.request).map(str::to_owned).collect();
    shown.extend(page.also.iter().map(|name| (*name).to_owned()));
    let mut first = page.errors.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    first.extend(reachable(types, &shown).into_iter().filter(|name| types.get(name).file == page.file));
    let mut done = shown;
    let mut others = first.into_iter().filter(|name| done.insert(name.clone())).peekable();
    if others.peek().is_some() {
        writer.text.push_str("\n## Types\n");
    }
    others.for_each(|name| writer.section(types.get(&name), "###"));
    writer.text.push_str(MADE);
    writer.text
}

/// The page of the types that are in no module's file.
pub(super) fn of_common(types: &Types, pages: &[Page]) -> String {
    let mut names = BTreeSet::new();
    for page in pages {
        let mut from: BTreeSet<_> =
            [page.actions, page.answers].into_iter().chain(page.request).map(str::to_owned).collect();
        from.extend(page.errors.iter().chain(page.also).map(|name| (*name).to_owned()));
        names.extend(reachable(types, &from));
    }
    let is_common = |name: &&String| pages.iter().all(|page| page.file != types.get(name).file);
    let text = "# Types\n\nWhat the pages of the modules have in common.\n".to_owned();
    let mut writer = Writer { types, here: "", text };
    names.iter().filter(is_common).for_each(|name| writer.section(types.get(name), "##"));
    writer.text.push_str(MADE);
    writer.text
}

/// Every type that these are made of, themselves included.
fn reachable(types: &Types, from: &BTreeSet<String>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut next: Vec<String> = from.iter().cloned().collect();
    while let Some(name) = next.pop() {
        if found.insert(name.clone()) {
            let mut named = BTreeSet::new();
            parts(&types.get(&name).kind, &mut named);
            next.extend(named);
        }
    }
    found
}

fn parts(kind: &Kind, names: &mut BTreeSet<String>) {
    let of_fields = |fields: &[Field], names: &mut BTreeSet<String>| {
        fields.iter().for_each(|field| field.shape.named(names));
    };
    match kind {
        Kind::Struct(fields) => of_fields(fields, names),
        Kind::Alias(shape) => shape.named(names),
        Kind::Text => {}
        Kind::Enum { variants, .. } => variants.iter().for_each(|variant| match &variant.content {
            Content::Nothing => {}
            Content::Values(shapes) => shapes.iter().for_each(|shape| shape.named(names)),
            Content::Fields(fields) => of_fields(fields, names),
        }),
    }
}

struct Writer<'a> {
    types: &'a Types,
    /// The file whose types are on this page.
    here: &'a str,
    text: String,
}

impl Writer<'_> {
    /// A paragraph, with headings beneath this one.
    fn docs(&mut self, docs: &str, beneath: &str) {
        for line in plain(docs).lines() {
            let line = if line.starts_with('#') { format!("{beneath}{line}") } else { line.to_owned() };
            self.line(&line);
        }
    }

    fn line(&mut self, line: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{line}");
    }

    fn action(&mut self, variant: &Variant) {
        self.line(&format!("\n### {}\n", variant.name));
        self.docs(&variant.docs, "###");
        self.line(&format!("\n```text\n{}\n```", json(variant, Tagging::Name)));
        match &variant.content {
            Content::Nothing => {}
            Content::Fields(fields) => {
                self.line("");
                self.fields(fields, "");
            }
            Content::Values(shapes) => {
                let mut names = BTreeSet::new();
                shapes.iter().for_each(|shape| shape.named(&mut names));
                if !names.is_empty() {
                    let links: Vec<_> = names.iter().map(|name| self.link(name)).collect();
                    self.line(&format!("\nOf {}.", links.join(", ")));
                }
            }
        }
    }

    fn section(&mut self, item: &Item, level: &str) {
        self.line(&format!("\n{level} {}\n", item.name));
        self.item_beneath(item);
    }

    fn item_beneath(&mut self, item: &Item) {
        self.docs(&item.docs, "##");
        self.line("");
        match &item.kind {
            Kind::Text => self.line("It is text."),
            Kind::Alias(shape) => {
                self.line(&format!("```text\n{}\n```", shape.json()));
                let mut names = BTreeSet::new();
                shape.named(&mut names);
                let links: Vec<_> = names.iter().map(|name| self.link(name)).collect();
                self.line(&format!("\nOf {}.", links.join(", ")));
            }
            Kind::Struct(fields) => {
                self.line(&format!("```text\n{}\n```\n", object(fields, "")));
                self.fields(fields, "");
            }
            Kind::Enum { variants, tagging } => variants.iter().for_each(|variant| self.variant(variant, *tagging)),
        }
    }

    fn variant(&mut self, variant: &Variant, tagging: Tagging) {
        let shape = match &variant.content {
            Content::Fields(fields) => format!("{{\"{}\": {{{}}}}}", variant.name, inline(fields)),
            _ => json(variant, tagging),
        };
        let docs = plain(&variant.docs).split_whitespace().collect::<Vec<_>>().join(" ");
        self.line(&format!("* `{shape}`: {docs}"));
        match &variant.content {
            Content::Fields(fields) => self.fields(fields, "  "),
            Content::Values(shapes) => {
                let mut names = BTreeSet::new();
                shapes.iter().for_each(|shape| shape.named(&mut names));
                if !names.is_empty() {
                    let links: Vec<_> = names.iter().map(|name| self.link(name)).collect();
                    self.line(&format!("  ({})", links.join(", ")));
                }
            }
            Content::Nothing => {}
        }
    }

    fn fields(&mut self, fields: &[Field], indent: &str) {
        for field in fields {
            let shape = self.shape(&field.shape);
            let left_out = if field.presence == Presence::MayBeLeftOut { ", may be left out" } else { "" };
            let docs = plain(&field.docs).split_whitespace().collect::<Vec<_>>().join(" ");
            self.line(&format!("{indent}* `{}`, {shape}{left_out}: {docs}", field.name));
        }
    }

    /// A shape, with where the types in it are explained.
    fn shape(&self, shape: &Shape) -> String {
        if let Shape::Named(name) = shape {
            return self.link(name);
        }
        let mut names = BTreeSet::new();
        shape.named(&mut names);
        let mut text = format!("`{}`", shape.json());
        for name in &names {
            let _ = write!(text, " ({})", self.link(name));
        }
        text
    }

    /// To where a type is explained.
    fn link(&self, name: &str) -> String {
        let file = &self.types.get(name).file;
        let of_module = super::PAGES.iter().find(|page| page.file == file);
        let anchor = match of_module {
            Some(page) if page.actions == name => "requests".to_owned(),
            Some(page) if page.answers == name => "answers".to_owned(),
            _ => name.to_lowercase(),
        };
        match of_module {
            Some(page) if file != self.here => format!("[{name}]({}.md#{anchor})", page.name),
            None if !self.here.is_empty() => format!("[{name}]({COMMON}#{anchor})"),
            _ => format!("[{name}](#{anchor})"),
        }
    }
}

/// One of several, as JSON.
fn json(variant: &Variant, tagging: Tagging) -> String {
    let name = &variant.name;
    let content = match &variant.content {
        Content::Nothing => return format!("\"{name}\""),
        Content::Values(shapes) => match shapes.as_slice() {
            [one] => one.json(),
            several => format!("[{}]", several.iter().map(Shape::json).collect::<Vec<_>>().join(", ")),
        },
        Content::Fields(fields) => object(fields, &format!("{{\"{name}\": }}")),
    };
    if tagging == Tagging::Nothing { content } else { format!("{{\"{name}\": {content}}}") }
}

fn inline(fields: &[Field]) -> String {
    let fields: Vec<_> = fields.iter().map(|field| format!("\"{}\": {}", field.name, field.shape.json())).collect();
    fields.join(", ")
}

/// On one line if there is room beside `around`.
fn object(fields: &[Field], around: &str) -> String {
    let line = format!("{{{}}}", inline(fields));
    if line.len() + around.len() <= LINE_MAX {
        return line;
    }
    let fields: Vec<_> = fields.iter().map(|field| format!("  \"{}\": {}", field.name, field.shape.json())).collect();
    format!("{{\n{}\n}}", fields.join(",\n"))
}

/// Links of rustdoc as what they are about: [`KvAction::Open`] is `Open`.
fn plain(docs: &str) -> String {
    let mut text = String::new();
    let mut rest = docs;
    while let Some(start) = rest.find("[`") {
        let (before, link) = rest.split_at(start);
        text.push_str(before);
        match link.find("`]") {
            Some(end) if !link[end + 2..].starts_with('(') => {
                let name = link[2..end].rsplit("::").next().unwrap_or_default();
                let _ = write!(text, "`{name}`");
                rest = &link[end + 2..];
            }
            _ => {
                text.push_str("[`");
                rest = &link[2..];
            }
        }
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_rustdoc_become_what_they_are_about() {
        let docs = "see [`crate::events`] and [`KvAction::Open`], [here](x.md) or [`there`](y.md), [`";
        assert_eq!(plain(docs), "see `events` and `Open`, [here](x.md) or [`there`](y.md), [`");
    }
}
