//! Where a registry is, as people write it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use url::{Host, Url};

/// A folder, `http(s)://...`, or `oci://host[:port][/prefix]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A web server with the files of one; ends with `/`.
    Web(Url),
    /// An OCI registry.
    Oci {
        /// Its root, `https://host:port/`; `http` on this machine.
        base: Url,
        /// What all repositories begin with; without `/` at either end, may be empty.
        prefix: String,
    },
}

/// A text that names no registry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a registry: {why}")]
pub struct LocationError {
    text: String,
    why: String,
}

impl FromStr for Location {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        let refused = |why: &str| LocationError { text: text.to_owned(), why: why.to_owned() };
        let Some((scheme, rest)) = text.split_once("://") else {
            return match text {
                "" => Err(refused("it is empty")),
                folder => Ok(Self::Folder(PathBuf::from(folder))),
            };
        };
        let url = match scheme {
            "http" | "https" => Url::parse(text),
            // Read as a web address, which `oci` is but for the name.
            "oci" => parse_oci(rest),
            _ => return Err(refused("it is neither a folder nor `http://`, `https://` or `oci://`")),
        };
        let mut url = url.map_err(|error| refused(&error.to_string()))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("names and passwords are not part of it; they are in the settings"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refused("it has a `?` or `#`"));
        }
        if scheme != "oci" {
            if !url.path().ends_with('/') {
                url.set_path(&format!("{}/", url.path()));
            }
            return Ok(Self::Web(url));
        }
        let prefix = url.path().trim_matches('/').to_owned();
        url.set_path("/");
        Ok(Self::Oci { base: url, prefix })
    }
}

impl Location {
    /// The names under which the settings may have something about it: `host:port`, then `host`. None for a folder.
    pub fn hosts(&self) -> Vec<String> {
        match self {
            Self::Folder(_) => Vec::new(),
            Self::Web(base) | Self::Oci { base, .. } => {
                vec![authority(base), base.host_str().unwrap_or_default().to_owned()]
            }
        }
    }
}

/// With TLS, but on this machine. Which it is has to be known before the address is read: a port that is the usual one of its
/// scheme is not kept.
fn parse_oci(rest: &str) -> Result<Url, url::ParseError> {
    let url = Url::parse(&format!("https://{rest}"))?;
    if is_loopback(&url) { Url::parse(&format!("http://{rest}")) } else { Ok(url) }
}

/// Whether an address is of this machine by what it says, not by what some name server says.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => write!(f, "{}", folder.display()),
            Self::Web(url) => write!(f, "{url}"),
            Self::Oci { base, prefix } => write!(f, "oci://{}/{prefix}", authority(base)),
        }
    }
}

/// `host` or `host:port`.
pub(crate) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_known_by_its_look() {
        for (text, shown, base) in [
            ("/srv/packages", "/srv/packages", ""),
            ("packages", "packages", ""),
            ("https://packages.example/a", "https://packages.example/a/", "https://packages.example/a/"),
            ("oci://ghcr.io/alice/", "oci://ghcr.io/alice", "https://ghcr.io/"),
            ("oci://127.0.0.1:5000", "oci://127.0.0.1:5000/", "http://127.0.0.1:5000/"),
            ("oci://localhost:80/a/b", "oci://localhost:80/a/b", "http://localhost/"),
            ("oci://localhost:443/a", "oci://localhost:443/a", "http://localhost:443/"),
            ("oci://localhost", "oci://localhost/", "http://localhost/"),
            ("oci://ghcr.io:80", "oci://ghcr.io:80/", "https://ghcr.io:80/"),
        ] {
            let location: Location = text.parse().unwrap();
            match &location {
                Location::Folder(_) => assert_eq!(base, ""),
                Location::Web(url) | Location::Oci { base: url, .. } => assert_eq!(url.as_str(), base),
            }
            if base != "http://localhost/" {
                assert_eq!(location.to_string(), shown);
            }
        }
        for text in ["", "ftp://x", "oci://", "https://user:secret@x/", "https://x/?a", "oci://x/#b"] {
            assert!(text.parse::<Location>().is_err(), "{text}");
        }
    }
}
