//! Runs the commands of the documentation: each block of `sh` in README.md and docs/*.md, in order, in a folder of its own, with a
//! node that is thrown away. A block that cannot be run says so, and why, in the line before it: `<!-- not run: … -->`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "fails the test")]

use std::fs;
use std::path::Path;
use std::process::Stdio;

use wharf_tests::Node;
use wharf_tests::authoring::shell;
use wharf_tests::cli::{Ran, without_own_settings};
use wharf_tests::paths;

/// Documents that are made of what the programs say of themselves.
const GENERATED: [&str; 1] = ["docs/commands.md"];

/// What the texts take to be there already.
const BEFORE: [(&str, &str); 3] = [
    (
        "docs/packages.md",
        "wharf new chat --template echo --publisher alice.os && wharf build chat && \
         cp chat/target/chat:alice.os.zip . && wharf install chat:alice.os.zip --yes",
    ),
    (
        "docs/registries.md",
        "mkdir packages && wharf key new alice.os && wharf new chat --template echo --publisher alice.os",
    ),
    ("docs/run-a-node.md", "export HOME=$PWD"),
];

/// What is called otherwise where the commands are run.
fn here(block: &str, node: &Node) -> String {
    let block = block.replace("http://127.0.0.1:8080", node.url());
    block
        .replace("target/quick/wharf ", "wharf ")
        .replace("/tmp/my-counter", "my-counter")
        .replace("/srv/packages", "packages")
}

/// A block, and why it is not run.
#[derive(Debug, PartialEq, Eq)]
struct Block {
    line: usize,
    commands: String,
    not_run: Option<String>,
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().enumerate();
    let mut before = "";
    while let Some((number, line)) = lines.next() {
        if line == "```sh" {
            let commands: Vec<_> = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
            let why = before.strip_prefix("<!-- not run: ").and_then(|why| why.strip_suffix(" -->"));
            blocks.push(Block { line: number + 1, commands: commands.join("\n"), not_run: why.map(str::to_owned) });
        }
        before = line;
    }
    blocks
}

#[test]
fn blocks_are_found_with_what_is_said_of_them() {
    let found = blocks("a\n```sh\none\ntwo\n```\n<!-- not run: never -->\n```sh\nthree\n```\n```\nno\n```\n");
    let block = |line, commands: &str, why: Option<&str>| Block {
        line,
        commands: commands.to_owned(),
        not_run: why.map(str::to_owned),
    };
    assert_eq!(found, [block(2, "one\ntwo", None), block(7, "three", Some("never"))]);
}

fn run(document: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let all = blocks(&fs::read_to_string(root.join(document)).unwrap());
    let folder = tempfile::tempdir().unwrap();
    // As the texts call it.
    let home = folder.path().join("node");
    fs::create_dir(&home).unwrap();
    let node = Node::builder().home(&home).start();
    let before = BEFORE.iter().find(|(of, _)| *of == document).map_or("", |(_, commands)| *commands);
    let mut ran = 0;
    for block in all.iter().filter(|block| block.not_run.is_none()) {
        // What is there already is made once; names that are set are set for each block.
        let before = if ran == 0 || before.starts_with("export ") { before } else { "" };
        let mut shell = shell(&format!("{before}\n{}", here(&block.commands, &node)));
        shell.env("WHARF_KEYS", folder.path().join("keys"));
        without_own_settings(&mut shell).env("WHARF_HOME", node.home().root());
        let output = shell.current_dir(folder.path()).stdin(Stdio::null()).output().unwrap();
        let ended = Ran::of(output);
        assert!(ended.code == 0, "{document}:{}: {}{}", block.line, ended.stdout, ended.stderr);
        ran += 1;
    }
    assert!(ran > 0, "{document}: nothing of it is run");
}

#[test]
fn the_readme() {
    run("README.md");
}

#[test]
fn writing_a_process() {
    run("docs/write-a-process.md");
}

#[test]
fn capabilities() {
    run("docs/capabilities.md");
}

#[test]
fn packages() {
    run("docs/packages.md");
}

#[test]
fn backup() {
    run("docs/backup.md");
}

#[test]
fn registries() {
    run("docs/registries.md");
}

#[test]
fn the_shell() {
    run("docs/shell.md");
}

#[test]
fn running_a_node() {
    run("docs/run-a-node.md");
}

#[test]
fn starting() {
    run("docs/start.md");
}

#[test]
fn the_reference() {
    run("docs/reference/README.md");
}

#[test]
fn every_document_with_commands_has_a_test() {
    let (root, this) = (Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), include_str!("docs.rs"));
    let documents = |folder: &str| {
        let entries: Vec<_> = fs::read_dir(root.join(folder)).unwrap().map(Result::unwrap).collect();
        let files = entries.into_iter().filter(|entry| entry.file_type().unwrap().is_file());
        files.map(|file| format!("{folder}/{}", file.file_name().to_str().unwrap())).collect::<Vec<_>>()
    };
    let all = [documents("docs"), documents("docs/reference")].concat();
    for document in all.into_iter().filter(|document| !GENERATED.contains(&document.as_str())) {
        let is_run = this.contains(&format!("run(\"{document}\");"));
        let has_commands = !blocks(&fs::read_to_string(root.join(&document)).unwrap()).is_empty();
        assert_eq!(is_run, has_commands, "{document}");
    }
    assert!(paths::binary("wharf").is_file());
}
