//! `docs/reference` is what the types say, and each action says what it takes and what it answers.

#![allow(clippy::unwrap_used, reason = "fails the test")]

use std::collections::BTreeSet;
use std::fs;

use wharf_tests::reference;

#[test]
fn the_pages_are_those_of_the_types() {
    for (name, text) in reference::pages() {
        let written = fs::read_to_string(reference::folder().join(&name)).unwrap_or_default();
        assert!(
            written == text,
            "docs/reference/{name} is out of date: `cargo run -p wharf-tests --bin reference` writes it"
        );
    }
}

#[test]
fn the_folder_has_these_pages_and_an_index_of_them() {
    const INDEX: &str = "README.md";
    let there: BTreeSet<_> = fs::read_dir(reference::folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != INDEX)
        .collect();
    let made: BTreeSet<_> = reference::pages().into_iter().map(|(name, _)| name).collect();
    assert_eq!(there, made);
    let index = fs::read_to_string(reference::folder().join(INDEX)).unwrap();
    for name in made {
        assert!(index.contains(&format!("]({name})")), "{name} is not in the index");
    }
}

#[test]
fn every_action_says_what_it_takes_and_answers() {
    assert_eq!(reference::unexplained(), Vec::<String>::new(), "`* Takes: …` and `* Answers: …` are missing");
}
