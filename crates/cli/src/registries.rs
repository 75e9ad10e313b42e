//! The registries that the user goes to, and how they are reached: `~/.config/wharf/registries.toml`.
//!
//! ```toml
//! default = "https://packages.example"
//! plain_http = ["build.lan:8000"]     # asked without TLS
//! ca_files = ["/etc/ssl/own.pem"]     # trusted in place of the authorities that browsers trust
//!
//! [credentials."ghcr.io"]
//! user = "alice"
//! password_file = "/home/alice/.ghcr-token"
//!
//! [limits]
//! total_ms = 600_000
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use wharf_registry::Limits;
use wharf_registry::client::{self, Access, Credentials, Location, Publication, Published, Registry, RegistryError};

use crate::args::RegistriesArgs;
use crate::errors::{CliError, CliResult};
use crate::output::note;

/// The user's settings about registries.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    default: Option<String>,
    plain_http: Vec<String>,
    ca_files: Vec<PathBuf>,
    credentials: BTreeMap<String, CredentialsOf>,
    limits: Limits,
}

/// Who the user is, for one registry.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CredentialsOf {
    user: String,
    /// The password is in a file of its own, which others need not be able to read.
    password_file: PathBuf,
}

/// A registry that can be asked.
pub(crate) struct Opened {
    location: Location,
    /// The same as people read it.
    shown: String,
    registry: Box<dyn Registry>,
    limits: Limits,
}

impl Opened {
    /// The registry that was named: on the command line, else where it was found before, else in the settings.
    pub(crate) fn of(named: Option<&str>, before: Option<&str>, args: &RegistriesArgs) -> CliResult<Self> {
        let settings = load(args)?;
        let Some(text) = named.or(before).or(settings.default.as_deref()) else {
            return Err(CliError::bad_input("no registry is named").hint(
                "name it, `--from REGISTRY` or `--to REGISTRY`, or put `default = \"REGISTRY\"` into your registries.toml",
            ));
        };
        let mut location: Location = text.parse().map_err(|error: client::LocationError| {
            CliError::bad_input(error).hint("a registry is a folder, `https://...`, or `oci://host[:port][/prefix]`")
        })?;
        if let Location::Folder(folder) = &mut location {
            // So that it is found again from anywhere.
            *folder = std::path::absolute(&*folder).map_err(|error| CliError::file("find", folder, &error))?;
        }
        let limits = settings.limits.clone();
        let registry = client::open(&location, &access(settings, &location)?).map_err(failed)?;
        Ok(Self { shown: location.to_string(), location, registry, limits })
    }

    /// How it is named.
    pub(crate) fn location(&self) -> &str {
        &self.shown
    }

    /// Whether a package may be published there in this version, without changing anything: `AlreadyThere` where it is
    /// with the same content, an error where it is with another, or where nothing can be published.
    pub(crate) fn could_publish(&self, publication: &Publication) -> Result<Published, RegistryError> {
        if matches!(self.location, Location::Web(_)) {
            // Its own words, and it is not asked for more.
            return self.registry.publish(publication);
        }
        let Publication { package, version, release, .. } = publication;
        match self.registry.release(package, version) {
            Ok(there) if there.sha256 == release.sha256 => Ok(Published::AlreadyThere),
            Ok(there) => {
                Err(RegistryError::Exists { package: package.clone(), version: version.clone(), there: there.sha256 })
            }
            // A folder becomes a registry with the first package.
            Err(
                RegistryError::NoPackage { .. } | RegistryError::NoVersion { .. } | RegistryError::NotARegistry { .. },
            ) => Ok(Published::New),
            Err(error) => Err(error),
        }
    }

    /// The registry itself.
    pub(crate) fn registry(&self) -> &dyn Registry {
        &*self.registry
    }

    /// How much of it is taken.
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }
}

/// Of the passwords, only the one that this registry wants is read: others may be missing.
fn access(mut settings: Settings, location: &Location) -> CliResult<Access> {
    let wanted = location.hosts().into_iter().find_map(|host| settings.credentials.remove_entry(&host));
    let read = |(host, of): (String, CredentialsOf)| {
        let password = fs::read_to_string(&of.password_file)
            .map_err(|error| CliError::file("read the password for a registry from", &of.password_file, &error))?;
        Ok((host, Credentials { user: of.user, password: password.trim_end().to_owned() }))
    };
    Ok(Access {
        limits: settings.limits,
        plain_http: settings.plain_http,
        ca_files: settings.ca_files,
        credentials: wanted.into_iter().map(read).collect::<CliResult<_>>()?,
    })
}

