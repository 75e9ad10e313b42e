//! A disk that takes no more, halfway through a write.

use std::process::Command;

use wharf_types::vfs::VfsAction;

use super::zip_files::{Entry, zip_of};
use super::{Fixture, io_error};

const CHILD: &str = "WHARF_VFS_TEST_FILE_SIZE_LIMITED";

/// The test runs itself again as a process whose files may have 100 blocks, and that gets errors instead of signals.
#[test]
fn a_write_that_fails_halfway_leaves_what_was_there() {
    if std::env::var_os(CHILD).is_none() {
        let script = r#"trap "" XFSZ; ulimit -f 100; exec "$0" --exact "$1""#;
        let name = "tests::full::a_write_that_fails_halfway_leaves_what_was_there";
        let program = std::env::current_exe().unwrap();
        let output = Command::new("sh").args(["-c", script]).arg(program).arg(name).env(CHILD, "1").output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
        return;
    }
    let files = Fixture::new();
    let large = vec![1; 200_000];
    let too_large = io_error("File too large (os error 27)");
    files.ok("a", VfsAction::Write, Some(b"old"));
    assert_eq!(files.error("a", VfsAction::Write, Some(&large)), too_large);
    let zip = zip_of(&[Entry::file("a", b"new"), Entry::file("b", b"new"), Entry::file("large", &large)]);
    assert_eq!(files.error("", VfsAction::AddZip, Some(&zip)), too_large);
    assert_eq!((files.read("a"), files.tree(""), files.staged()), (b"old".to_vec(), vec!["a".to_owned()], 0));
    files.ok("a", VfsAction::Write, Some(b"new"));
}
