//! Who may see a bound path, and where those are sent who may not yet.

use hyper::header::{CACHE_CONTROL, HeaderValue, LOCATION};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};

use super::arrival::Arrival;
use super::form::wants_html;
use super::gate::Gate;
use super::host::Site;
use super::origins;
use super::redirect::LocalPath;
use super::same_origin::check_same_origin;
use crate::access::check_local;
use crate::body::AnswerBody;
use crate::refusal::refuse;
use crate::routes::{Audience, Origin, Route};

type Admission = Result<(), Box<Response<AnswerBody>>>;

/// Lets a request through to a bound path, or says what to answer instead. A request for a WebSocket is asked the same.
///
/// The control token opens everything, by every name. All others have to come by a name of the node where that
/// matters, to the subdomain where the path is served, and with a session that is good there.
pub(crate) fn admit(gate: &Gate, arrival: &Arrival, parts: &Parts, route: &Route) -> Admission {
    let binding = &route.binding;
    if binding.origin == Origin::ThisMachine
        && let Err(reason) = check_local(arrival.peer.ip(), parts)
    {
        let error = format!("this path can only be seen from the machine that the node runs on: {reason}");
        return Err(Box::new(refuse(StatusCode::FORBIDDEN, error)));
    }
    if gate.token.is_in(&parts.headers) {
        return Ok(());
    }
    check_site(gate, arrival, parts, route)?;
    match (binding.audience, binding.origin) {
        // The browser of whoever sits here is on this machine too, whatever site its pages are from.
        (Audience::Anyone, Origin::ThisMachine) => check_page(arrival, parts),
        (Audience::Anyone, Origin::Anywhere) => Ok(()),
        (Audience::Owner | Audience::OwnerApart, _) => check_session(gate, arrival, parts),
    }
}

/// Whether the path is served at the name that the request is for.
fn check_site(gate: &Gate, arrival: &Arrival, parts: &Parts, route: &Route) -> Admission {
    let (owner, audience) = (route.owner.process(), route.binding.audience);
    match &arrival.site {
        Site::Label(label) if gate.is_label_of(label, owner) => Ok(()),
        Site::Label(_) => {
            Err(Box::new(refuse(StatusCode::NOT_FOUND, "no process of this subdomain has bound this path")))
        }
        Site::Own if gate.is_apart(owner) => Err(Box::new(send_to(gate, arrival, parts, &gate.process_label(owner)))),
        Site::Own if audience == Audience::OwnerApart => {
            Err(Box::new(send_to(gate, arrival, parts, &origins::of_package(owner))))
        }
        Site::Unknown if audience != Audience::Anyone => Err(Box::new(unknown_name(arrival))),
        Site::Own | Site::Unknown => Ok(()),
    }
}

/// The same, at a subdomain.
fn send_to(gate: &Gate, arrival: &Arrival, parts: &Parts, label: &str) -> Response<AnswerBody> {
    let Some(origin) = gate.origin(arrival, Some(label)) else {
        let error = "this path has a subdomain of its own, and an address has none: open the node by a name that is in \
                     `hosts` in its wharf.toml";
        return refuse(StatusCode::MISDIRECTED_REQUEST, error);
    };
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    go_on(StatusCode::TEMPORARY_REDIRECT, &format!("{origin}{path}"))
}

/// A redirect. Text that is no header cannot come here by what checks it before; if it did, there is no redirect.
pub(crate) fn go_on(status: StatusCode, to: &str) -> Response<AnswerBody> {
    let Ok(location) = HeaderValue::from_str(to) else {
        return refuse(StatusCode::BAD_REQUEST, "that is nowhere to go on to");
    };
    let mut response = Response::new(AnswerBody::default());
    *response.status_mut() = status;
    response.headers_mut().insert(LOCATION, location);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// S5: a name that anyone may have pointed here.
pub(crate) fn unknown_name(arrival: &Arrival) -> Response<AnswerBody> {
    let error = match &arrival.authority {
        Some(authority) => format!(
            "this node does not go by the name `{}`; if it should, add it to `hosts` in its wharf.toml",
            authority.host
        ),
        None => "the request names no host, or several, or one that is not valid".to_owned(),
    };
    refuse(StatusCode::MISDIRECTED_REQUEST, error)
}

fn check_session(gate: &Gate, arrival: &Arrival, parts: &Parts) -> Admission {
    if gate.session(arrival, &parts.headers).is_none() {
        return Err(Box::new(log_in_first(gate, arrival, parts)));
    }
    check_page(arrival, parts)
}

fn check_page(arrival: &Arrival, parts: &Parts) -> Admission {
    check_same_origin(arrival, parts).map_err(|reason| Box::new(refuse(StatusCode::FORBIDDEN, reason)))
}

/// Browsers are sent to the login page, programs are told what to show.
fn log_in_first(gate: &Gate, arrival: &Arrival, parts: &Parts) -> Response<AnswerBody> {
    let is_visit = matches!(parts.method, Method::GET | Method::HEAD) && wants_html(&parts.headers);
    if is_visit {
        let here = parts.uri.path_and_query().and_then(|path| LocalPath::new(path.as_str()));
        let here = here.unwrap_or_else(LocalPath::root);
        match &arrival.site {
            Site::Own => return go_on(StatusCode::SEE_OTHER, &format!("/login?redirect={}", here.in_query())),
            Site::Label(label) => {
                if let Some(origin) = gate.origin(arrival, None) {
                    let to = format!("{origin}/login?to={label}&redirect={}", here.in_query());
                    return go_on(StatusCode::SEE_OTHER, &to);
                }
            }
            Site::Unknown => {}
        }
    }
    let error = "this path is for the owner of the node: log in at `/login`, or send the control token from the node's \
                 home, as `Authorization: Bearer <token>`";
    refuse(StatusCode::UNAUTHORIZED, error)
}
