//! Uses files as any Rust program does, through `std::fs` and nothing else, and tells what came of it. Messages are only
//! how a test says what to do.

mod steps;
mod tour;

use std::io::Error;

use serde::{Deserialize, Serialize};
use wharf_process_lib::{Address, Message, Response, await_message};

/// What a test asks for. Paths are those of the guest.
#[derive(Debug, Deserialize)]
enum Ask {
    /// Everything that `std::fs` has, in this folder. Answered with the first thing that is not as it should be.
    Tour(String),
    TempDir,
    Write {
        path: String,
        text: String,
    },
    Append {
        path: String,
        text: String,
    },
    Read(String),
    /// Names, sorted.
    List(String),
    Metadata(String),
    Create(String),
    CreateDir(String),
    Remove(String),
    Rename {
        from: String,
        to: String,
    },
    SetLen {
        path: String,
        len: u64,
    },
    /// Open so many files and keep them open until the answer; how many were opened.
    OpenMany {
        folder: String,
        count: u32,
    },
    /// Write so many bytes in blocks, and read them again.
    Stream {
        path: String,
        bytes: u64,
    },
    /// Extend a file to so many bytes, write at its beginning, middle and end, and read there.
    Sparse {
        path: String,
        bytes: u64,
    },
    /// Write numbered lines for ever, each printed once it is written.
    WriteForEver(String),
}

#[derive(Debug, Serialize)]
enum Told {
    Ok,
    Text(String),
    Names(Vec<String>),
    Count(u64),
    Metadata {
        is_dir: bool,
        len: u64,
    },
    /// What `std` makes of an error.
    Failed {
        kind: String,
        number: Option<i32>,
        text: String,
    },
    Wrong(String),
}

impl From<Error> for Told {
    fn from(error: Error) -> Self {
        Self::Failed { kind: format!("{:?}", error.kind()), number: error.raw_os_error(), text: error.to_string() }
    }
}

fn init(_our: Address) {
    loop {
        let Ok(message) = await_message() else { continue };
        let Message::Request { body, .. } = &message else { continue };
        let told = match serde_json::from_slice::<Ask>(body) {
            Ok(ask) => steps::run(ask).unwrap_or_else(Told::from),
            Err(error) => Told::Wrong(error.to_string()),
        };
        let body = serde_json::to_vec(&told).unwrap_or_default();
        Response::new().body(body).send();
    }
}

wharf_process_lib::main!(init);
