//! What the owner settles.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

/// Names in one certificate. Let's Encrypt takes no more.
const NAMES_MAX: usize = 100;

/// In `wharf.toml` the table `[acme]`, which counts with `tls = "acme"`. Times in seconds.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AcmeSettings {
    /// Names that the certificate is for. Empty: those that the node goes by.
    pub names: Vec<String>,
    /// Where the authority says what it has: its directory.
    pub directory: String,
    /// How the authority may reach the owner: `mailto:...`.
    pub contact: Vec<String>,
    /// That the owner agrees to the authority's terms.
    pub terms_agreed: bool,
    /// Certificates, in PEM, by which the directory is trusted, in place of the authorities that browsers trust.
    pub ca_file: Option<PathBuf>,
    /// Where challenges are answered while there are any, besides the node's own port: the authority asks at port 80.
    pub challenge: Option<SocketAddr>,
    /// How long to wait after the first failure; twice as long after each further one.
    pub retry_wait: u64,
    /// How long to wait at most.
    pub retry_wait_max: u64,
}

impl Default for AcmeSettings {
    fn default() -> Self {
        Self {
            names: Vec::new(),
            directory: "https://acme-v02.api.letsencrypt.org/directory".to_owned(),
            contact: Vec::new(),
            terms_agreed: false,
            ca_file: None,
            challenge: None,
            // An authority may count failures: Let's Encrypt takes five an hour for each name.
            retry_wait: 300,
            retry_wait_max: 6 * 3_600,
        }
    }
}

/// These settings cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Nobody agreed.
    #[error("`terms_agreed` is not true: read the terms of the authority at {directory}, and agree to them")]
    TermsNotAgreed {
        /// Whose.
        directory: String,
    },
    /// A certificate for nothing.
    #[error("there is no name to get a certificate for: `hosts` and `names` are empty")]
    NoNames,
    /// Too many for one certificate.
    #[error("{0} names are too many for one certificate: at most {NAMES_MAX}")]
    TooManyNames(usize),
    /// Not a name in the DNS.
    #[error("no authority gives a certificate for `{0}`: a name is needed that the DNS knows, like `node.example`")]
    BadName(String),
    /// Not a URL with TLS.
    #[error("`directory` is not the URL of a directory, which begins with https://: `{0}`")]
    BadDirectory(String),
    /// A way to reach the owner that is none.
    #[error("`contact` has `{0}`, which is not like `mailto:me@node.example`")]
    BadContact(String),
}

/// The names of a certificate: at least one, in lower case, sorted, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names(Vec<String>);

impl Names {
    /// Checks names.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, SettingsError> {
        let mut names: Vec<String> = names.into_iter().map(|name| name.to_ascii_lowercase()).collect();
        names.sort();
        names.dedup();
        if let Some(bad) = names.iter().find(|name| !is_public_name(name)) {
            return Err(SettingsError::BadName(bad.chars().take(80).collect()));
        }
        match names.len() {
            0 => Err(SettingsError::NoNames),
            1..=NAMES_MAX => Ok(Self(names)),
            count => Err(SettingsError::TooManyNames(count)),
        }
    }

    /// All of them.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

/// A name with at least two labels whose last one is no number: neither an address nor a name of one machine. Wildcards
/// are none either, since `http-01` cannot show that one owns them.
fn is_public_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    name.len() <= 253
        && name.contains('.')
        && name.split('.').all(is_label)
        && !last.bytes().all(|b| b.is_ascii_digit())
        && last != "localhost"
}

impl AcmeSettings {
    /// Checks everything, and says which names the certificate is for: its own, or these.
    pub fn check<'a>(&'a self, hosts: impl IntoIterator<Item = &'a str>) -> Result<Names, SettingsError> {
        let uri: Option<hyper::Uri> = self.directory.parse().ok();
        if !uri.is_some_and(|uri| uri.scheme_str() == Some("https") && uri.host().is_some()) {
            return Err(SettingsError::BadDirectory(self.directory.chars().take(200).collect()));
        }
        if !self.terms_agreed {
            return Err(SettingsError::TermsNotAgreed { directory: self.directory.clone() });
        }
        let is_contact = |contact: &&String| contact.starts_with("mailto:") && contact.contains('@');
        if let Some(bad) = self.contact.iter().find(|contact| !is_contact(contact)) {
            return Err(SettingsError::BadContact(bad.clone()));
        }
        if self.names.is_empty() { Names::new(hosts) } else { Names::new(self.names.iter().map(String::as_str)) }
    }

    pub(crate) fn retry_wait(&self) -> Duration {
        Duration::from_secs(self.retry_wait.max(1))
    }

    pub(crate) fn retry_wait_max(&self) -> Duration {
        Duration::from_secs(self.retry_wait_max.max(1))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_an_authority_can_ask_for() {
        let names = Names::new(["B.example", "a.example", "b.example"]).unwrap();
        assert_eq!(names.as_slice(), ["a.example", "b.example"]);
        for bad in ["", "localhost", "a.localhost", "node", "*.node.example", "10.0.0.1", "::1", "a..b", "-a.example"] {
            assert_eq!(Names::new([bad]), Err(SettingsError::BadName(bad.to_owned())), "{bad}");
        }
        assert_eq!(Names::new([]), Err(SettingsError::NoNames));
        let many: Vec<_> = (0..=NAMES_MAX).map(|n| format!("n{n}.example")).collect();
        assert_eq!(Names::new(many.iter().map(String::as_str)), Err(SettingsError::TooManyNames(101)));
    }

    #[test]
    fn nothing_is_asked_for_before_the_owner_agreed() {
        let settings = AcmeSettings::default();
        assert!(matches!(settings.check(["node.example"]), Err(SettingsError::TermsNotAgreed { .. })));
        let settings = AcmeSettings { terms_agreed: true, ..settings };
        assert_eq!(settings.check(["node.example"]).unwrap().as_slice(), ["node.example"]);
        assert_eq!(settings.check([]), Err(SettingsError::NoNames));
        let own = AcmeSettings { names: vec!["app.example".to_owned()], ..settings.clone() };
        assert_eq!(own.check(["node.example"]).unwrap().as_slice(), ["app.example"]);
        for directory in ["", "http://a.example/dir", "a.example", "https://"] {
            let settings = AcmeSettings { directory: directory.to_owned(), ..settings.clone() };
            assert!(matches!(settings.check(["node.example"]), Err(SettingsError::BadDirectory(_))), "{directory}");
        }
        let settings = AcmeSettings { contact: vec!["me@node.example".to_owned()], ..settings };
        assert!(matches!(settings.check(["node.example"]), Err(SettingsError::BadContact(_))));
    }
}
