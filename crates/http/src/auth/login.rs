//! `/login`, `/login/enter` and `/logout`: where browsers get their sessions, and lose them.
//!
//! The password is typed at the node's own origin and nowhere else, so that no process ever shows a page that looks like
//! the right place for it. A subdomain gets a session of its own, by way of a secret that is good once:
//!
//! ```text
//! app.localhost/…  -> localhost/login?to=app&redirect=/…  -> app.localhost/login/enter?link=…  -> app.localhost/…
//! ```

use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::header::{ALLOW, HeaderValue, RETRY_AFTER, SET_COOKIE};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};
use serde_json::json;

use super::admit::{go_on, unknown_name};
use super::arrival::Arrival;
use super::cookie::{self, SameSite};
use super::form::{self, Form, Written, wants_html};
use super::gate::Gate;
use super::host::Site;
use super::links::LinkFor;
use super::pages::{self, Ask};
use super::password::PasswordError;
use super::record::now_s;
use super::redirect::LocalPath;
use super::same_origin::check_same_origin;
use super::secret::Secret;
use super::session::Session;
use crate::body::{self, AnswerBody};
use crate::refusal::{json, refuse};
use crate::serve::Server;

const LOGIN: &str = "/login";
const ENTER: &str = "/login/enter";
const LOGOUT: &str = "/logout";

/// How long a browser may take from one origin to another.
const ENTER_WAIT: Duration = Duration::from_secs(60);

/// Whether a path is one of these.
pub(crate) fn is_login_path(path: &str) -> bool {
    matches!(path, LOGIN | ENTER | LOGOUT)
}

/// Answers a request for one of them.
pub(crate) async fn answer(server: &Server, arrival: &Arrival, request: Request<Incoming>) -> Response<AnswerBody> {
    let (parts, body) = request.into_parts();
    let is_look = matches!(parts.method, Method::GET | Method::HEAD);
    match (parts.uri.path(), &arrival.site) {
        (_, Site::Unknown) => unknown_name(arrival),
        (LOGIN, Site::Own) if is_look => look(server, arrival, &parts),
        (LOGIN, Site::Own) if parts.method == Method::POST => log_in(server, arrival, &parts, body).await,
        (LOGIN, Site::Label(label)) if is_look => to_own_origin(&server.gate, arrival, &parts, label),
        (ENTER, Site::Label(label)) if is_look => enter(&server.gate, arrival, &parts, label).await,
        (LOGOUT, _) if parts.method == Method::POST => log_out(&server.gate, arrival, &parts).await,
        (LOGIN, _) => not_allowed(if arrival.site == Site::Own { "GET, POST" } else { "GET" }),
        (LOGOUT, _) => not_allowed("POST"),
        _ => not_allowed("GET"),
    }
}

fn not_allowed(allow: &'static str) -> Response<AnswerBody> {
    let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, format_args!("only {allow} is understood here"));
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    response
}

fn query(parts: &Parts) -> Form {
    Form::of_query(parts.uri.query().unwrap_or_default().as_bytes())
}

/// Where the form leads: a path, at the node or at a subdomain that some process is served at.
struct Destination {
    label: Option<Box<str>>,
    path: LocalPath,
}

impl Destination {
    fn of(server: &Server, form: &Form) -> Self {
        let is_known = |label: &&str| server.routes.owners().iter().any(|owner| server.gate.is_label_of(label, owner));
        let label = Some(form.to.as_str()).filter(|label| !label.is_empty()).filter(is_known);
        Self { label: label.map(Into::into), path: LocalPath::new(&form.redirect).unwrap_or_else(LocalPath::root) }
    }
}

