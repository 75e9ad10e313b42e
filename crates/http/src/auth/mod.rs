//! Who is let in: the owner's tools by the control token, the owner's browsers by a password and sessions.
//!
//! | file | concept |
//! |---|---|
//! | `gate` | everything below, as one value |
//! | `settings` | bounds and choices |
//! | `host` | names the node goes by |
//! | `arrival` | from where, and by which name, a request came |
//! | `origins` | names of subdomains: one for each package, and one for each process |
//! | `admit` | who may see a bound path, and where those go who may not yet |
//! | `same_origin` | whether a page of another site has a hand in a request |
//! | `login` | `/login` and `/logout`; `form`: what is sent there; `pages`: what is shown there |
//! | `control` | what the command line asks about passwords and sessions |
//! | `password` | hashing, on few threads |
//! | `attempts` | how often a password may be tried |
//! | `links` | secrets that are good for once |
//! | `record` | what is kept: the password's hash, sessions, the key of origins; `session`: one of them |
//! | `cookie`, `redirect`, `secret` | parsers and secrets |

mod admit;
mod arrival;
mod attempts;
mod control;
mod cookie;
mod form;
#[cfg(feature = "fuzzing")]
mod fuzzing;
mod gate;
mod host;
mod links;
mod login;
mod origins;
mod pages;
mod password;
mod record;
mod redirect;
mod same_origin;
mod secret;
mod session;
mod settings;

pub(crate) use admit::{admit, go_on};
pub(crate) use arrival::{Arrival, Scheme};
pub(crate) use control::answer as answer_control;
pub(crate) use cookie::{is_ours as is_our_cookie, without_ours as cookies_without_ours};
#[cfg(feature = "fuzzing")]
pub(crate) use fuzzing::{read_form, read_head};
pub(crate) use login::{answer as answer_login, is_login_path};
pub(crate) use secret::sha256;

pub use gate::{Gate, GateError, GateParts, Tools};
pub use host::{BadHost, HostName};
pub use record::Keep;
pub use settings::{LoginSettings, Origins};

#[cfg(test)]
pub(crate) use record::tests::InMemory;
