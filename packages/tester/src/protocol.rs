//! What `kit` and tests say, as JSON.

use std::panic::Location;

use serde::{Deserialize, Serialize};
use wharf_process_lib::println;

/// A request, to the tester and from it to each test.
#[derive(Debug, Deserialize)]
pub(crate) enum TesterRequest {
    /// Run these tests.
    Run(Run),
}

/// What is to be run.
#[derive(Debug, Deserialize)]
pub(crate) struct Run {
    /// The nodes that take part. The first runs the tests.
    pub(crate) input_node_names: Vec<String>,
    /// `<name>.wasm` in the drive `tests`.
    pub(crate) test_names: Vec<String>,
    /// Seconds that each may take.
    pub(crate) test_timeout: u64,
}

/// An answer, of a test and of the tester.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum TesterResponse {
    /// How it went.
    Run(Result<(), Failed>),
}

/// Which test failed, and where.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Failed {
    pub(crate) test: String,
    pub(crate) file: String,
    pub(crate) line: u32,
    pub(crate) column: u32,
}

impl Failed {
    /// A failure that the tester found. The reason has no room in the protocol: it is printed.
    #[track_caller]
    pub(crate) fn here(test: &str, reason: &dyn std::fmt::Display) -> Self {
        println!("{test}: {reason}");
        let here = Location::caller();
        Self { test: test.to_owned(), file: here.file().to_owned(), line: here.line(), column: here.column() }
    }
}

/// What a test asks for, in `capabilities.json`: whom it wants to message, and who may message it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asks {
    pub(crate) request_capabilities: Vec<String>,
    pub(crate) grant_capabilities: Vec<String>,
}
