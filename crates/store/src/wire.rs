//! The bytes of the one column that holds a structure: what happens when a process ends.
//!
//! The first byte is the version of the form. The rest is bincode in its `legacy` configuration (little endian, integers
//! of fixed width). bincode 2 is final and will see no more releases; this configuration is byte for byte what bincode 1
//! writes, so that any successor which reads that can take over without a new version byte. Nothing outside this module
//! knows of the encoding.
//!
//! The form has types of its own. Those of `wharf-types` follow what guests and tools write as JSON, and they read
//! several shapes of it; bytes on disk must not change when those do.

use bincode::config;
use serde::{Deserialize, Serialize};
use wharf_types::{Capability, LazyLoadBlob, OnExit, Request};

/// Version byte of the only form there is.
const VERSION: u8 = 1;

/// Longest encoded form. What is longer is refused when it is written, so that it is never found out at a boot.
pub(crate) const ON_EXIT_BYTES_MAX: usize = 64 << 20;

/// The on-exit requests are too large to be stored.
#[derive(Debug, thiserror::Error)]
#[error("its on-exit requests need {bytes} bytes, {ON_EXIT_BYTES_MAX} are allowed")]
pub(crate) struct TooLarge {
    bytes: usize,
}

/// Why bytes are not what [`encode_on_exit`] wrote.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Undecodable {
    #[error("on_exit is empty")]
    Empty,
    #[error("on_exit has form {0}, known is {VERSION}")]
    Version(u8),
    #[error("on_exit does not decode: {0}")]
    Bincode(#[from] bincode::error::DecodeError),
    #[error("on_exit has {0} bytes too many")]
    Trailing(usize),
    #[error("on_exit names no valid address: {0}")]
    Id(#[from] wharf_types::IdError),
}

#[derive(Serialize, Deserialize)]
enum OnExitForm {
    None,
    Restart,
    Requests(Vec<RequestForm>),
}

#[derive(Serialize, Deserialize)]
struct RequestForm {
    target: String,
    inherit: bool,
    expects_response: Option<u64>,
    body: Vec<u8>,
    metadata: Option<String>,
    capabilities: Vec<CapabilityForm>,
    blob: Option<BlobForm>,
}

#[derive(Serialize, Deserialize)]
struct CapabilityForm {
    issuer: String,
    params: String,
}

#[derive(Serialize, Deserialize)]
struct BlobForm {
    mime: Option<String>,
    bytes: Vec<u8>,
}

/// The bytes to store.
pub(crate) fn encode_on_exit(on_exit: &OnExit) -> Result<Vec<u8>, TooLarge> {
    // Measured before it is built: an oversized value must not cost its size in memory once more, or twice.
    let size = encoded_bytes_min(on_exit);
    if size > ON_EXIT_BYTES_MAX {
        return Err(TooLarge { bytes: size });
    }
    let mut bytes = vec![VERSION];
    // Encoding of these types into memory has no way to fail; were there one, nothing may be stored in its place.
    bincode::serde::encode_into_std_write(OnExitForm::from(on_exit), &mut bytes, config::legacy())
        .map_err(|_| TooLarge { bytes: size })?;
    if bytes.len() > ON_EXIT_BYTES_MAX {
        return Err(TooLarge { bytes: bytes.len() });
    }
    Ok(bytes)
}

/// What [`encode_on_exit`] was given.
pub(crate) fn decode_on_exit(bytes: &[u8]) -> Result<OnExit, Undecodable> {
    let (version, rest) = bytes.split_first().ok_or(Undecodable::Empty)?;
    if *version != VERSION {
        return Err(Undecodable::Version(*version));
    }
    let limited = config::legacy().with_limit::<ON_EXIT_BYTES_MAX>();
    let (form, read) = bincode::serde::decode_from_slice::<OnExitForm, _>(rest, limited)?;
    match rest.len().saturating_sub(read) {
        0 => Ok(form.try_into()?),
        trailing => Err(Undecodable::Trailing(trailing)),
    }
}

/// Bytes of all texts and byte strings in it: about what it takes, in memory as on disk.
pub(crate) fn encoded_bytes_min(on_exit: &OnExit) -> usize {
    let OnExit::Requests(requests) = on_exit else { return 1 };
    let of_request = |request: &Request, blob: &Option<LazyLoadBlob>| {
        request.body.len()
            + request.metadata.as_ref().map_or(0, String::len)
            + request.capabilities.iter().map(|capability| capability.params.len()).sum::<usize>()
            + blob.as_ref().map_or(0, |blob| blob.bytes.len() + blob.mime.as_ref().map_or(0, String::len))
    };
    requests.iter().map(|(_, request, blob)| of_request(request, blob)).sum()
}

impl From<&OnExit> for OnExitForm {
    fn from(on_exit: &OnExit) -> Self {
        match on_exit {
            OnExit::None => Self::None,
            OnExit::Restart => Self::Restart,
            OnExit::Requests(requests) => Self::Requests(
                requests
                    .iter()
                    .map(|(target, request, blob)| RequestForm {
                        target: target.to_string(),
                        inherit: request.inherit,
                        expects_response: request.expects_response,
                        body: request.body.clone(),
                        metadata: request.metadata.clone(),
                        capabilities: request.capabilities.iter().map(CapabilityForm::from).collect(),
                        blob: blob.as_ref().map(|b| BlobForm { mime: b.mime.clone(), bytes: b.bytes.clone() }),
                    })
                    .collect(),
            ),
        }
    }
}

impl From<&Capability> for CapabilityForm {
    fn from(capability: &Capability) -> Self {
        Self { issuer: capability.issuer.to_string(), params: capability.params.clone() }
    }
}

impl TryFrom<OnExitForm> for OnExit {
    type Error = wharf_types::IdError;

    fn try_from(form: OnExitForm) -> Result<Self, Self::Error> {
        Ok(match form {
            OnExitForm::None => Self::None,
            OnExitForm::Restart => Self::Restart,
            OnExitForm::Requests(requests) => {
                Self::Requests(requests.into_iter().map(RequestForm::into_parts).collect::<Result<_, _>>()?)
            }
        })
    }
}

impl RequestForm {
    fn into_parts(self) -> Result<(wharf_types::Address, Request, Option<LazyLoadBlob>), wharf_types::IdError> {
        let capability = |form: CapabilityForm| Ok(Capability::new(form.issuer.parse()?, form.params));
        let request = Request {
            inherit: self.inherit,
            expects_response: self.expects_response,
            body: self.body,
            metadata: self.metadata,
            capabilities: self.capabilities.into_iter().map(capability).collect::<Result<_, _>>()?,
        };
        let blob = self.blob.map(|form| LazyLoadBlob { mime: form.mime, bytes: form.bytes });
        Ok((self.target.parse()?, request, blob))
    }
}

#[cfg(test)]
#[path = "wire_tests.rs"]
pub(crate) mod tests;
