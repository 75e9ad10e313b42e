//! The cookies of sessions.
//!
//! Cookies know no ports: nodes on one machine see each other's, so each has a name of its own, and what is kept from
//! processes are those of all nodes. Over TLS, `__Host-` keeps a page on a subdomain from setting ours.

use hyper::header::{COOKIE, HeaderMap, HeaderValue};
use wharf_types::NodeName;

use super::arrival::Scheme;
use super::secret::Secret;

const PREFIX: &str = "wharf-session_";
const SECURE_PREFIX: &str = "__Host-wharf-session_";

/// When a browser sends a cookie along with a request that another site made it do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SameSite {
    /// Never.
    Strict,
    /// When it goes there. For subdomains, which the node's own pages link to: those count as another site.
    Lax,
}

/// Name of the node's cookie.
fn name(node: &NodeName, scheme: Scheme) -> String {
    let prefix = match scheme {
        Scheme::Https => SECURE_PREFIX,
        Scheme::Http => PREFIX,
    };
    format!("{prefix}{node}")
}

/// Whether a cookie with this name is a node's.
pub(crate) fn is_ours(name: &str) -> bool {
    let name = name.trim();
    let begins = |prefix: &str| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    begins(PREFIX) || begins(SECURE_PREFIX)
}

/// Each `name=value` of the request.
fn pairs(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(';')).map(str::trim).filter(|pair| !pair.is_empty())
}

fn split(pair: &str) -> (&str, &str) {
    pair.split_once('=').map_or((pair, ""), |(name, value)| (name.trim(), value.trim()))
}

/// What the request presents as this node's session. There may be several: a page can set a cookie for a path.
pub(crate) fn sessions<'a>(headers: &'a HeaderMap, node: &NodeName, scheme: Scheme) -> impl Iterator<Item = &'a str> {
    let name = name(node, scheme);
    pairs(headers).map(split).filter(move |(other, _)| *other == name).map(|(_, value)| value)
}

/// The cookies that processes may see, as one header. `None`: none.
pub(crate) fn without_ours(headers: &HeaderMap) -> Option<String> {
    let theirs: Vec<_> = pairs(headers).filter(|pair| !is_ours(split(pair).0)).collect();
    (!theirs.is_empty()).then(|| theirs.join("; "))
}

fn header(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn attributes(scheme: Scheme, same_site: SameSite) -> String {
    let secure = match scheme {
        Scheme::Https => "; Secure",
        Scheme::Http => "",
    };
    format!("; Path=/; HttpOnly; SameSite={same_site:?}{secure}")
}

/// Gives a browser a session, for the host that it asked and no other. Node names are always valid in headers.
pub(crate) fn set(
    node: &NodeName,
    scheme: Scheme,
    same_site: SameSite,
    session: &Secret,
    age_s: u64,
) -> Option<HeaderValue> {
    let (name, attributes) = (name(node, scheme), attributes(scheme, same_site));
    header(&format!("{name}={}{attributes}; Max-Age={age_s}", session.text()))
}

/// Takes it back.
pub(crate) fn clear(node: &NodeName, scheme: Scheme, same_site: SameSite) -> Option<HeaderValue> {
    header(&format!("{}={}; Max-Age=0", name(node, scheme), attributes(scheme, same_site)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn node() -> NodeName {
        "a.os".parse().unwrap()
    }

    fn headers(cookies: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(COOKIE, HeaderValue::from_str(cookie).unwrap());
        }
        headers
    }

    /// S21: the flags are attributes of the cookie, and the cookie is for one host.
    #[test]
    fn s21_flags_are_attributes() {
        let secret = Secret::new().unwrap();
        let text =
            |scheme, same_site| set(&node(), scheme, same_site, &secret, 7).unwrap().to_str().unwrap().to_owned();
        let value = secret.text();
        assert_eq!(
            text(Scheme::Http, SameSite::Strict),
            format!("wharf-session_a.os={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=7")
        );
        assert_eq!(
            text(Scheme::Https, SameSite::Lax),
            format!("__Host-wharf-session_a.os={value}; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=7")
        );
        let cleared = clear(&node(), Scheme::Http, SameSite::Strict).unwrap();
        assert_eq!(cleared, "wharf-session_a.os=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    }

    #[test]
    fn sessions_are_found_among_other_cookies() {
        let headers = headers(&["a=b; wharf-session_a.os=one;c", " wharf-session_a.os = two ", "wharf-session_b.os=x"]);
        let found: Vec<_> = sessions(&headers, &node(), Scheme::Http).collect();
        assert_eq!(found, ["one", "two"]);
        assert_eq!(sessions(&headers, &node(), Scheme::Https).count(), 0);
    }

    #[test]
    fn s21_processes_see_no_nodes_cookies() {
        let mixed =
            headers(&["a=b; wharf-session_a.os=s;c", "__Host-wharf-session_b.os=s; d=\"e;f\"", "WHARF-Session_x=s"]);
        assert_eq!(without_ours(&mixed).unwrap(), "a=b; c; d=\"e; f\"");
        assert_eq!(without_ours(&headers(&["wharf-session_a.os=s"])), None);
        assert_eq!(without_ours(&HeaderMap::new()), None);
    }

    proptest! {
        #[test]
        fn s21_nothing_of_a_session_gets_through(parts in proptest::collection::vec("[a-z_=; \"]{0,8}|(__Host-)?wharf-session_[ab]?[= ]{0,2}secret", 0..8)) {
            let headers = headers(&[&parts.join(";")]);
            prop_assert!(!without_ours(&headers).unwrap_or_default().contains("wharf-session_"));
            let _ = sessions(&headers, &node(), Scheme::Http).count();
        }
    }
}
