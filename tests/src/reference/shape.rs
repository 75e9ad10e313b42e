//! What a Rust type is in JSON.

use std::collections::BTreeSet;

use syn::{Expr, ExprLit, GenericArgument, Lit, PathArguments, Type};

/// See the module.
pub(super) enum Shape {
    /// One that has a name of its own in JSON, too: `text`, `bool`, `u64`, `null`, `any JSON`.
    Plain(&'static str),
    /// `[byte, …]`, of this number if it is a fixed one.
    Bytes(Option<String>),
    List(Box<Shape>),
    Map(Box<Shape>, Box<Shape>),
    Option(Box<Shape>),
    Tuple(Vec<Shape>),
    Result(Box<Shape>, Box<Shape>),
    /// A type that is explained elsewhere.
    Named(String),
}

impl Shape {
    pub(super) fn of(ty: &Type) -> Self {
        match ty {
            Type::Array(array) => match &array.len {
                Expr::Lit(ExprLit { lit: Lit::Int(count), .. }) => Self::Bytes(Some(count.to_string())),
                _ => panic!("an array of no plain length"),
            },
            Type::Tuple(tuple) if tuple.elems.is_empty() => Self::Plain("null"),
            Type::Tuple(tuple) => Self::Tuple(tuple.elems.iter().map(Self::of).collect()),
            Type::Path(path) => Self::of_path(path.path.segments.last().unwrap()),
            _ => panic!("a type that the reference does not know"),
        }
    }

    fn of_path(segment: &syn::PathSegment) -> Self {
        let inner: Vec<Self> = match &segment.arguments {
            PathArguments::AngleBracketed(inner) => inner
                .args
                .iter()
                .filter_map(|argument| if let GenericArgument::Type(ty) = argument { Some(Self::of(ty)) } else { None })
                .collect(),
            _ => Vec::new(),
        };
        let mut inner = inner.into_iter().map(Box::new);
        let mut next = || inner.next().unwrap();
        match segment.ident.to_string().as_str() {
            "String" => Self::Plain("text"),
            "bool" => Self::Plain("bool"),
            "u8" => Self::Plain("byte"),
            "u16" => Self::Plain("u16"),
            "u32" | "NonZeroU32" => Self::Plain("u32"),
            "u64" | "usize" => Self::Plain("u64"),
            "i32" => Self::Plain("i32"),
            "i64" => Self::Plain("i64"),
            "f64" => Self::Plain("number"),
            "Value" => Self::Plain("any JSON"),
            "Box" => *next(),
            "Option" => Self::Option(next()),
            "Vec" => match *next() {
                Self::Plain("byte") => Self::Bytes(None),
                other => Self::List(Box::new(other)),
            },
            "BTreeMap" => Self::Map(next(), next()),
            "Result" => Self::Result(next(), next()),
            name => Self::Named(name.to_owned()),
        }
    }

    /// As JSON, with names of types in place of values.
    pub(super) fn json(&self) -> String {
        match self {
            Self::Plain(name) => (*name).to_owned(),
            Self::Bytes(None) => "[byte, …]".to_owned(),
            Self::Bytes(Some(count)) => format!("[{count} bytes]"),
            Self::List(of) => format!("[{}, …]", of.json()),
            Self::Map(key, value) => format!("{{{}: {}, …}}", key.json(), value.json()),
            Self::Option(of) => format!("{} | null", of.json()),
            Self::Tuple(of) => format!("[{}]", of.iter().map(Self::json).collect::<Vec<_>>().join(", ")),
            Self::Result(ok, error) => format!("{{\"Ok\": {}}} | {{\"Err\": {}}}", ok.json(), error.json()),
            Self::Named(name) => name.clone(),
        }
    }

    /// The types that are named in it.
    pub(super) fn named(&self, names: &mut BTreeSet<String>) {
        match self {
            Self::Plain(_) | Self::Bytes(_) => {}
            Self::List(of) | Self::Option(of) => of.named(names),
            Self::Map(one, other) | Self::Result(one, other) => {
                one.named(names);
                other.named(names);
            }
            Self::Tuple(of) => of.iter().for_each(|shape| shape.named(names)),
            Self::Named(name) => {
                names.insert(name.clone());
            }
        }
    }
}
