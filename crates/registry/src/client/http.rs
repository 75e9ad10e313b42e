//! The one way to a web server: every answer has a bound, every wait an end, and nothing leads where it should not.

use std::fs;
use std::io::{self, ErrorKind, Read};
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ureq::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LOCATION};
use ureq::http::{HeaderMap, Method, Request};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body};
use url::Url;

use super::location::{authority, is_loopback};
use super::{Access, OnProgress, RegistryError, Result};

/// How much of what a registry says about a failure is shown.
const REASON_BYTES_MAX: u64 = 512;
const CHUNK_BYTES: usize = 64 << 10;

/// Who one is, to one host.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The name.
    pub user: String,
    /// The password, or a token in its place.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Where a redirect may lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Redirects {
    /// To the same server only.
    SameOrigin,
    /// Also to any other, with TLS: for content that is known by its digest, which OCI registries keep elsewhere. Nobody is
    /// told there who one is.
    Elsewhere,
}

/// One request.
#[derive(Clone, Debug)]
pub(super) struct Ask<'a> {
    method: Method,
    url: &'a Url,
    accept: &'static str,
    authorization: Option<String>,
    body: Option<(&'a [u8], &'static str)>,
    redirects: Redirects,
}

impl<'a> Ask<'a> {
    pub(super) fn get(url: &'a Url, redirects: Redirects) -> Self {
        Self { method: Method::GET, url, accept: "*/*", authorization: None, body: None, redirects }
    }

    /// Sends bytes of this media type.
    pub(super) fn sending(method: Method, url: &'a Url, bytes: &'a [u8], mime: &'static str) -> Self {
        let asked = Self::get(url, Redirects::SameOrigin);
        Self { method, body: Some((bytes, mime)), ..asked }
    }

    pub(super) fn method(self, method: Method) -> Self {
        Self { method, ..self }
    }

    pub(super) fn accept(self, accept: &'static str) -> Self {
        Self { accept, ..self }
    }

    pub(super) fn authorized(self, authorization: Option<String>) -> Self {
        Self { authorization, ..self }
    }
}

/// A client for one registry.
pub(super) struct Http {
    agent: Agent,
    access: Access,
}

