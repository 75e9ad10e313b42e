//! What an answer carries, as clients like to get it: compressed, in part, or not again.
//!
//! | file | concept |
//! |---|---|
//! | `cached` | answers that a process gave in advance |
//! | `range` | a part of one |
//! | `validate` | whether the client has it already |
//! | `compress` | compressing, and who wants it |
//! | `answers` | compressing the answers of processes |

mod answers;
mod cached;
mod compress;
#[cfg(feature = "fuzzing")]
mod fuzzing;
mod range;
mod validate;

pub(crate) use answers::compressed;
pub(crate) use cached::Cached;
pub(crate) use compress::Compressor;
#[cfg(feature = "fuzzing")]
pub(crate) use fuzzing::read_head;
