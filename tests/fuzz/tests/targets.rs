//! Each parser of bytes from outside comes back from whatever it is given: from its seeds, from what is made of them, and
//! from bytes of nothing. `WHARF_FUZZ_CASES` says how many; without it, as many as cost a moment.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};
use wharf_fuzz::{TARGETS, Target, seeds};

/// What is done to bytes.
#[derive(Clone, Debug)]
enum Edit {
    /// One byte becomes another.
    Set(Index, u8),
    /// These come in.
    Insert(Index, Vec<u8>),
    /// These go.
    Remove(Index, usize),
    /// These come once more, somewhere else.
    Repeat(Index, usize, Index),
    /// A part of another seed comes in.
    Splice(Index, Index, usize, Index),
    /// The end goes.
    Cut(Index),
}

/// What parsers stumble over.
const TOKENS: [&[u8]; 26] = [
    b"\0",
    b"\xff",
    b"\xff\xff\xff\xff",
    b"\x80\0\0\0\0\0\0\0",
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"..",
    b"/",
    b"../",
    b"%00",
    b"\r\n",
    b"\n",
    b"-1",
    b"18446744073709551616",
    b"1e999",
    b"null",
    b"\\ud800",
    b"@",
    b"=",
    b"\xe2\x80\xae",
];

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let any_index = any::<Index>;
    let some = prop_oneof![vec(any::<u8>(), 1..8), proptest::sample::select(&TOKENS[..]).prop_map(<[u8]>::to_vec)];
    let edit = prop_oneof![
        (any_index(), any::<u8>()).prop_map(|(at, byte)| Edit::Set(at, byte)),
        (any_index(), some).prop_map(|(at, bytes)| Edit::Insert(at, bytes)),
        (any_index(), 1..40_usize).prop_map(|(at, count)| Edit::Remove(at, count)),
        (any_index(), 1..200_usize, any_index()).prop_map(|(from, count, to)| Edit::Repeat(from, count, to)),
        (any_index(), any_index(), 1..200_usize, any_index())
            .prop_map(|(seed, from, count, to)| Edit::Splice(seed, from, count, to)),
        any_index().prop_map(Edit::Cut),
    ];
    vec(edit, 0..8)
}

fn at(index: &Index, bytes: &[u8]) -> usize {
    index.index(bytes.len() + 1)
}

fn part(bytes: &[u8], from: &Index, count: usize) -> Vec<u8> {
    let from = at(from, bytes);
    bytes[from..bytes.len().min(from + count)].to_vec()
}

fn insert(bytes: &mut Vec<u8>, to: &Index, part: Vec<u8>) {
    let to = at(to, bytes);
    bytes.splice(to..to, part);
}

fn apply(mut bytes: Vec<u8>, edits: &[Edit], seeds: &[Vec<u8>]) -> Vec<u8> {
    for edit in edits {
        match edit {
            Edit::Set(index, byte) => {
                let index = at(index, &bytes);
                if let Some(old) = bytes.get_mut(index) {
                    *old = *byte;
                }
            }
            Edit::Insert(to, part) => insert(&mut bytes, to, part.clone()),
            Edit::Remove(from, count) => {
                let from = at(from, &bytes);
                bytes.drain(from..bytes.len().min(from + count));
            }
            Edit::Repeat(from, count, to) => {
                let part = part(&bytes, from, *count);
                insert(&mut bytes, to, part);
            }
            Edit::Splice(seed, from, count, to) => {
                let part = part(seed.get::<Vec<u8>>(seeds), from, *count);
                insert(&mut bytes, to, part);
            }
            Edit::Cut(at_end) => bytes.truncate(at(at_end, &bytes)),
        }
    }
    bytes
}

fn cases(usual: u32) -> u32 {
    std::env::var("WHARF_FUZZ_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

fn run(target: &Target) {
    let seeds = seeds::of(target.name);
    assert!(!seeds.is_empty(), "corpus/{} is missing", target.name);
    for seed in &seeds {
        (target.run)(seed);
    }
    let config = Config { cases: cases(1_000), failure_persistence: None, ..Config::default() };
    let edited = (any::<Index>(), edits()).prop_map({
        let seeds = seeds.clone();
        move |(seed, edits)| apply(seed.get(&seeds).clone(), &edits, &seeds)
    });
    let strategy = prop_oneof![9 => edited, 1 => vec(any::<u8>(), 0..400)];
    let tried = TestRunner::new(config).run(&strategy, |bytes| {
        (target.run)(&bytes);
        Ok(())
    });
    tried.unwrap_or_else(|error| panic!("{}: {error}", target.name));
}

macro_rules! tests {
    ($($name:ident)+) => {
        $(#[test] fn $name() {
            run(TARGETS.iter().find(|target| target.name == stringify!($name)).unwrap());
        })+
        const TESTED: &[&str] = &[$(stringify!($name)),+];
    };
}

tests! {
    ids module_json manifest metadata scripts zip signature http_head http_login http_rpc http_answer http_path settings
    node_key on_exit backup backup_manifest sql_parameters wasi_path cron saved_timers
}

#[test]
fn every_target_is_tested_and_is_one_of_cargo_fuzz() {
    let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(names, TESTED);
    let manifest = include_str!("../../../fuzz/Cargo.toml");
    let bins: Vec<_> =
        manifest.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"')).skip(1).collect();
    assert_eq!(bins, names);
    for name in names {
        let file = format!("{}/../../fuzz/fuzz_targets/{name}.rs", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(text.contains(&format!("wharf_fuzz::{name}(bytes)")), "{file}");
    }
}
