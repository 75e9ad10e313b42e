//! Names that mean what whoever asks does not expect: with a resolver that the test leads.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what goes wrong in a test fails it")]

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::net::TcpListener;
use url::Host;

use crate::dial::{Dialer, Place};
use crate::fault::Fault;
use crate::resolve::Resolve;
use crate::rules::Rules;
use crate::settings::HttpClientLimits;

/// Answers each lookup with the next of its answers, and then with an error.
struct Scripted(Mutex<VecDeque<Vec<IpAddr>>>);

impl Resolve for Scripted {
    fn addresses<'a>(&'a self, _: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        let next = self.0.lock().unwrap().pop_front();
        Box::pin(async { next.ok_or_else(|| io::Error::other("the test has no more answers")) })
    }
}

fn dialer(private: &[&str], answers: &[&[&str]]) -> Dialer {
    let private_hosts = private.iter().map(|text| text.parse().unwrap()).collect();
    let limits = HttpClientLimits { private_hosts, connect_wait: Duration::from_secs(3600), ..Default::default() };
    let parsed = answers.iter().map(|answer| answer.iter().map(|text| text.parse().unwrap()).collect());
    let resolver = Arc::new(Scripted(Mutex::new(parsed.collect())));
    Dialer { rules: Arc::new(Rules::new(Arc::new(limits), None)), resolver }
}

fn place(host: &str, port: u16) -> Place {
    Place { host: Host::parse(host).unwrap(), port, tls: None }
}

/// What became of connecting: `None` when it did, or the address that was refused.
async fn refused(dialer: &Dialer, host: &str, port: u16) -> Option<String> {
    match dialer.connect(&place(host, port)).await {
        Ok(_) => None,
        Err(Fault::AddressRefused(_, address)) => Some(address.to_string()),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn s4_a_name_that_changes_its_meaning_leads_nowhere_else() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let private = format!("127.0.0.1:{port}");
    // Each connection asks once and goes where that answer said, so there is nothing to change in between.
    let dialer = dialer(&[&private], &[&["127.0.0.1"], &["127.0.0.2"], &["10.0.0.1", "::1"], &["::ffff:10.0.0.1"]]);
    assert_eq!(refused(&dialer, "rebinding.example", port).await, None);
    assert_eq!(refused(&dialer, "rebinding.example", port).await.as_deref(), Some("127.0.0.2"));
    assert_eq!(refused(&dialer, "rebinding.example", port).await.as_deref(), Some("10.0.0.1"));
    assert_eq!(refused(&dialer, "rebinding.example", port).await.as_deref(), Some("::ffff:10.0.0.1"));
    let none = dialer.connect(&place("rebinding.example", port)).await.err().unwrap();
    assert!(matches!(none, Fault::Lookup(..)), "{none}");
}

#[tokio::test]
async fn s4_of_several_addresses_only_those_allowed_are_tried() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let private = format!("127.0.0.1:{port}");
    let dialer = dialer(&[&private], &[&["169.254.169.254", "127.0.0.1", "10.0.0.1"], &[]]);
    assert_eq!(refused(&dialer, "several.example", port).await, None);
    let empty = dialer.connect(&place("none.example", port)).await.err().unwrap();
    assert!(matches!(empty, Fault::Connect(..)), "{empty}");
}

#[tokio::test]
async fn s4_an_address_is_checked_without_a_name_too() {
    let dialer = dialer(&[], &[]);
    for host in ["127.0.0.1", "0x7f.1", "2130706433", "[::1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "0", "[fe80::1]"]
    {
        assert!(refused(&dialer, host, 80).await.is_some(), "{host}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lookup_that_takes_for_ever_ends_with_the_time_to_connect() {
    struct Never;
    impl Resolve for Never {
        fn addresses<'a>(&'a self, _: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
            Box::pin(std::future::pending())
        }
    }
    let never = Dialer { resolver: Arc::new(Never), ..dialer(&[], &[]) };
    let late = never.connect(&place("slow.example", 80)).await.err().unwrap();
    assert!(matches!(late, Fault::Late(wait) if wait == Duration::from_secs(3600)), "{late}");
}
