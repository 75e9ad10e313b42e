#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use super::*;

#[test]
fn a_process_id_has_exactly_three_parts() {
    let id: ProcessId = "main:app-store:sys".parse().unwrap();
    assert_eq!((id.process(), id.package(), id.publisher()), ("main", "app-store", "sys"));
    assert_eq!(id.to_string(), "main:app-store:sys");
    for bad in ["", "a", "a:b", "a:b:c:d", "a::c", ":b:c", "a:b:", "a b:c:d", "a:b/..:c", "a@b:c:d"] {
        assert!(bad.parse::<ProcessId>().is_err(), "{bad}");
    }
}

#[test]
fn parts_cannot_smuggle_a_separator() {
    // `a:b` + `c` would have the text of `a` + `b:c`: two identities, one name.
    assert!(ProcessId::new("a:b", "c", "d").is_err());
    assert!(ProcessId::new("a", "b@c", "d").is_err());
    assert!(ProcessId::new("a", "..", "d").is_ok_and(|id| !id.is_creatable()));
    assert!(ProcessId::new(&"a".repeat(121), "b", "c").is_err());
}

#[test]
fn an_address_has_exactly_one_at() {
    let address: Address = "alice.os@main:app-store:sys".parse().unwrap();
    assert_eq!(address.node().as_str(), "alice.os");
    assert_eq!(serde_json::to_string(&address).unwrap(), "\"alice.os@main:app-store:sys\"");
    for bad in ["main:app-store:sys", "a@b@c:d:e", "@a:b:c", "Alice@a:b:c", "..@a:b:c"] {
        assert!(bad.parse::<Address>().is_err(), "{bad}");
    }
}

#[test]
fn a_package_id_is_an_object_in_json_with_exactly_two_keys() {
    let id: PackageId = "chess:sys".parse().unwrap();
    assert_eq!(serde_json::to_string(&id).unwrap(), r#"{"package_name":"chess","publisher_node":"sys"}"#);
    assert!(serde_json::from_str::<PackageId>(r#"{"package_name":"a","publisher_node":"b","c":1}"#).is_err());
    assert!("a:b:c".parse::<PackageId>().is_err());
    assert!(!PackageId { package_name: "..".into(), publisher_node: "sys".into() }.is_creatable());
}

proptest::proptest! {
    #[test]
    fn text_and_parts_are_one_to_one(a in "\\PC{0,12}", b in "\\PC{0,12}", c in "\\PC{0,12}") {
        if let Ok(id) = ProcessId::new(&a, &b, &c) {
            let back: ProcessId = id.to_string().parse().unwrap();
            proptest::prop_assert_eq!(&back, &id);
            proptest::prop_assert!(back.has_parts(&a, &b, &c));
        }
    }
}
