//! Certificates from an authority that speaks ACME (RFC 8555), Let's Encrypt for one, by the challenge `http-01`: asked for
//! in time, again and again, for as long as the node runs.
//!
//! Nothing here can end the node: what fails is written down, shown, and tried again later, and the certificate that is in
//! use stays in use. What a kill cuts off goes on at the next start, with the same account, order and key.
//!
//! | file | concept |
//! |---|---|
//! | `settings` | what the owner settles |
//! | `keeper` | the task that keeps a certificate: when to ask, what became of it |
//! | `issue` | one order, from account to certificate |
//! | `schedule` | when a certificate is renewed, and when what failed is tried again |
//! | `certificate` | what a certificate says of itself |
//! | `der` | until when a certificate is good |
//! | `kept` | what is on disk |
//! | `challenges` | tokens under way, and how they are answered |
//! | `responder` | a port that answers nothing else |
//! | `transport` | HTTPS to the authority |
//! | `status` | what is shown of all this |

mod certificate;
mod challenges;
mod der;
mod issue;
mod keeper;
mod kept;
mod responder;
mod schedule;
mod settings;
mod status;
mod transport;

pub use certificate::{BadCertificate, Validity};
pub use challenges::{CHALLENGE_PATH, Challenges};
pub use keeper::{Deploy, Keeper, KeeperParts};
pub use kept::{Issued, Keep};
pub use settings::{AcmeSettings, Names, SettingsError};
pub use status::Status;
pub use transport::{Transport, TransportError};
