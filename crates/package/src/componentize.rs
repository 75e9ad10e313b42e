//! Turning a core module for `wasm32-wasip1` into a component.
//!
//! Compilers make core modules whose interface is written in a custom section (by `wit-bindgen`), and which import
//! WASI preview 1. The encoder lifts the interface, and an adapter speaks preview 2 to the host. The adapter is the
//! one for reactors: a process has an `init`, not a `main`.

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wit_component::ComponentEncoder;

use crate::wasm::WasmKind;

/// Why a module cannot become a component.
#[derive(Debug, thiserror::Error)]
pub enum ComponentizeError {
    /// The input is something else.
    #[error("a core WebAssembly module is needed, and this is {0}")]
    NotAModule(WasmKind),
    /// The module cannot be parsed.
    #[error("the module cannot be read: {0}")]
    Invalid(String),
    /// The module says nothing about its interface.
    #[error("the module has no interface: a process is a library (crate-type `cdylib`) that uses `wit-bindgen`")]
    NoInterface,
    /// The module and its interface do not fit together.
    #[error("the module cannot be made a component: {0}")]
    Encode(String),
}

/// Turns a core module into a component, and validates the result.
pub fn componentize(core_module: &[u8]) -> Result<Vec<u8>, ComponentizeError> {
    match WasmKind::of(core_module) {
        WasmKind::CoreModule => {}
        other => return Err(ComponentizeError::NotAModule(other)),
    }
    // Without the section the encoder succeeds, with a component that has no exports: better said here than by a node.
    let (interface, _) = wit_component::metadata::decode(core_module)
        .map_err(|error| ComponentizeError::Invalid(format!("{error:#}")))?;
    if interface.is_none() {
        return Err(ComponentizeError::NoInterface);
    }
    let encode = || {
        ComponentEncoder::default()
            .module(core_module)?
            .adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER)?
            .validate(true)
            .encode()
    };
    encode().map_err(|error| ComponentizeError::Encode(format!("{error:#}")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_core_module_is_refused_by_name() {
        let component = wat::parse_str("(component)").unwrap();
        let error = componentize(&component).unwrap_err();
        assert_eq!(error.to_string(), "a core WebAssembly module is needed, and this is a WebAssembly component");
        assert!(matches!(componentize(b"text"), Err(ComponentizeError::NotAModule(WasmKind::NotWasm))));
    }

    #[test]
    fn a_module_without_an_interface_does_not_become_an_empty_component() {
        let module = wat::parse_str("(module (func (export \"init\")))").unwrap();
        assert!(matches!(componentize(&module), Err(ComponentizeError::NoInterface)));
        assert!(matches!(componentize(b"\0asm\x01\0\0\0\xff\xff"), Err(ComponentizeError::Invalid(_))));
    }
}