impl Http {
    pub(super) fn new(base: &Url, access: &Access) -> Result<Self> {
        let names = [authority(base), base.host_str().unwrap_or_default().to_owned()];
        let allowed = is_loopback(base) || access.plain_http.iter().any(|plain| names.contains(plain));
        if base.scheme() != "https" && !allowed {
            return Err(RegistryError::Plain { host: authority(base) });
        }
        let limits = &access.limits;
        let ms = |ms| Some(Duration::from_millis(ms));
        let tls = TlsConfig::builder().root_certs(roots(&access.ca_files)?).build();
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            // Followed here, so that each is looked at.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(ms(limits.connect_ms))
            .timeout_per_read(ms(limits.quiet_ms))
            .timeout_per_write(ms(limits.quiet_ms))
            .timeout_global(ms(limits.total_ms))
            .user_agent(concat!("wharf/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls);
        if is_loopback(base) {
            config = config.proxy(None);
        }
        Ok(Self { agent: Agent::new_with_config(config.build()), access: access.clone() })
    }

    /// The credentials for a host, if there are any.
    pub(super) fn credentials(&self, url: &Url) -> Option<&Credentials> {
        let by_host = || self.access.credentials.get(url.host_str().unwrap_or_default());
        self.access.credentials.get(&authority(url)).or_else(by_host)
    }

    /// Them as a header.
    pub(super) fn basic(&self, url: &Url) -> Option<String> {
        let Credentials { user, password } = self.credentials(url)?;
        Some(format!("Basic {}", BASE64.encode(format!("{user}:{password}"))))
    }

    /// Sends a request, and follows where it leads.
    pub(super) fn send(&self, ask: &Ask<'_>) -> Result<Answer> {
        let mut url = ask.url.clone();
        let mut authorization = ask.authorization.as_deref();
        for _ in 0..=self.access.limits.redirects_max {
            let answer = self.send_once(ask, &url, authorization)?;
            let Some(to) = answer.leads_to() else { return Ok(answer) };
            let next = self.next(ask, &url, to)?;
            if next.origin() != url.origin() {
                authorization = None;
            }
            url = next;
        }
        let (url, to) = (ask.url.to_string(), url.to_string());
        Err(RegistryError::Redirect { url, to, why: "it was sent on too often" })
    }

    fn next(&self, ask: &Ask<'_>, from: &Url, to: &str) -> Result<Url> {
        let refused = |why| RegistryError::Redirect { url: from.to_string(), to: to.to_owned(), why };
        let next = from.join(to).map_err(|_| refused("it is no address"))?;
        if ask.method != Method::GET && ask.method != Method::HEAD {
            return Err(refused("what is sent goes to the registry alone"));
        }
        if next.origin() == from.origin() {
            return Ok(next);
        }
        match ask.redirects {
            Redirects::SameOrigin => Err(refused("it is another host")),
            Redirects::Elsewhere if next.scheme() == "https" => Ok(next),
            Redirects::Elsewhere => Err(refused("it is another host, without TLS")),
        }
    }

    fn send_once(&self, ask: &Ask<'_>, url: &Url, authorization: Option<&str>) -> Result<Answer> {
        let mut request = Request::builder().method(ask.method.clone()).uri(url.as_str()).header(ACCEPT, ask.accept);
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let unsendable = |error: ureq::http::Error| failed(url, &ureq::Error::from(error));
        let answer = match ask.body {
            None => self.agent.run(request.body(()).map_err(unsendable)?),
            Some((bytes, mime)) => self.agent.run(request.header(CONTENT_TYPE, mime).body(bytes).map_err(unsendable)?),
        };
        let (head, body) = answer.map_err(|error| failed(url, &error))?.into_parts();
        Ok(Answer { url: url.clone(), status: head.status.as_u16(), headers: head.headers, body })
    }
}

fn roots(files: &[PathBuf]) -> Result<RootCerts> {
    if files.is_empty() {
        return Ok(RootCerts::WebPki);
    }
    let mut certificates = Vec::new();
    for file in files {
        let refused = |why: String| RegistryError::Certificates { file: file.clone(), why };
        let pem = fs::read(file).map_err(|error| refused(error.to_string()))?;
        let before = certificates.len();
        for item in parse_pem(&pem) {
            if let PemItem::Certificate(certificate) = item.map_err(|error| refused(error.to_string()))? {
                certificates.push(certificate);
            }
        }
        if certificates.len() == before {
            return Err(refused("there is no certificate in it".to_owned()));
        }
    }
    Ok(RootCerts::new_with_certs(&certificates))
}

/// What came back: its head, and its body to be read.
pub(super) struct Answer {
    url: Url,
    status: u16,
    headers: HeaderMap,
    body: Body,
}

impl Answer {
    pub(super) fn status(&self) -> u16 {
        self.status
    }

    /// Where it came from.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    fn leads_to(&self) -> Option<&str> {
        matches!(self.status, 301 | 302 | 303 | 307 | 308).then(|| self.header(LOCATION.as_str())).flatten()
    }

    /// An error, if it is one.
    pub(super) fn ok(self) -> Result<Self> {
        let (url, status) = (self.url.to_string(), self.status);
        match status {
            200..300 => Ok(self),
            401 | 403 => Err(RegistryError::Denied { url, status }),
            _ => Err(RegistryError::Status { url, status, reason: self.reason() }),
        }
    }

    /// What it says, as far as that is short.
    fn reason(self) -> String {
        let mut said = Vec::new();
        // Whatever came until then will do.
        let _ = self.body.into_reader().take(REASON_BYTES_MAX).read_to_end(&mut said);
        String::from_utf8_lossy(&said).trim().to_owned()
    }

    /// All of it, if that is not too much.
    pub(super) fn read(self, bytes_max: u64, progress: OnProgress<'_>) -> Result<Vec<u8>> {
        let too_large = || RegistryError::TooLarge { what: self.url.to_string(), max: bytes_max };
        let claimed = self.body.content_length();
        if claimed.is_some_and(|claimed| claimed > bytes_max) {
            return Err(too_large());
        }
        let mut from = self.body.into_reader().take(bytes_max.saturating_add(1));
        let (mut bytes, mut chunk) = (Vec::new(), vec![0; CHUNK_BYTES]);
        loop {
            let count = from.read(&mut chunk).map_err(|error| broken(&self.url, &error))?;
            if count == 0 {
                return Ok(bytes);
            }
            bytes.extend_from_slice(chunk.get(..count).unwrap_or_default());
            if bytes.len() as u64 > bytes_max {
                return Err(RegistryError::TooLarge { what: self.url.to_string(), max: bytes_max });
            }
            progress(bytes.len() as u64, claimed.unwrap_or(bytes_max));
        }
    }
}

fn failed(url: &Url, error: &ureq::Error) -> RegistryError {
    match error {
        ureq::Error::Timeout(_) => RegistryError::TooSlow { url: url.to_string() },
        ureq::Error::Io(error) => broken(url, error),
        error => RegistryError::Unreachable { url: url.to_string(), why: error.to_string() },
    }
}

fn broken(url: &Url, error: &io::Error) -> RegistryError {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>());
    let too_slow = matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock)
        || matches!(inner, Some(ureq::Error::Timeout(_)));
    match too_slow {
        true => RegistryError::TooSlow { url: url.to_string() },
        false => RegistryError::Unreachable { url: url.to_string(), why: error.to_string() },
    }
}
