//! Who may do what.

use wharf_types::ProcessId;
use wharf_types::vfs::{SeekFrom, VfsAction, VfsError};

use super::path;
use crate::access::{Holder, Need, drive_params, need};

const READ: &str = r#"{"drive":"/files:sys/drive","kind":"read"}"#;
const WRITE: &str = r#"{"drive":"/files:sys/drive","kind":"write"}"#;
const ROOT: &str = r#"{"root":true}"#;

fn check(process: &str, held: &[&str], need: Need) -> Result<(), VfsError> {
    let holds = |params: &str| held.contains(&params);
    Holder { process: &process.parse::<ProcessId>().unwrap(), holds: &holds }.check(need, &path("x/y"))
}

fn check_create_drive(process: &str, held: &[&str]) -> Result<(), VfsError> {
    let holds = |params: &str| held.contains(&params);
    Holder { process: &process.parse::<ProcessId>().unwrap(), holds: &holds }.check_create_drive(&path(""))
}

#[test]
fn a_package_is_free_in_its_own_drives_and_needs_capabilities_elsewhere() {
    for need in [Need::Read, Need::Write] {
        assert_eq!(check("any:files:sys", &[], need), Ok(()));
        assert_eq!(check("x:other:sys", &[ROOT], need), Ok(()));
    }
    assert_eq!(check("x:other:sys", &[], Need::Read), Err(VfsError::NoReadCap));
    assert_eq!(check("x:other:sys", &[], Need::Write), Err(VfsError::NoWriteCap));
    assert_eq!(check("x:other:sys", &[READ], Need::Read), Ok(()));
    assert_eq!(check("x:other:sys", &[READ], Need::Write), Err(VfsError::NoWriteCap));
    assert_eq!(check("x:other:sys", &[WRITE], Need::Write), Ok(()));
    assert_eq!(check("x:other:sys", &[WRITE], Need::Read), Err(VfsError::NoReadCap));
    // The same package name of another publisher is another package.
    assert_eq!(check("any:files:os", &[], Need::Read), Err(VfsError::NoReadCap));
}

#[test]
fn only_the_kernel_itself_is_above_the_rules() {
    assert_eq!(check("kernel:distro:sys", &[], Need::Write), Ok(()));
    assert_eq!(check("kernel:evil:sys", &[], Need::Write), Err(VfsError::NoWriteCap));
    assert_eq!(check("kernel:distro:os", &[], Need::Write), Err(VfsError::NoWriteCap));
}

#[test]
fn the_owner_is_who_speaks_as_the_web_server_of_this_very_package() {
    assert_eq!(check("http-server:distro:sys", &[], Need::Write), Ok(()));
    assert_eq!(check_create_drive("http-server:distro:sys", &[]), Ok(()));
    for process in
        ["http-server:evil:sys", "http-server:distro:os", "http-server2:distro:sys", "http-client:distro:sys"]
    {
        assert_eq!(check(process, &[], Need::Read), Err(VfsError::NoReadCap), "{process}");
    }
}

#[test]
fn a_capability_for_a_drive_does_not_make_drives() {
    assert_eq!(check_create_drive("x:other:sys", &[READ, WRITE]), Err(VfsError::NoWriteCap));
    assert_eq!(check_create_drive("x:other:sys", &[ROOT]), Ok(()));
    assert_eq!(check_create_drive("x:files:sys", &[]), Ok(()));
}

#[test]
fn looking_needs_read_and_the_rest_write() {
    let read_at = VfsAction::ReadAt { offset: 0, length: 1 };
    for action in [VfsAction::Read, VfsAction::ReadDir, VfsAction::Seek(SeekFrom::Start(0)), VfsAction::Hash, read_at] {
        assert_eq!(need(&action), Need::Read);
    }
    let write_at = VfsAction::WriteAt { offset: 0 };
    for action in [
        VfsAction::OpenFile { create: false },
        VfsAction::CloseFile,
        VfsAction::RemoveDirAll,
        write_at,
        VfsAction::CreateNew,
    ] {
        assert_eq!(need(&action), Need::Write);
    }
}

#[test]
fn the_parameters_name_the_drive_and_cannot_be_forged_by_its_name() {
    let path = r#"/files:sys/a","kind":"write/x"#.parse().unwrap();
    let value: serde_json::Value = serde_json::from_str(&drive_params(Need::Read, &path)).unwrap();
    assert_eq!(value, serde_json::json!({ "kind": "read", "drive": r#"/files:sys/a","kind":"write"# }));
}