/// `GET /login`: the page, or on to where a browser wants to go that is logged in already.
fn look(server: &Server, arrival: &Arrival, parts: &Parts) -> Response<AnswerBody> {
    let (gate, form) = (&server.gate, query(parts));
    if let Some(session) = gate.session(arrival, &parts.headers) {
        return lead_on(gate, arrival, &session, Destination::of(server, &form));
    }
    let by_another = parts.headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none");
    if by_another && form.again.is_empty() && form.link.is_empty() {
        // The cookie was left out because a page of another site led here. Now this one does.
        let to = format!("{LOGIN}?again=1&{}", parts.uri.query().unwrap_or_default());
        return pages::bounce(&to);
    }
    if !form.link.is_empty() {
        return if gate.links.is_login(&form.link, Instant::now()) {
            let ask = if gate.has_password() { Ask::Nothing } else { Ask::NewPassword };
            pages::form(StatusCode::OK, &gate.node, ask, &form, None)
        } else {
            used_up()
        };
    }
    if gate.has_password() {
        pages::form(StatusCode::OK, &gate.node, Ask::Password, &form, None)
    } else {
        let text = "This node has no password yet. On the machine that it runs on, `wharf login-link` prints a link with \
                    which you can choose one, and `wharf passwd` sets one.";
        pages::note(StatusCode::OK, "No password yet", text)
    }
}

fn used_up() -> Response<AnswerBody> {
    let text = "This link was used already, or is too old. `wharf login-link`, on the node's machine, prints another.";
    pages::note(StatusCode::FORBIDDEN, "This link is not good any more", text)
}

