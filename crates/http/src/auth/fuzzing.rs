//! What of this is read of a request, all of it, for [`crate::fuzzing`].

use std::net::SocketAddr;

use hyper::http::request::Parts;
use hyper::{HeaderMap, Request};
use wharf_types::NodeName;

use super::arrival::{Arrival, Scheme};
use super::form::{Form, Written};
use super::host::{Authority, Hosts};
use super::redirect::LocalPath;
use super::{cookie, same_origin};

pub(crate) fn read_head(peer: SocketAddr, node: &NodeName, parts: &Parts) {
    let hosts = Hosts::new("node.example".parse().into_iter().collect());
    let request = Request::from_parts(parts.clone(), ());
    for scheme in [Scheme::Http, Scheme::Https] {
        for proxies in [&[][..], &[peer.ip()]] {
            let arrival = Arrival::new(peer, scheme, &request, &hosts, proxies);
            if proxies.is_empty() {
                // S6: nothing that a stranger writes says where it comes from.
                assert_eq!((arrival.client, arrival.scheme), (peer, scheme));
            }
            if let Some(authority) = &arrival.authority {
                // C9: what was read goes into URLs and headers, and is read there as the same.
                assert_eq!(Authority::parse(&authority.to_string()).as_ref(), Some(authority));
                let _ = hosts.base(&authority.host);
            }
            let _ = (arrival.port_in_url(), same_origin::check_same_origin(&arrival, parts).is_ok());
        }
        assert!(cookie::sessions(&parts.headers, node, scheme).all(|value| !value.contains(';')));
    }
    no_session_is_left(&parts.headers);
}

/// S21: processes see no cookie of a node.
fn no_session_is_left(headers: &HeaderMap) {
    let left = cookie::without_ours(headers).unwrap_or_default();
    let names = left.split(';').map(|pair| pair.split('=').next().unwrap_or_default());
    names.for_each(|name| assert!(!cookie::is_ours(name), "{left}"));
}

pub(crate) fn read_form(bytes: &[u8]) {
    for written in [Written::Form, Written::Json] {
        let Ok(form) = Form::read(written, bytes) else { continue };
        if let Some(path) = LocalPath::new(&form.redirect) {
            // C9: it is a header, and leads nowhere else.
            assert!(hyper::header::HeaderValue::from_str(path.as_str()).is_ok());
            assert!(path.as_str().starts_with('/') && !path.as_str().starts_with("//"));
        }
    }
}
