//! Which release of a package is to be installed by itself, if any: a rule and nothing else.

use wharf_registry::chain::Followed;
use wharf_registry::{Index, Release, Version, newest};
use wharf_types::app_store::InstalledPackage;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// Nothing.
    Stay,
    /// Fetch this and try it.
    Take(Version, Release),
    /// Nothing, and the owner should know why.
    Problem(String),
}

/// Looks through the list of a registry from which the package is updated.
pub(crate) fn choose(followed: &Followed, installed: &InstalledPackage, index: &Index) -> Choice {
    let Some((version, release)) =
        newest(index.versions.keys()).and_then(|version| index.versions.get_key_value(version))
    else {
        return Choice::Stay;
    };
    if !is_newer(version, installed) {
        return Choice::Stay;
    }
    if followed.versions.get(&version.to_string()).is_some_and(|known| *known != release.sha256) {
        return Choice::Problem(format!(
            "version {version} had other content when it was installed here: a version that was published does not change"
        ));
    }
    let waits = [&followed.offer, &followed.failed].into_iter().flatten();
    if waits.into_iter().any(|waiting| waiting.sha256 == release.sha256) {
        return Choice::Stay;
    }
    Choice::Take(version.clone(), release.clone())
}

/// Whether a version may replace what is installed without a word: only if it is newer, and also newer than the one that
/// the owner went back from. Of a package without a version nothing is newer.
pub(crate) fn is_newer(version: &Version, installed: &InstalledPackage) -> bool {
    let parse = |text: Option<&str>| text.and_then(|text| text.parse::<Version>().ok());
    let previous = installed.previous.as_ref().and_then(|previous| parse(previous.version.as_deref()));
    parse(installed.version.as_deref()).is_some_and(|present| *version > present)
        && previous.is_none_or(|previous| *version > previous)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use wharf_registry::chain::Waiting;
    use wharf_registry::{Digest, PackageRef};
    use wharf_types::app_store::PreviousVersion;

    use super::*;

    fn digest(digit: &str) -> Digest {
        digit.repeat(64).parse().unwrap()
    }

    fn installed(version: Option<&str>, previous: Option<&str>) -> InstalledPackage {
        InstalledPackage {
            package_id: "chat:alice.os".parse().unwrap(),
            version_hash: "0".repeat(64),
            version: version.map(str::to_owned),
            processes: Vec::new(),
            signed_by: None,
            previous: previous
                .map(|version| PreviousVersion { version_hash: "1".repeat(64), version: Some(version.to_owned()) }),
        }
    }

    fn index(versions: &[&str]) -> Index {
        let package: PackageRef = "alice.os/chat".parse().unwrap();
        let mut index = Index::new(package);
        for version in versions {
            let release = Release { sha256: digest("a"), bytes: 1, signed_by: None, title: None, description: None };
            index.versions.insert(version.parse().unwrap(), release);
        }
        index
    }

    fn taken(followed: &Followed, installed: &InstalledPackage, versions: &[&str]) -> Option<String> {
        match choose(followed, installed, &index(versions)) {
            Choice::Take(version, _) => Some(version.to_string()),
            _ => None,
        }
    }

    #[test]
    fn the_newest_is_taken_if_it_is_newer_and_no_pre_release() {
        let followed = Followed::default();
        let at = |version| installed(Some(version), None);
        assert_eq!(taken(&followed, &at("1.9.0"), &["1.9.0", "1.10.0", "2.0.0-rc.1"]).as_deref(), Some("1.10.0"));
        for (version, versions) in [("1.10.0", &["1.10.0", "1.9.0"][..]), ("2.0.0", &["1.10.0"]), ("1.0.0", &[])] {
            assert_eq!(taken(&followed, &at(version), versions), None, "{version}");
        }
        assert_eq!(taken(&followed, &installed(None, None), &["1.0.0"]), None, "nobody knows what is newer");
    }

    #[test]
    fn what_the_owner_went_back_from_does_not_come_again() {
        let followed = Followed::default();
        let back = installed(Some("1.0.0"), Some("1.1.0"));
        assert_eq!(taken(&followed, &back, &["1.1.0"]), None);
        assert_eq!(taken(&followed, &back, &["1.1.0", "1.2.0"]).as_deref(), Some("1.2.0"));
    }

    #[test]
    fn what_waits_or_failed_is_not_fetched_again_and_what_changed_is_a_problem() {
        let at = installed(Some("1.0.0"), None);
        let waiting = |digit| Some(Waiting { version: String::new(), sha256: digest(digit), reason: String::new() });
        for (known, takes) in [("a", false), ("b", true)] {
            for followed in [
                Followed { offer: waiting(known), ..Followed::default() },
                Followed { failed: waiting(known), ..Followed::default() },
            ] {
                assert_eq!(taken(&followed, &at, &["1.1.0"]).is_some(), takes, "{known}");
            }
        }
        let mut followed = Followed::default();
        followed.versions.insert("1.1.0".to_owned(), digest("b"));
        assert!(matches!(choose(&followed, &at, &index(&["1.1.0"])), Choice::Problem(_)));
        followed.versions.insert("1.1.0".to_owned(), digest("a"));
        assert!(matches!(choose(&followed, &at, &index(&["1.1.0"])), Choice::Take(..)));
    }
}