/// On to where somebody with a session wants to go.
fn lead_on(gate: &Gate, arrival: &Arrival, session: &Session, to: Destination) -> Response<AnswerBody> {
    let Some(label) = to.label else { return go_on(StatusCode::SEE_OTHER, to.path.as_str()) };
    let Some(origin) = gate.origin(arrival, Some(&label)) else {
        return go_on(StatusCode::SEE_OTHER, to.path.as_str());
    };
    let is_for = LinkFor::Subdomain { label, parent: session.digest };
    match gate.links.make(is_for, ENTER_WAIT, Instant::now()) {
        Ok(link) => {
            let redirect = to.path.in_query();
            go_on(StatusCode::SEE_OTHER, &format!("{origin}{ENTER}?link={}&redirect={redirect}", link.text()))
        }
        Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}

/// `GET /login` at a subdomain: the password is for the node's own origin.
fn to_own_origin(gate: &Gate, arrival: &Arrival, parts: &Parts, label: &str) -> Response<AnswerBody> {
    let Some(origin) = gate.origin(arrival, None) else { return unknown_name(arrival) };
    let path = LocalPath::new(&query(parts).redirect).unwrap_or_else(LocalPath::root);
    go_on(StatusCode::SEE_OTHER, &format!("{origin}{LOGIN}?to={label}&redirect={}", path.in_query()))
}

/// `GET /login/enter`: a browser comes over to a subdomain.
async fn enter(gate: &Gate, arrival: &Arrival, parts: &Parts, label: &str) -> Response<AnswerBody> {
    let form = query(parts);
    let fits = |link: &LinkFor| matches!(link, LinkFor::Subdomain { label: of, .. } if &**of == label);
    let Some(LinkFor::Subdomain { label, parent }) = gate.links.take(&form.link, Instant::now(), fits) else {
        return used_up();
    };
    let path = LocalPath::new(&form.redirect).unwrap_or_else(LocalPath::root);
    let (secret, session) = match Secret::new() {
        Ok(secret) => {
            let session = gate.new_session(&secret, arrival, &parts.headers, Some((parent, label)));
            (secret, session)
        }
        Err(error) => return refuse(StatusCode::INTERNAL_SERVER_ERROR, error),
    };
    let max = gate.settings.sessions_max;
    let added = gate.records.change(move |record| {
        // It may have ended on the way.
        let lives = record.session(&parent).is_some_and(|parent| parent.expires_s > now_s());
        if lives {
            record.add(session, max, now_s());
        }
        lives
    });
    match added.await {
        Ok(true) => with_session(gate, arrival, SameSite::Lax, &secret, go_on(StatusCode::SEE_OTHER, path.as_str())),
        Ok(false) => used_up(),
        Err(error) => refuse(StatusCode::SERVICE_UNAVAILABLE, error),
    }
}

fn with_session(
    gate: &Gate,
    arrival: &Arrival,
    same_site: SameSite,
    secret: &Secret,
    mut response: Response<AnswerBody>,
) -> Response<AnswerBody> {
    let age_s = gate.settings.session_s_max;
    if let Some(cookie) = cookie::set(&gate.node, arrival.scheme, same_site, secret, age_s) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// Why somebody is not logged in.
#[derive(Debug, thiserror::Error)]
enum NotLoggedIn {
    #[error("that is not the password")]
    WrongPassword,
    #[error("the node has no password yet: set one with `wharf passwd`, or with a link of `wharf login-link`")]
    NoPassword,
    #[error("this link was used already, or is too old")]
    BadLink,
    #[error(transparent)]
    TooMany(#[from] super::attempts::TooMany),
    #[error(transparent)]
    Password(#[from] PasswordError),
    #[error("{0}")]
    NotKept(String),
}

impl NotLoggedIn {
    fn status(&self) -> StatusCode {
        match self {
            Self::WrongPassword | Self::BadLink => StatusCode::UNAUTHORIZED,
            Self::NoPassword => StatusCode::CONFLICT,
            Self::TooMany(_) | Self::Password(PasswordError::Busy) => StatusCode::TOO_MANY_REQUESTS,
            Self::Password(PasswordError::Short | PasswordError::Long) => StatusCode::BAD_REQUEST,
            Self::Password(PasswordError::Failed(_)) | Self::NotKept(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn retry_after(&self) -> Option<HeaderValue> {
        match self {
            Self::TooMany(too_many) => Some((too_many.wait.as_secs() + 1).into()),
            Self::Password(PasswordError::Busy) => Some(1.into()),
            _ => None,
        }
    }
}

/// `POST /login`.
async fn log_in(server: &Server, arrival: &Arrival, parts: &Parts, body: Incoming) -> Response<AnswerBody> {
    if let Err(reason) = check_same_origin(arrival, parts) {
        return refuse(StatusCode::FORBIDDEN, reason);
    }
    let Some(written) = form::written(&parts.headers) else {
        let error = "send `application/x-www-form-urlencoded` or `application/json`";
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, error);
    };
    let read = body::read(body, form::BYTES_MAX, server.settings.body_wait, &server.buffered.logins).await;
    let bytes = match read {
        Ok((bytes, _held)) => bytes,
        Err(error) => return refuse(error.status(), error),
    };
    let form = match Form::read(written, &bytes) {
        Ok(form) => form,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, format_args!("the body is not understood: {error}")),
    };
    match session_for(&server.gate, arrival, parts, &form).await {
        Ok(secret) => {
            tracing::info!(from = %arrival.client.ip(), "somebody logged in");
            let response = logged_in(&Destination::of(server, &form), &form, written);
            with_session(&server.gate, arrival, SameSite::Strict, &secret, response)
        }
        Err(error) => {
            tracing::warn!(from = %arrival.client.ip(), %error, "a login was refused");
            not_logged_in(&server.gate, parts, &form, written, &error)
        }
    }
}

/// A form may not be answered by a redirect to another origin, which its page's policy forbids: to a subdomain, the browser
/// is sent on by a page.
fn logged_in(to: &Destination, form: &Form, written: Written) -> Response<AnswerBody> {
    let again = |label: &str| format!("{LOGIN}?to={label}&redirect={}", to.path.in_query());
    match (written, &to.label) {
        (Written::Json, _) => json(StatusCode::OK, &json!({ "redirect": to.path.as_str() })),
        (Written::Form, Some(label)) => pages::bounce(&again(label)),
        // The link was followed from a mail or a chat, perhaps: the cookie is not for such a journey.
        (Written::Form, None) if !form.link.is_empty() => pages::bounce(to.path.as_str()),
        (Written::Form, None) => go_on(StatusCode::SEE_OTHER, to.path.as_str()),
    }
}

fn not_logged_in(
    gate: &Gate,
    parts: &Parts,
    form: &Form,
    written: Written,
    error: &NotLoggedIn,
) -> Response<AnswerBody> {
    let (status, text) = (error.status(), error.to_string());
    let mut response = match written {
        Written::Form if wants_html(&parts.headers) => {
            let ask = match (gate.has_password(), form.link.is_empty()) {
                (true, _) => Ask::Password,
                (false, false) if !matches!(error, NotLoggedIn::BadLink) => Ask::NewPassword,
                (false, _) => return pages::note(status, "Not logged in", &text),
            };
            // A link that is not good leads nowhere a second time either.
            let link = if ask == Ask::NewPassword { form.link.clone() } else { String::new() };
            let form = Form { redirect: form.redirect.clone(), to: form.to.clone(), link, ..Form::default() };
            pages::form(status, &gate.node, ask, &form, Some(&text))
        }
        Written::Form | Written::Json => refuse(status, &text),
    };
    if let Some(wait) = error.retry_after() {
        response.headers_mut().insert(RETRY_AFTER, wait);
    }
    response
}

/// The secret of a new session, for whoever may have one.
async fn session_for(gate: &Gate, arrival: &Arrival, parts: &Parts, form: &Form) -> Result<Secret, NotLoggedIn> {
    let by_link = !form.link.is_empty();
    let current = gate.records.now().password.clone();
    let mut first_password = None;
    if by_link {
        if !gate.links.is_login(&form.link, Instant::now()) {
            return Err(NotLoggedIn::BadLink);
        }
        if current.is_none() {
            first_password = Some(gate.hasher.hash(form.password.clone()).await?);
        }
        // Used up last, so that a password that was too short costs no link.
        let link = gate.links.take(&form.link, Instant::now(), |link| *link == LinkFor::Login);
        link.ok_or(NotLoggedIn::BadLink)?;
    } else {
        check_password(gate, arrival, form, current).await?;
    }
    let secret = Secret::new().map_err(|error| NotLoggedIn::NotKept(error.to_string()))?;
    let session = gate.new_session(&secret, arrival, &parts.headers, None);
    let max = gate.settings.sessions_max;
    let kept = gate.records.change(move |record| {
        if let Some(password) = first_password.filter(|_| record.password.is_none()) {
            record.password = Some(password.into());
        }
        record.add(session, max, now_s());
    });
    kept.await.map_err(|error| NotLoggedIn::NotKept(error.to_string()))?;
    Ok(secret)
}

async fn check_password(
    gate: &Gate,
    arrival: &Arrival,
    form: &Form,
    current: Option<std::sync::Arc<str>>,
) -> Result<(), NotLoggedIn> {
    let current = current.ok_or(NotLoggedIn::NoPassword)?;
    let from = arrival.client.ip();
    gate.attempts.take(from, Instant::now())?;
    if gate.hasher.is(form.password.clone(), current).await? {
        gate.attempts.give_back(from);
        Ok(())
    } else {
        Err(NotLoggedIn::WrongPassword)
    }
}

/// `POST /logout`: ends the session, the one that it came from, and those that came from that one.
async fn log_out(gate: &Gate, arrival: &Arrival, parts: &Parts) -> Response<AnswerBody> {
    if let Err(reason) = check_same_origin(arrival, parts) {
        return refuse(StatusCode::FORBIDDEN, reason);
    }
    if let Some(session) = gate.session(arrival, &parts.headers) {
        let root = session.root();
        if let Err(error) = gate.records.change(move |record| record.end(root)).await {
            return refuse(StatusCode::SERVICE_UNAVAILABLE, error);
        }
    }
    let same_site = if arrival.site == Site::Own { SameSite::Strict } else { SameSite::Lax };
    let mut response =
        if wants_html(&parts.headers) { go_on(StatusCode::SEE_OTHER, LOGIN) } else { json(StatusCode::OK, &json!({})) };
    if let Some(cookie) = cookie::clear(&gate.node, arrival.scheme, same_site) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}
