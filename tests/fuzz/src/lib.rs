//! What is fuzzed: one function for each parser of bytes from outside, by guests, packages, clients, peers, files and people.
//!
//! A function must come back from whatever it is given; where what was read can be written, it is written and read again,
//! and has to be the same. The tests here call each with bytes made of `corpus/<name>` and of nothing at every run;
//! `fuzz/` at the root hands the same functions to cargo-fuzz, which goes on for as long as it may.
//!
//! | module | whose bytes |
//! |---|---|
//! | [`messages`] | those of processes, in the JSON of each module |
//! | [`packages`] | those of packages |
//! | [`seeds`] | those to begin with |

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "whatever fails here is a finding")]

pub mod messages;
pub mod packages;
pub mod seeds;

/// A parser.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, which is that of its folder in `corpus`.
    pub name: &'static str,
    /// Gives it bytes. Panics at a finding.
    pub run: fn(&[u8]),
}

macro_rules! targets {
    ($($(#[doc = $doc:literal])+ $name:ident => $run:expr;)+) => {
        /// All of them.
        pub const TARGETS: &[Target] = &[$(Target { name: stringify!($name), run: $name }),+];
        $($(#[doc = $doc])+ pub fn $name(bytes: &[u8]) { ($run)(bytes) })+
    };
}

targets! {
    /// Names of nodes, packages, processes, addresses and files.
    ids => messages::ids;
    /// Requests of processes and answers to them, of each module.
    module_json => messages::module_json;
    /// `manifest.json` of a package.
    manifest => packages::manifest;
    /// `metadata.json` of a package.
    metadata => packages::metadata;
    /// `scripts.json` of a package.
    scripts => packages::scripts;
    /// A package.
    zip => packages::zip;
    /// The signature at the end of a package.
    signature => packages::signature;
    /// The head of an HTTP request: `Host`, cookies, ranges, codings, what proxies say, WebSockets.
    http_head => wharf_http::fuzzing::head;
    /// The form of the login page.
    http_login => wharf_http::fuzzing::login;
    /// The body of an RPC call.
    http_rpc => wharf_http::fuzzing::rpc;
    /// The head of an answer that a process gives.
    http_answer => wharf_http::fuzzing::answer;
    /// A path that a process binds, and one that is asked for.
    http_path => wharf_http::fuzzing::path;
    /// `wharf.toml`.
    settings => wharf_node::fuzzing::settings;
    /// `node.key`.
    node_key => wharf_node::fuzzing::node_key;
    /// What happens when a process ends, as it is stored.
    on_exit => wharf_store::fuzzing::on_exit;
    /// The archive of a backup.
    backup => wharf_cli::fuzzing::backup;
    /// The list of what is in one.
    backup_manifest => wharf_cli::fuzzing::backup_manifest;
    /// Parameters of SQL.
    sql_parameters => wharf_sqlite::fuzzing::parameters;
    /// Paths of WASI.
    wasi_path => wharf_runtime::fuzzing::path;
    /// Cron expressions.
    cron => wharf_timer::fuzzing::cron;
    /// Timers that last, as they are stored.
    saved_timers => wharf_timer::fuzzing::saved;
}
