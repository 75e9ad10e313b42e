//! What kind of WebAssembly a file is, from its first eight bytes.

use std::fmt;

/// What a file turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WasmKind {
    /// A component: what a process is made of.
    Component,
    /// A core module: what compilers make; it still has to become a component.
    CoreModule,
    /// WebAssembly in a version or layer that is not known.
    Unknown,
    /// Something else.
    NotWasm,
}

impl WasmKind {
    /// Looks at the header only; the rest may still be invalid.
    pub fn of(bytes: &[u8]) -> Self {
        match bytes {
            [b'\0', b'a', b's', b'm', 0x0d, 0, 1, 0, ..] => Self::Component,
            [b'\0', b'a', b's', b'm', 1, 0, 0, 0, ..] => Self::CoreModule,
            [b'\0', b'a', b's', b'm', ..] => Self::Unknown,
            _ => Self::NotWasm,
        }
    }

    /// What to do about it, as the end of a sentence.
    pub(crate) fn hint(self) -> &'static str {
        match self {
            Self::CoreModule => ": build the package with `wharf build`, which turns modules into components",
            Self::Component | Self::Unknown | Self::NotWasm => "",
        }
    }
}

impl fmt::Display for WasmKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Component => "a WebAssembly component",
            Self::CoreModule => "a core WebAssembly module",
            Self::Unknown => "WebAssembly of an unknown version",
            Self::NotWasm => "not WebAssembly",
        })
    }
}
