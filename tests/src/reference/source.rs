//! The types as they are in the source.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use syn::{Attribute, Expr, ExprLit, Fields, Lit, Meta};

use super::shape::Shape;

/// Every public type, and what each file says of itself.
pub(super) struct Types {
    items: BTreeMap<String, Item>,
    files: BTreeMap<String, String>,
}

/// A type.
pub(super) struct Item {
    pub(super) name: String,
    /// The file that it is in, without `.rs`.
    pub(super) file: String,
    pub(super) docs: String,
    pub(super) kind: Kind,
}

/// What it is in JSON.
pub(super) enum Kind {
    /// An object.
    Struct(Vec<Field>),
    /// One of several.
    Enum { variants: Vec<Variant>, tagging: Tagging },
    /// Another name for something.
    Alias(Shape),
    /// It is written by code of its own, as text.
    Text,
}

/// How one tells which it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tagging {
    /// By its name.
    Name,
    /// By what it looks like.
    Nothing,
}

/// A field of an object.
pub(super) struct Field {
    pub(super) name: String,
    pub(super) docs: String,
    pub(super) shape: Shape,
    pub(super) presence: Presence,
}

/// Whether a field is always there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Always,
    /// Whoever sends it may leave it out.
    MayBeLeftOut,
}

/// One of several.
pub(super) struct Variant {
    pub(super) name: String,
    pub(super) docs: String,
    pub(super) content: Content,
}

/// What comes with it.
pub(super) enum Content {
    Nothing,
    Values(Vec<Shape>),
    Fields(Vec<Field>),
}

impl Types {
    /// Reads every file of a folder.
    pub(super) fn read(folder: &Path) -> Self {
        let mut types = Self { items: BTreeMap::new(), files: BTreeMap::new() };
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let file = syn::parse_file(&fs::read_to_string(&path).unwrap()).unwrap();
            types.files.insert(name.clone(), docs(&file.attrs));
            let items = file.items.into_iter().filter_map(|item| Item::of(item, &name));
            types.items.extend(items.map(|item| (item.name.clone(), item)));
        }
        types
    }

    /// A type by its name.
    pub(super) fn get(&self, name: &str) -> &Item {
        self.items.get(name).unwrap_or_else(|| panic!("there is no type {name}"))
    }

    /// What a file says of itself.
    pub(super) fn file(&self, name: &str) -> &str {
        &self.files[name]
    }
}

impl Item {
    fn of(item: syn::Item, file: &str) -> Option<Self> {
        let (name, docs, kind) = match item {
            syn::Item::Struct(item) => {
                let kind = match &item.fields {
                    Fields::Named(_) if is_derived(&item.attrs) => Kind::Struct(fields(&item.fields, &item.attrs)),
                    _ => Kind::Text,
                };
                (item.ident, docs(&item.attrs), kind)
            }
            // What is not written as JSON is the node's own.
            syn::Item::Enum(item) if is_derived(&item.attrs) => {
                let all = Serde::of(&item.attrs);
                let variants = item.variants.iter().map(|variant| Variant::of(variant, &all)).collect();
                let tagging = if all.untagged { Tagging::Nothing } else { Tagging::Name };
                (item.ident, docs(&item.attrs), Kind::Enum { variants, tagging })
            }
            syn::Item::Type(item) => (item.ident, docs(&item.attrs), Kind::Alias(Shape::of(&item.ty))),
            _ => return None,
        };
        Some(Self { name: name.to_string(), file: file.to_owned(), docs, kind })
    }
}

impl Variant {
    fn of(variant: &syn::Variant, all: &Serde) -> Self {
        let own = Serde::of(&variant.attrs);
        let name = variant.ident.to_string();
        let name = own.rename.unwrap_or_else(|| all.renamed(&name));
        let content = match &variant.fields {
            Fields::Unit => Content::Nothing,
            Fields::Unnamed(values) => Content::Values(values.unnamed.iter().map(|f| Shape::of(&f.ty)).collect()),
            Fields::Named(_) => Content::Fields(fields(&variant.fields, &[])),
        };
        Self { name, docs: docs(&variant.attrs), content }
    }
}

fn fields(fields: &Fields, of_all: &[Attribute]) -> Vec<Field> {
    let all = Serde::of(of_all);
    let field = |field: &syn::Field| {
        let own = Serde::of(&field.attrs);
        // Serde takes an option that is not there for none.
        let is_option = matches!(Shape::of(&field.ty), Shape::Option(_)) && !own.has_code;
        let may_be_left_out = own.default || all.default || is_option;
        Field {
            name: own.rename.unwrap_or_else(|| field.ident.as_ref().unwrap().to_string()),
            docs: docs(&field.attrs),
            shape: Shape::of(&field.ty),
            presence: if may_be_left_out { Presence::MayBeLeftOut } else { Presence::Always },
        }
    };
    fields.iter().map(field).collect()
}

/// What is said to serde, as far as the types use it.
#[derive(Default)]
struct Serde {
    rename: Option<String>,
    rename_all: Option<String>,
    default: bool,
    untagged: bool,
    has_code: bool,
}

impl Serde {
    fn of(attributes: &[Attribute]) -> Self {
        let mut serde = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
            let read = attribute.parse_nested_meta(|meta| {
                let name = meta.path.get_ident().unwrap().to_string();
                let value = meta.value().and_then(|value| value.parse::<syn::LitStr>()).map(|text| text.value()).ok();
                match name.as_str() {
                    "rename" => serde.rename = value,
                    "rename_all" => serde.rename_all = value,
                    "default" => serde.default = true,
                    "untagged" => serde.untagged = true,
                    "deserialize_with" => serde.has_code = true,
                    "skip_serializing_if" | "deny_unknown_fields" => {}
                    other => panic!("the reference does not know what serde makes of `{other}`"),
                }
                Ok(())
            });
            read.unwrap();
        }
        serde
    }

    fn renamed(&self, name: &str) -> String {
        let separated = |by: char| {
            let mut text = String::new();
            for letter in name.chars() {
                if letter.is_uppercase() && !text.is_empty() {
                    text.push(by);
                }
                text.extend(letter.to_lowercase());
            }
            text
        };
        match self.rename_all.as_deref() {
            None => name.to_owned(),
            Some("lowercase") => name.to_lowercase(),
            Some("snake_case") => separated('_'),
            Some("kebab-case") => separated('-'),
            Some(other) => panic!("the reference does not know `{other}`"),
        }
    }
}

/// Whether serde's own code writes it.
fn is_derived(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let mut found = false;
        if attribute.path().is_ident("derive") {
            let look = attribute.parse_nested_meta(|meta| {
                found |= meta.path.is_ident("Serialize");
                Ok(())
            });
            look.unwrap();
        }
        found
    })
}

/// The text of `///` and `//!`.
fn docs(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    });
    let lines: Vec<_> = lines.map(|line| line.strip_prefix(' ').unwrap_or(&line).to_owned()).collect();
    lines.join("\n")
}