/// Without the file, or without a place for it, everything is as it is by default. A file that was named has to be there.
fn load(args: &RegistriesArgs) -> CliResult<Settings> {
    let Some(path) = args.registries.clone().or_else(wharf_home::registries) else { return Ok(Settings::default()) };
    match fs::read_to_string(&path) {
        Ok(text) => parse(&path, &text),
        Err(error) if error.kind() == ErrorKind::NotFound && args.registries.is_none() => Ok(Settings::default()),
        Err(error) => Err(CliError::file("read", &path, &error)),
    }
}

fn parse(path: &Path, text: &str) -> CliResult<Settings> {
    toml::from_str(text).map_err(|error| CliError::bad_input(format_args!("{}: {error}", path.display())))
}

/// With the next step to try.
pub(crate) fn failed(error: RegistryError) -> CliError {
    let shown = CliError::bad_input(&error);
    match error {
        RegistryError::Plain { host } => shown.hint(format_args!(
            "use `https://`; or, if you trust everyone between here and {host}, put `plain_http = [\"{host}\"]` into your \
             registries.toml"
        )),
        RegistryError::Unreachable { .. } | RegistryError::TooSlow { .. } => {
            shown.hint("try again later; how long is waited is in `[limits]` of your registries.toml")
        }
        RegistryError::Denied { .. } => {
            shown.hint("say who you are, in `[credentials.\"HOST\"]` of your registries.toml; see docs/registries.md")
        }
        RegistryError::NoPackage { .. } => shown.hint("`wharf registry list` shows what a registry has, where it tells"),
        RegistryError::NoVersion { package, .. } => {
            shown.hint(format_args!("`wharf registry show {package}` lists the versions"))
        }
        RegistryError::OnlyPreReleases { package, newest } => {
            shown.hint(format_args!("name it to take it: `{package}@{newest}`"))
        }
        RegistryError::Exists { .. } => {
            shown.hint("what is published stays as it is: give the package another version in its `metadata.json`")
        }
        RegistryError::NotARegistry { .. } => {
            shown.hint("look at its name; `wharf publish` makes a registry of an empty folder")
        }
        RegistryError::OtherContent { .. } | RegistryError::Malformed { .. } | RegistryError::Redirect { .. } => {
            shown.hint("nothing of it was used; tell whoever keeps the registry")
        }
        RegistryError::TooLarge { .. } => {
            shown.hint("if it has to be so large, raise the bound in `[limits]` of your registries.toml")
        }
        RegistryError::Unsupported { doing: "publish to", .. } => {
            shown.hint("publish to the folder that the server serves: `--to FOLDER`")
        }
        _ => shown,
    }
}

/// Says which registry is asked.
pub(crate) fn tell(opened: &Opened) {
    note(&format!("asking {}", crate::text::clean_line(opened.location())));
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_documented_with_its_default() {
        let docs = include_str!("../../../docs/registries.md");
        let defaults: toml::Table = toml::Table::try_from(Limits::default()).unwrap();
        for (key, value) in defaults {
            let row = docs.lines().find(|line| line.starts_with(&format!("| `limits.{key}` |")));
            let row = row.unwrap_or_else(|| unreachable!("docs/registries.md does not have `limits.{key}`"));
            let shown: String = row.split('|').nth(2).unwrap_or_default().chars().filter(|c| *c != ',').collect();
            assert!(shown.trim().starts_with(&value.to_string()), "{row}: {value}");
        }
        for key in ["default", "plain_http", "ca_files", "credentials"] {
            assert!(docs.contains(&format!("| `{key}")), "{key}");
        }
    }

    #[test]
    fn only_the_password_of_the_registry_that_is_asked_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let there = dir.path().join("token");
        fs::write(&there, "secret\n").unwrap();
        let text = format!(
            "[credentials.'there.example:5000']\nuser = 'a'\npassword_file = {there:?}\n\
             [credentials.'there.example']\nuser = 'b'\npassword_file = '/no/such/file'\n"
        );
        let of = |location: &str| {
            let settings = parse(Path::new("registries.toml"), &text).unwrap();
            access(settings, &location.parse().unwrap()).map(|access| access.credentials)
        };
        for none in ["/srv/packages", "https://other.example/", "oci://other.example:5000"] {
            assert!(of(none).unwrap().is_empty(), "{none}");
        }
        for exact in ["oci://there.example:5000/a", "https://there.example:5000"] {
            let (host, credentials) = of(exact).unwrap().pop_first().unwrap();
            assert_eq!((host.as_str(), credentials.user.as_str()), ("there.example:5000", "a"));
            assert_eq!(credentials.password, "secret");
        }
        assert!(of("oci://there.example").is_err());
    }

    #[test]
    fn unknown_settings_are_refused() {
        let path = Path::new("registries.toml");
        assert!(parse(path, "default = '/srv'\n[limits]\nquiet_ms = 5\n").is_ok());
        for text in ["defaut = '/srv'", "[limits]\nquiet = 5", "[credentials.x]\nuser = 'a'"] {
            assert!(parse(path, text).is_err(), "{text}");
        }
    }
}
