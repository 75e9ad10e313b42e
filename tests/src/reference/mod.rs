//! `docs/reference`: what each of the node's modules is asked and answers, made of the types in `crates/types` and of what is
//! written above them, so that it cannot say anything else than the code.
//!
//! `cargo run -p wharf-tests --bin reference` writes the pages, and a test compares them. What the types do not say of an
//! action is in its documentation, in a list: `* Blob: …`, `* Takes: …`, `* Answers: …`, `* Refuses: …`. [`unexplained`] names
//! the actions where that is missing.

mod page;
mod shape;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

use source::{Kind, Types};

/// What a page is made of: names of types.
struct Page {
    /// The module, and the page.
    name: &'static str,
    /// Whom one asks.
    address: &'static str,
    /// The file in `crates/types/src`.
    file: &'static str,
    /// What is asked, if the action is a part of it.
    request: Option<&'static str>,
    /// The actions.
    actions: &'static str,
    /// What is answered.
    answers: &'static str,
    /// Why not.
    errors: Option<&'static str>,
    /// What the module sends by itself, and what is sent to it besides.
    also: &'static [&'static str],
}

const PAGES: [Page; 10] = [
    Page {
        name: "vfs",
        address: "vfs:distro:sys",
        file: "vfs",
        request: Some("VfsRequest"),
        actions: "VfsAction",
        answers: "VfsResponse",
        errors: Some("VfsError"),
        also: &[],
    },
    Page {
        name: "kv",
        address: "kv:distro:sys",
        file: "kv",
        request: Some("KvRequest"),
        actions: "KvAction",
        answers: "KvResponse",
        errors: Some("KvError"),
        also: &[],
    },
    Page {
        name: "sqlite",
        address: "sqlite:distro:sys",
        file: "sqlite",
        request: Some("SqliteRequest"),
        actions: "SqliteAction",
        answers: "SqliteResponse",
        errors: Some("SqliteError"),
        also: &[],
    },
    Page {
        name: "timer",
        address: "timer:distro:sys",
        file: "timer",
        request: None,
        actions: "TimerAction",
        answers: "TimerResponse",
        errors: Some("TimerError"),
        also: &["TimerNotice"],
    },
    Page {
        name: "state",
        address: "state:distro:sys",
        file: "state",
        request: None,
        actions: "StateAction",
        answers: "StateResponse",
        errors: Some("StateError"),
        also: &[],
    },
    Page {
        name: "http-server",
        address: "http-server:distro:sys",
        file: "http_server",
        request: None,
        actions: "HttpServerAction",
        answers: "HttpServerReply",
        errors: Some("HttpServerError"),
        also: &["HttpServerRequest", "HttpResponse"],
    },
    Page {
        name: "http-client",
        address: "http-client:distro:sys",
        file: "http_client",
        request: None,
        actions: "HttpClientAction",
        answers: "HttpClientReply",
        errors: Some("HttpClientError"),
        also: &["HttpClientRequest", "HostParams"],
    },
    Page {
        name: "kernel",
        address: "kernel:distro:sys",
        file: "kernel",
        request: None,
        actions: "KernelCommand",
        answers: "KernelResponse",
        errors: None,
        also: &[],
    },
    Page {
        name: "app-store",
        address: "main:app-store:sys",
        file: "app_store",
        request: None,
        actions: "AppStoreRequest",
        answers: "AppStoreResponse",
        errors: None,
        also: &[],
    },
    Page {
        name: "terminal",
        address: "terminal:terminal:sys",
        file: "terminal",
        request: None,
        actions: "TerminalRequest",
        answers: "TerminalResponse",
        errors: None,
        also: &[],
    },
];

/// What an action has to say of itself, besides its type.
const LABELS: [&str; 2] = ["* Takes: ", "* Answers: "];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Where the pages are.
pub fn folder() -> PathBuf {
    root().join("docs/reference")
}

fn types() -> Types {
    Types::read(&root().join("crates/types/src"))
}

/// The pages: names of files, and what is in them.
pub fn pages() -> Vec<(String, String)> {
    let types = types();
    let mut pages: Vec<_> =
        PAGES.iter().map(|page| (format!("{}.md", page.name), page::of_module(&types, page))).collect();
    pages.push((page::COMMON.to_owned(), page::of_common(&types, &PAGES)));
    pages
}

/// Actions that do not say what they take and answer.
pub fn unexplained() -> Vec<String> {
    let types = types();
    let mut found = Vec::new();
    for page in &PAGES {
        let Kind::Enum { variants, .. } = &types.get(page.actions).kind else { panic!("{} is no enum", page.actions) };
        let lacking = variants.iter().filter(|v| LABELS.iter().any(|label| !v.docs.contains(label)));
        found.extend(lacking.map(|variant| format!("{}::{}", page.actions, variant.name)));
    }
    found
}

/// Writes the pages.
pub fn write() {
    for (name, text) in pages() {
        fs::write(folder().join(name), text).unwrap();
    }
}
