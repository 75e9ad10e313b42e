//! Whom a registry wants to speak with: it says so beside a refusal, and is shown a password, or a token that another server
//! gives.

use serde::Deserialize;
use url::Url;

use crate::client::http::{Answer, Ask, Http, Redirects};
use crate::client::{RegistryError, Result};
use crate::limits::Limits;

/// What a registry asks for.
#[derive(Debug, PartialEq, Eq)]
enum Challenge {
    Basic,
    /// A token from the realm.
    Bearer {
        realm: String,
        service: Option<String>,
        scope: Option<String>,
    },
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

/// The header that a registry wants to see, by what it said when it refused. `None` where there is nothing to show.
pub(super) fn authorization(http: &Http, base: &Url, refusal: &Answer, limits: &Limits) -> Result<Option<String>> {
    match refusal.header("www-authenticate").and_then(parse) {
        None => Ok(None),
        Some(Challenge::Basic) => Ok(http.basic(base)),
        Some(Challenge::Bearer { realm, service, scope }) => {
            let mut url =
                base.join(&realm).map_err(|error| RegistryError::malformed("where it gives tokens", error))?;
            // Who one is for the registry is told there: to the registry itself, or with TLS.
            if url.scheme() != "https" && url.origin() != base.origin() {
                let (from, to) = (refusal.url().to_string(), url.to_string());
                return Err(RegistryError::Redirect { url: from, to, why: "tokens are fetched with TLS only" });
            }
            for (key, value) in [("service", service), ("scope", scope)] {
                if let Some(value) = value {
                    url.query_pairs_mut().append_pair(key, &value);
                }
            }
            let ask = Ask::get(&url, Redirects::SameOrigin).accept("application/json").authorized(http.basic(base));
            let bytes = http.send(&ask)?.ok()?.read(limits.list_bytes_max, &mut |_, _| ())?;
            let Token { token, access_token } =
                serde_json::from_slice(&bytes).map_err(|error| RegistryError::malformed("the token", error))?;
            let token = token.or(access_token).filter(|token| token.bytes().all(|b| b.is_ascii_graphic()));
            let token = token.ok_or_else(|| RegistryError::malformed("the token", "there is none"))?;
            Ok(Some(format!("Bearer {token}")))
        }
    }
}

/// `Basic ...`, or `Bearer realm="...",service="...",scope="..."`.
fn parse(header: &str) -> Option<Challenge> {
    let (scheme, rest) = header.split_once(' ').unwrap_or((header, ""));
    if scheme.eq_ignore_ascii_case("basic") {
        return Some(Challenge::Basic);
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let (mut realm, mut service, mut scope) = (None, None, None);
    let mut rest = rest.trim();
    while let Some((key, after)) = rest.split_once("=\"") {
        let (value, after) = after.split_once('"')?;
        match key.trim_matches([',', ' ']) {
            "realm" => realm = Some(value.to_owned()),
            "service" => service = Some(value.to_owned()),
            "scope" => scope = Some(value.to_owned()),
            _ => {}
        }
        rest = after;
    }
    Some(Challenge::Bearer { realm: realm?, service, scope })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_registries_ask_for_is_understood() {
        let bearer = "Bearer realm=\"https://auth.example/token\",service=\"r\", scope=\"repository:a/b:pull,push\"";
        let wanted = Challenge::Bearer {
            realm: "https://auth.example/token".to_owned(),
            service: Some("r".to_owned()),
            scope: Some("repository:a/b:pull,push".to_owned()),
        };
        assert_eq!(parse(bearer), Some(wanted));
        assert_eq!(parse("Basic realm=\"x\""), Some(Challenge::Basic));
        for other in ["", "Bearer", "Bearer realm=", "Bearer service=\"x\"", "Digest realm=\"x\""] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
