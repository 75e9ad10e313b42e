//! What some bytes are, and why they cannot be run here, in words that name what was found and what is needed.

use wasmparser::{Encoding, Parser, Payload};
use wharf_bindings::{INIT, INTERFACE, INTERFACE_PACKAGE, INTERFACE_VERSION};

/// The interface of a component that handles HTTP, without its version.
const HTTP_HANDLER: &str = "wasi:http/incoming-handler";

/// How a component is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// It exports `init`, which is called once for a life.
    Init,
    /// It exports the handler of `wasi:http` 0.2, which is called for each request.
    HttpHandler,
}

/// Why bytes are not a process.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAProcess {
    /// Not WebAssembly at all, or cut short.
    #[error("the bytes are not WebAssembly ({0}); a component is needed")]
    NotWasm(String),
    /// WebAssembly, but a core module.
    #[error(
        "this is a core WebAssembly module; a component is needed: build it with `wharf-pack`, or `wasm-tools component new`"
    )]
    CoreModule,
    /// A component for another version of the interface.
    #[error("the component was built for {found}; this node runs {INTERFACE_PACKAGE}@{INTERFACE_VERSION}")]
    OtherInterface {
        /// What it imports.
        found: String,
    },
    /// A component that is not a process.
    #[error(
        "the component exports neither the function `{INIT}` nor `{HTTP_HANDLER}@0.2`; it exports {found}. A process \
         exports `{INIT}: func(our: string)`, or the handler of WASI HTTP 0.2"
    )]
    NoEntry {
        /// What it exports.
        found: String,
    },
}

/// Checks that bytes are a component which imports this node's version of the interface, if any, and exports `init` or the
/// handler of HTTP. One that has both is a process. Whether its other imports exist is found when it is linked.
pub fn check(bytes: &[u8]) -> Result<Entry, NotAProcess> {
    let mut depth = 0_u32;
    let mut exports = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(|error| NotAProcess::NotWasm(error.message().to_owned()))?;
        match payload {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => return Err(NotAProcess::CoreModule),
            // Nested modules and components begin and end inside the outermost one.
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    let import = import.map_err(|error| NotAProcess::NotWasm(error.message().to_owned()))?;
                    check_import(import.name.name)?;
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    let export = export.map_err(|error| NotAProcess::NotWasm(error.message().to_owned()))?;
                    exports.push(export.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    if exports.iter().any(|name| name == INIT) {
        return Ok(Entry::Init);
    }
    if exports.iter().any(|name| is_http_handler(name)) {
        return Ok(Entry::HttpHandler);
    }
    let found = if exports.is_empty() {
        "nothing".to_owned()
    } else {
        exports.iter().take(8).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    };
    Err(NotAProcess::NoEntry { found })
}

/// Minor versions differ in what they add, which linking finds.
fn is_http_handler(name: &str) -> bool {
    let version = name.strip_prefix(HTTP_HANDLER).and_then(|rest| rest.strip_prefix("@0.2."));
    version.is_some_and(|patch| !patch.is_empty() && patch.bytes().all(|b| b.is_ascii_digit()))
}

fn check_import(name: &str) -> Result<(), NotAProcess> {
    let package = name.split(['/', '@']).next().unwrap_or_default();
    let other_package = package != INTERFACE_PACKAGE && package.ends_with(":process") && name.contains("/standard");
    let other_version = package == INTERFACE_PACKAGE && name.contains("/standard") && name != INTERFACE;
    if other_package || other_version {
        let version = name.split_once('@').map_or("an unversioned interface", |(_, version)| version);
        return Err(NotAProcess::OtherInterface { found: format!("{package}@{version}") });
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    fn check_text(text: &str) -> Result<Entry, NotAProcess> {
        check(&wat::parse_str(text).unwrap())
    }

    #[test]
    fn a_core_module_is_named_as_one() {
        assert_eq!(check_text("(module)"), Err(NotAProcess::CoreModule));
    }

    #[test]
    fn bytes_that_are_no_wasm_are_refused() {
        for bytes in [&b""[..], b"hello", b"\0asm", b"\0asm\x0d\0\x01\0\xff\xff"] {
            assert!(matches!(check(bytes), Err(NotAProcess::NotWasm(_) | NotAProcess::NoEntry { .. })), "{bytes:?}");
        }
    }

    #[test]
    fn another_version_of_the_interface_is_named() {
        let error = check_text(r#"(component (import "kinode:process/standard@0.8.0" (instance)))"#).unwrap_err();
        assert!(error.to_string().contains("kinode:process@0.8.0"), "{error}");
        let error = check_text(r#"(component (import "hyperware:process/standard@1.0.0" (instance)))"#).unwrap_err();
        assert!(error.to_string().contains("hyperware:process@1.0.0"), "{error}");
    }

    #[test]
    fn a_component_without_init_is_told_what_it_lacks() {
        let error = check_text("(component)").unwrap_err();
        assert!(error.to_string().contains("exports nothing"), "{error}");
        assert!(error.to_string().contains("`init`") && error.to_string().contains("wasi:http/"), "{error}");
    }

    #[test]
    fn a_handler_of_http_is_told_by_its_export_and_version() {
        let exporting = |name: &str| {
            check_text(&format!(r#"(component (instance $handler) (export "{name}" (instance $handler)))"#))
        };
        for version in ["0.2.0", "0.2.3", "0.2.12"] {
            assert_eq!(exporting(&format!("wasi:http/incoming-handler@{version}")), Ok(Entry::HttpHandler));
        }
        for name in ["wasi:http/incoming-handler@0.3.0", "wasi:http/incoming-handler", "wasi:http/handler@0.2.0"] {
            assert!(matches!(exporting(name), Err(NotAProcess::NoEntry { .. })), "{name}");
        }
    }

    #[test]
    fn modules_inside_a_component_are_not_mistaken_for_the_component() {
        let nested = r#"(component (core module) (component (import "kinode:process/standard@0.1.0" (instance))))"#;
        assert!(matches!(check_text(nested), Err(NotAProcess::NoEntry { .. })));
    }
}
