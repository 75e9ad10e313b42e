#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed unwrap fails the test")]

use super::*;

pub(crate) fn requests() -> OnExit {
    let target = "a.os@main:chess:sys".parse().unwrap();
    let request = Request {
        inherit: true,
        expects_response: Some(5),
        body: b"\x00\xffbody".to_vec(),
        metadata: Some("why".into()),
        capabilities: vec![Capability::new("a.os@vfs:distro:sys".parse().unwrap(), r#"{ "root": true }"#)],
    };
    let blob = LazyLoadBlob { mime: Some("text/plain".into()), bytes: vec![7; 1_000] };
    OnExit::Requests(vec![(target, request, Some(blob)), ("b.os@x:y:z".parse().unwrap(), Request::default(), None)])
}

fn json(on_exit: &OnExit) -> String {
    serde_json::to_string(on_exit).unwrap()
}

#[test]
fn every_on_exit_comes_back() {
    for on_exit in [OnExit::None, OnExit::Restart, OnExit::Requests(Vec::new()), requests()] {
        let bytes = encode_on_exit(&on_exit).unwrap();
        assert_eq!(json(&decode_on_exit(&bytes).unwrap()), json(&on_exit));
    }
}

/// The bytes are a format: a change of a library or of a type must not change them.
#[test]
fn the_bytes_are_those_of_version_1() {
    assert_eq!(encode_on_exit(&OnExit::None).unwrap(), [1, 0, 0, 0, 0]);
    assert_eq!(encode_on_exit(&OnExit::Restart).unwrap(), [1, 1, 0, 0, 0]);
    let one = OnExit::Requests(vec![(
        "n@p:k:u".parse().unwrap(),
        Request { expects_response: Some(2), body: vec![9], ..Request::default() },
        None,
    )]);
    let expected: Vec<u8> = [
        &[1][..],
        &[2, 0, 0, 0],
        &[1, 0, 0, 0, 0, 0, 0, 0],
        &[7, 0, 0, 0, 0, 0, 0, 0],
        b"n@p:k:u",
        &[0],
        &[1, 2, 0, 0, 0, 0, 0, 0, 0],
        &[1, 0, 0, 0, 0, 0, 0, 0, 9],
        &[0],
        &[0, 0, 0, 0, 0, 0, 0, 0],
        &[0],
    ]
    .concat();
    assert_eq!(encode_on_exit(&one).unwrap(), expected);
}

#[test]
fn bytes_that_were_not_written_here_are_refused() {
    let good = encode_on_exit(&requests()).unwrap();
    assert!(matches!(decode_on_exit(&[]), Err(Undecodable::Empty)));
    assert!(matches!(decode_on_exit(&[2, 0, 0, 0, 0]), Err(Undecodable::Version(2))));
    assert!(matches!(decode_on_exit(&[&good[..], &[0]].concat()), Err(Undecodable::Trailing(1))));
    for end in 0..good.len() {
        assert!(decode_on_exit(&good[..end]).is_err(), "cut at {end}");
    }
    // A length that claims more than memory has is refused before anything is allocated for it.
    let huge = [&[1][..], &[2, 0, 0, 0], &[1, 0, 0, 0, 0, 0, 0, 0], &[0xff; 8]].concat();
    assert!(decode_on_exit(&huge).is_err());
}

#[test]
fn requests_too_large_to_read_back_are_not_written() {
    let request = Request { body: vec![0; ON_EXIT_BYTES_MAX + 1], ..Request::default() };
    let on_exit = OnExit::Requests(vec![("n@p:k:u".parse().unwrap(), request, None)]);
    assert!(encode_on_exit(&on_exit).is_err());
}
