//! What the owner's tools ask about passwords and sessions: `POST /login:distro:sys`, JSON in and out, with the node's
//! control token (`Authorization: Bearer …`), like the RPC endpoint. It is no message, so that no trace shows a password.

use serde::{Deserialize, Serialize};

use crate::id::ProcessId;

/// Path of the endpoint.
pub const LOGIN_CONTROL_PATH: &str = "/login:distro:sys";

/// What is asked.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LoginCommand {
    /// Set the password. Ends all sessions.
    SetPassword {
        /// The new one, of 8 characters to 1,024 bytes.
        password: String,
    },
    /// List the sessions.
    Sessions,
    /// End one session, and those that were made from it.
    End {
        /// Its [`SessionInfo::id`].
        id: String,
    },
    /// End all sessions.
    EndAll,
    /// Make a one-time link that logs a browser in.
    Link {
        /// The process whose own subdomain it leads to; without one, it leads to the node itself.
        process: Option<ProcessId>,
    },
}

/// What is answered, with status 200. Anything else is a [`crate::Failure`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LoginReply {
    /// The password is set.
    PasswordSet {
        /// Sessions that ended.
        ended: u64,
    },
    /// The sessions, the oldest first.
    Sessions(Vec<SessionInfo>),
    /// They ended.
    Ended {
        /// How many.
        ended: u64,
    },
    /// The link.
    Link {
        /// Path and query, to be put after the URL of the node.
        path: String,
        /// How long it is good, in seconds.
        good_s: u64,
    },
}

/// One browser that is logged in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionInfo {
    /// Names it to [`LoginCommand::End`]; opens nothing.
    pub id: String,
    /// The subdomain that it is good for; without one, the node's own names.
    pub subdomain: Option<String>,
    /// The session that it was made from, and with which it ends.
    pub parent: Option<String>,
    /// When it was made, in seconds since 1970.
    pub created_s: u64,
    /// When it ends, in seconds since 1970.
    pub expires_s: u64,
    /// Address of the browser.
    pub from: String,
    /// What the browser calls itself.
    pub agent: String,
}
