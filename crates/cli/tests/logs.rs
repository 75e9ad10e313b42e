//! The real `wharf logs`, with no node running.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, dead_code, reason = "test code")]

mod support;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::Stdio;

use support::{assert_code, command, err, out, wharf};

fn line(process: &str, message: &str) -> String {
    format!(
        "{{\"timestamp\":\"2026-11-21T04:00:00Z\",\"level\":\"INFO\",\"message\":\"{message}\",\"target\":\"guest\",\
         \"process\":\"{process}:{process}:wharf.os\"}}\n"
    )
}

fn append(path: &Path, text: &str) {
    File::options().create(true).append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

fn home_with_logs() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("log")).unwrap();
    append(&home.path().join("log/wharf.1.jsonl"), &(line("echo", "before the restart") + &line("chat", "other")));
    append(&home.path().join("log/wharf.jsonl"), &line("echo", "after it"));
    home
}

#[test]
fn logs_reach_back_before_a_restart_and_need_no_node() {
    let home = home_with_logs();
    let all = wharf(home.path(), &["logs", "echo"]);
    assert_code(&all, 0);
    let expected = "2026-11-21T04:00:00Z INFO  echo:echo:wharf.os before the restart\n\
                    2026-11-21T04:00:00Z INFO  echo:echo:wharf.os after it\n";
    assert_eq!(out(&all), expected);
    assert_eq!(out(&wharf(home.path(), &["logs", "--json", "-n", "1"])), line("echo", "after it"));
}

#[test]
fn no_logs_at_all_is_code_4() {
    let home = tempfile::tempdir().unwrap();
    let none = wharf(home.path(), &["logs"]);
    assert_code(&none, 4);
    assert!(err(&none).contains("hint: "), "{}", err(&none));
}

#[test]
fn following_goes_on_over_a_rotation() {
    let home = home_with_logs();
    let log = home.path().join("log/wharf.jsonl");
    let mut child = command(home.path(), &["logs", "-f", "-n", "1", "echo"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.next().unwrap().ends_with("after it"));
    append(&log, &(line("chat", "not this") + &line("echo", "new")));
    assert!(lines.next().unwrap().ends_with("new"));
    fs::rename(home.path().join("log/wharf.1.jsonl"), home.path().join("log/wharf.2.jsonl")).unwrap();
    fs::rename(&log, home.path().join("log/wharf.1.jsonl")).unwrap();
    append(&log, &line("echo", "rotated"));
    assert!(lines.next().unwrap().ends_with("rotated"));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let home = home_with_logs();
    let many = line("echo", "much more than a pipe holds").repeat(20_000);
    append(&home.path().join("log/wharf.jsonl"), &many);
    let mut child = command(home.path(), &["logs"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_code(&output, 0);
    assert_eq!(err(&output), "");
}
