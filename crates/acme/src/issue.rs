//! One order, from account to certificate (RFC 8555, 7.4).

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use instant_acme::{
    Account, AuthorizationStatus, ChallengeStatus, ChallengeType, Error, Identifier, Key, NewOrder, Order, OrderStatus,
    Problem, RetryPolicy,
};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::certificate::{self, BadCertificate, Validity};
use crate::challenges::{Challenges, UnderWay};
use crate::kept::{self, Issued, Kept};
use crate::responder;
use crate::settings::{AcmeSettings, Names};
use crate::transport::Transport;

/// How often an order is looked at, and for how long.
const LOOKS: RetryPolicy =
    RetryPolicy::new().initial_delay(Duration::from_millis(250)).backoff(1.5).timeout(Duration::from_secs(180));

/// No certificate came of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IssueError {
    /// The authority, or the way there.
    #[error("{what}: {}", plain(.error))]
    Authority {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        error: Error,
    },
    /// The authority looked, and did not find what it wants.
    #[error("the authority does not give a certificate for {name}: {reason}")]
    Refused {
        /// Which name.
        name: String,
        /// Its words.
        reason: String,
    },
    /// The port for challenges.
    #[error("cannot listen at {address}, the `challenge` of [acme]: {error}")]
    Port {
        /// Where.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// What has to be kept cannot be.
    #[error("cannot keep what belongs to the certificate: {0}")]
    Disk(#[from] io::Error),
    /// A key is none.
    #[error("the {which} key cannot be used: {error}")]
    Key {
        /// Which.
        which: &'static str,
        /// Why.
        error: String,
    },
    /// What the authority gave cannot be used.
    #[error("the certificate that was issued cannot be used: {0}")]
    Unusable(#[from] BadCertificate),
    /// It is due for renewal already.
    #[error("the certificate that was issued is too old already: it ends at second {}", .0.not_after)]
    TooOld(Validity),
}

impl IssueError {
    /// Whether going on with the same order could still work: nobody said that it does not.
    fn leaves_the_order(&self) -> bool {
        match self {
            Self::Authority { error, .. } => !is_final(error),
            Self::Port { .. } | Self::Disk(_) => true,
            Self::Refused { .. } | Self::Key { .. } | Self::Unusable(_) | Self::TooOld(_) => false,
        }
    }
}

/// Whether the authority would say the same again: not if it is busy, or did not like a nonce.
fn is_final(error: &Error) -> bool {
    let Error::Api(problem) = error else { return false };
    let kind = problem.r#type.as_deref().unwrap_or_default();
    let passes = ["badNonce", "rateLimited", "serverInternal"].iter().any(|passing| kind.ends_with(passing));
    !passes && problem.status.is_none_or(|status| (400..500).contains(&status) && status != 429)
}

/// An error of the authority in its own words, without those of the library.
fn plain(error: &Error) -> String {
    match error {
        Error::Api(problem) => words(problem),
        other => other.to_string(),
    }
}

fn words(problem: &Problem) -> String {
    let parts = problem.subproblems.iter().filter_map(|part| part.detail.clone());
    let all: Vec<_> = problem.detail.iter().cloned().chain(parts).collect();
    let all = if all.is_empty() { problem.r#type.clone().unwrap_or_default() } else { all.join("; ") };
    // Whatever the authority writes goes into a line of the log.
    all.chars().filter(|c| !c.is_control()).take(500).collect()
}

fn tried(what: &'static str) -> impl FnOnce(Error) -> IssueError {
    move |error| IssueError::Authority { what, error }
}

/// What it takes to get a certificate.
pub(crate) struct Issuer {
    pub(crate) settings: AcmeSettings,
    pub(crate) names: Names,
    pub(crate) transport: Transport,
    pub(crate) challenges: Challenges,
    pub(crate) kept: Kept,
}

impl Issuer {
    /// Gets a certificate. What was begun and cut off goes on.
    pub(crate) async fn obtain(&self) -> Result<(Issued, Validity), IssueError> {
        let account = self.account().await?;
        let (mut order, record) = self.order(&account).await?;
        let issued = match self.settings.challenge {
            None => self.complete(&mut order, &record).await,
            Some(address) => {
                let bound = responder::bind(address).await;
                let listener = bound.map_err(|error| IssueError::Port { address, error })?;
                tokio::select! {
                    issued = self.complete(&mut order, &record) => issued,
                    never = responder::serve(listener, self.challenges.clone()) => match never {},
                }
            }
        };
        let checked = issued.and_then(|certificate| {
            let validity = certificate::check(&certificate, &record.key, &record.names)?;
            Ok((Issued::new(record, certificate), validity))
        });
        if checked.as_ref().is_err_and(|error| !error.leaves_the_order()) {
            self.kept.forget_order().await?;
        }
        checked
    }

    /// The account of our key, made there if there is none.
    async fn account(&self) -> Result<Account, IssueError> {
        let pem = self.kept.account_key().await?;
        let (key, der) = match account_key(&pem) {
            Ok(read) => read,
            Err(error) => {
                // Certificates end, so one account more is better than none.
                tracing::warn!("{error}; it is kept as {}, and another one is made", kept::ACCOUNT_ASIDE);
                account_key(&self.kept.another_account_key(pem).await?)?
            }
        };
        let builder = Account::builder_with_http(Box::new(self.transport.clone()));
        let made = builder.create_from_key((key, der), self.settings.directory.clone()).await;
        let (account, _) = made.map_err(tried("opening an account"))?;
        if !self.settings.contact.is_empty() {
            let contact: Vec<_> = self.settings.contact.iter().map(String::as_str).collect();
            account.update_contacts(&contact).await.map_err(tried("saying how to reach the owner"))?;
        }
        Ok(account)
    }

    /// The order that is under way, or else a new one.
    async fn order(&self, account: &Account) -> Result<(Order, kept::Order), IssueError> {
        let record = self.kept.order().await?;
        if let Some(record) = record.filter(|record| record.is_for(&self.settings.directory, &self.names)) {
            match account.order(record.url.clone()).await {
                Ok(mut order) => {
                    if order.state().status != OrderStatus::Invalid {
                        tracing::info!("going on with an order for a certificate");
                        return Ok((order, record));
                    }
                }
                // The authority does not know it.
                Err(error) if is_final(&error) => {}
                Err(error) => return Err(tried("looking at the order under way")(error)),
            }
        }
        let names: Vec<_> = self.names.as_slice().iter().cloned().map(Identifier::Dns).collect();
        let order = account.new_order(&NewOrder::new(&names)).await.map_err(tried("ordering a certificate"))?;
        let key = KeyPair::generate()
            .map_err(|error| IssueError::Key { which: "certificate's", error: error.to_string() })?;
        let record = kept::Order::new(&self.settings.directory, &self.names, order.url(), &key);
        self.kept.save_order(&record).await?;
        Ok((order, record))
    }

    async fn complete(&self, order: &mut Order, record: &kept::Order) -> Result<String, IssueError> {
        let mut under_way = self.challenges.begin();
        if order.state().status == OrderStatus::Pending {
            authorize(order, &mut under_way).await?;
            let ready = order.poll_ready(&LOOKS).await;
            if !matches!(ready, Ok(OrderStatus::Ready)) {
                if let Some(refused) = why(order).await {
                    return Err(refused);
                }
                ready.map_err(tried("waiting for the authority to look at this node"))?;
            }
        }
        if order.state().status == OrderStatus::Ready {
            let request = signing_request(record)
                .map_err(|error| IssueError::Key { which: "certificate's", error: error.to_string() })?;
            order.finalize_csr(&request).await.map_err(tried("asking for the certificate"))?;
        }
        order.poll_certificate(&LOOKS).await.map_err(tried("waiting for the certificate"))
    }
}

/// Reads the key of an account.
fn account_key(pem: &str) -> Result<(Key, PrivateKeyDer<'static>), IssueError> {
    let bad = |error: &dyn std::fmt::Display| IssueError::Key { which: "account's", error: error.to_string() };
    let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(|error| bad(&error))?;
    let key = Key::from_pkcs8_der(der.clone_key()).map_err(|error| bad(&error))?;
    Ok((key, PrivateKeyDer::Pkcs8(der)))
}

/// Shows for each name that it is ours.
async fn authorize(order: &mut Order, under_way: &mut UnderWay) -> Result<(), IssueError> {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization.map_err(tried("looking at what is to be shown"))?;
        let name = authorization.identifier().to_string();
        match authorization.status {
            AuthorizationStatus::Valid => continue,
            AuthorizationStatus::Pending => {}
            ref over => return Err(IssueError::Refused { name, reason: format!("the authorization is {over:?}") }),
        }
        let Some(mut challenge) = authorization.challenge(ChallengeType::Http01) else {
            return Err(IssueError::Refused { name, reason: "it does not offer http-01".to_owned() });
        };
        under_way.add(&challenge.token, challenge.key_authorization().as_str());
        if challenge.status == ChallengeStatus::Pending {
            challenge.set_ready().await.map_err(tried("asking the authority to look at this node"))?;
        }
    }
    Ok(())
}

/// Which name failed, and why, as the authority tells it. `None`: it does not.
async fn why(order: &mut Order) -> Option<IssueError> {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization.ok()?;
        authorization.refresh().await.ok()?;
        let problem = authorization.challenges.iter().find_map(|challenge| challenge.error.as_ref());
        if let Some(problem) = problem {
            return Some(IssueError::Refused { name: authorization.identifier().to_string(), reason: words(problem) });
        }
    }
    None
}

fn signing_request(record: &kept::Order) -> Result<Vec<u8>, rcgen::Error> {
    let key = KeyPair::from_pem(&record.key)?;
    let mut params = CertificateParams::new(record.names.clone())?;
    params.distinguished_name = DistinguishedName::new();
    Ok(params.serialize_request(&key)?.der().to_vec())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn an_authority_that_is_busy_has_not_refused() {
        let said = |kind: &str, status: u16| {
            let kind = format!("urn:ietf:params:acme:error:{kind}");
            let problem = serde_json::json!({ "type": kind, "detail": "because", "status": status });
            is_final(&Error::Api(serde_json::from_value(problem).unwrap()))
        };
        assert!(said("malformed", 404) && said("unauthorized", 403) && said("orderNotReady", 403));
        assert!(!said("badNonce", 400) && !said("rateLimited", 429) && !said("serverInternal", 500));
        assert!(!said("other", 503) && !said("other", 429));
        assert!(!is_final(&Error::Str("no connection")));
    }
}
