//! A bound path, as guests write it and as the matcher takes it.
//!
//! Guests write `:name` for one segment and `*name` for the rest. The matcher wants `{name}` and `{*name}` and gives
//! braces a meaning that they do not have for guests, so literal ones are doubled. Parameters get names of our own:
//! what a guest calls them can then never be a syntax error, and what they match is read by position.

use std::fmt::Write;

/// Most parameters in one path. The matcher itself panics beyond 26.
const PARAMS_MAX: usize = 16;

/// Why a path cannot be matched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PatternError {
    /// Something follows a `*name`.
    #[error("in `{path}`, a segment that begins with `*` is not the last")]
    WildcardNotLast {
        /// The path.
        path: String,
    },
    /// More parameters than anyone needs.
    #[error("`{path}` has more than {PARAMS_MAX} parameters")]
    TooManyParams {
        /// The path.
        path: String,
    },
}

/// Whether a path ends in `*name`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// It matches paths with as many segments as it has.
    Segments,
    /// It matches everything below.
    Below,
}

/// A path that can be matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// In the matcher's syntax.
    pub(crate) matcher: String,
    /// What the guest calls the parameters, in order; those without a name are not reported.
    pub(crate) names: Vec<String>,
    /// What it matches.
    pub(crate) reach: Reach,
}

/// A path as it is stored and looked up: one slash before it, one slash at its end removed; the root is empty.
pub(crate) fn normal(path: &str) -> String {
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.is_empty() || path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
}

impl Pattern {
    /// Converts a path that [`normal`] made.
    pub(crate) fn new(path: &str) -> Result<Self, PatternError> {
        let mut pattern =
            Self { matcher: String::with_capacity(path.len() + 8), names: Vec::new(), reach: Reach::Segments };
        for segment in path.split('/').skip(1) {
            if pattern.reach == Reach::Below {
                return Err(PatternError::WildcardNotLast { path: path.to_owned() });
            }
            pattern.matcher.push('/');
            if let Some(name) = segment.strip_prefix(':') {
                pattern.push_param("", name);
            } else if let Some(name) = segment.strip_prefix('*') {
                pattern.push_param("*", name);
                pattern.reach = Reach::Below;
            } else {
                pattern.push_literal(segment);
            }
        }
        if pattern.names.len() > PARAMS_MAX {
            return Err(PatternError::TooManyParams { path: path.to_owned() });
        }
        Ok(pattern)
    }

    fn push_param(&mut self, star: &str, name: &str) {
        // Writing to a string does not fail.
        let _ = write!(self.matcher, "{{{star}p{}}}", self.names.len());
        self.names.push(name.to_owned());
    }

    fn push_literal(&mut self, text: &str) {
        for character in text.chars() {
            if matches!(character, '{' | '}') {
                self.matcher.push(character);
            }
            self.matcher.push(character);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a failed unwrap fails the test")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_are_stored_with_one_slash_before_and_none_after() {
        for (written, stored) in [
            ("/", ""),
            ("", ""),
            ("/x", "/x"),
            ("x", "/x"),
            ("/x/", "/x"),
            ("x/y/", "/x/y"),
            ("//", "/"),
            ("/x//", "/x/"),
        ] {
            assert_eq!(normal(written), stored, "{written}");
        }
    }

    #[test]
    fn parameters_are_translated_and_braces_are_literal() {
        for (path, matcher, names) in [
            ("/games/:id", "/games/{p0}", vec!["id"]),
            ("/:a/x/*rest", "/{p0}/x/{*p1}", vec!["a", "rest"]),
            ("/*", "/{*p0}", vec![""]),
            ("/{id}", "/{{id}}", vec![]),
            ("/a:b/c*d", "/a:b/c*d", vec![]),
            ("/:{odd}/:b}", "/{p0}/{p1}", vec!["{odd}", "b}"]),
        ] {
            let pattern = Pattern::new(path).unwrap();
            assert_eq!(pattern.matcher, matcher, "{path}");
            assert_eq!(pattern.names, names, "{path}");
        }
        assert!(matches!(Pattern::new("/*a/b"), Err(PatternError::WildcardNotLast { .. })));
        assert!(matches!(Pattern::new(&"/:p".repeat(27)), Err(PatternError::TooManyParams { .. })));
    }

    proptest! {
        /// Whatever a guest binds, the matcher takes it or says why not: it neither panics nor matches something else.
        #[test]
        fn a_literal_path_matches_itself(segments in prop::collection::vec("[^/:*][^/]{0,5}|[{}]{1,4}", 1..5)) {
            let path = format!("/{}", segments.join("/"));
            let mut router = matchit::Router::new();
            router.insert(Pattern::new(&path).unwrap().matcher, ()).unwrap();
            prop_assert!(router.at(&path).is_ok(), "{path}");
            let longer = format!("{path}x");
            prop_assert!(router.at(&longer).is_err());
        }

        #[test]
        fn what_parameters_match_is_read_by_position(
            parts in prop::collection::vec(("[{}:*a-z]{0,3}", "[{}:*a-z]{1,3}", any::<bool>()), 1..6),
        ) {
            let mut pattern = String::new();
            let mut path = String::new();
            let mut expected = Vec::new();
            for (name, value, is_param) in &parts {
                let literal = format!("l{value}");
                pattern.push_str(&if *is_param { format!("/:{name}") } else { format!("/{literal}") });
                path.push_str(&format!("/{}", if *is_param { value } else { &literal }));
                if *is_param {
                    expected.push((name.clone(), value.clone()));
                }
            }
            let converted = Pattern::new(&pattern).unwrap();
            let mut router = matchit::Router::new();
            router.insert(converted.matcher.clone(), ()).unwrap();
            let found = router.at(&path).unwrap();
            let got: Vec<_> = converted.names.iter().cloned().zip(found.params.iter().map(|(_, value)| value.to_owned())).collect();
            prop_assert_eq!(got, expected);
        }

        #[test]
        fn any_two_paths_are_taken_or_refused(first in "(/[{}:*a-b]{0,3}){1,4}", second in "(/[{}:*a-b]{0,3}){1,4}") {
            let mut router = matchit::Router::new();
            for path in [first, second] {
                if let Ok(pattern) = Pattern::new(&path) {
                    let _ = router.insert(pattern.matcher, ());
                }
            }
        }
    }
}
