//! Every function of the published library's `vfs` module, in the order in which a program would come to use it. Each
//! step checks what it got; the first that is not as the library's documentation says is the answer.

use anyhow::{ensure, Context};
use kinode_process_lib::vfs::{
    create_drive, create_file, metadata, open_dir, open_file, parse_response, remove_dir, remove_file, remove_path,
    vfs_request, DirEntry, File, FileType, SeekFrom, VfsAction, VfsError, VfsResponse,
};
use kinode_process_lib::{get_blob, PackageId};

const NOT_FOUND: &str = "No such file or directory (os error 2)";

/// Goes through all of it in a drive of this name.
pub fn run(package: PackageId, drive: &str) -> anyhow::Result<()> {
    let without_slash = format!("{package}/{drive}");
    let drive = create_drive(package, drive, None)?;
    ensure!(drive == format!("/{without_slash}"), "the drive is {drive}");
    files(&drive).context("files")?;
    cursors(&drive).context("cursors")?;
    folders(&drive, &without_slash).context("folders")?;
    errors(&drive).context("errors")?;
    raw(&drive).context("actions without a function")
}

fn files(drive: &str) -> anyhow::Result<()> {
    let path = format!("{drive}/file.txt");
    let file = create_file(&path, None)?;
    file.write(b"first")?;
    ensure!(file.read()? == b"first");
    let mut small = [0; 3];
    ensure!(file.read_into(&mut small)? == 3 && &small == b"fir");
    let mut large = [0; 9];
    ensure!(file.read_into(&mut large)? == 5 && &large[..5] == b"first");
    ensure!(file.metadata()?.len == 5 && metadata(&path, None)?.file_type == FileType::File);
    let mut file = open_file(&path, false, None)?;
    file.append(b" and more")?;
    ensure!(file.read()? == b"first and more");
    file.set_len(7)?;
    file.sync_all()?;
    ensure!(File::new(&path, 5).read()? == b"first a");
    let copy = file.copy(&format!("{drive}/copy.txt"))?;
    ensure!(copy.read()? == b"first a");
    // Creating is also emptying.
    ensure!(create_file(&path, None)?.read()?.is_empty());
    remove_file(&format!("{drive}/copy.txt"), None)?;
    remove_path(&path, None)?;
    Ok(())
}

/// Within a process all `File`s of a path share one cursor.
fn cursors(drive: &str) -> anyhow::Result<()> {
    let path = format!("{drive}/cursor");
    let mut file = open_file(&path, true, None)?;
    file.write_all(b"0123456789")?;
    ensure!(file.seek(SeekFrom::Start(2))? == 2);
    let mut two = [0; 2];
    ensure!(file.read_at(&mut two)? == 2 && &two == b"23");
    let other = File::new(&path, 5);
    ensure!(other.read_at(&mut two)? == 2 && &two == b"45");
    ensure!(file.seek(SeekFrom::Current(-1))? == 5);
    ensure!(file.read_to_string()? == "56789");
    ensure!(file.seek(SeekFrom::End(-3))? == 7);
    ensure!(file.read_to_end()? == b"789");
    ensure!(file.read_to_end()?.is_empty());
    file.seek(SeekFrom::Start(1))?;
    file.write_all(b"xy")?;
    ensure!(file.read()? == b"0xy3456789");
    // Reading a whole file, or replacing it, does not move the cursor.
    file.write(b"abcdef")?;
    ensure!(file.read_to_end()? == b"def");
    ensure!(open_file(&path, false, None)?.read_to_end()? == b"abcdef");
    remove_file(&path, None)?;
    Ok(())
}

fn folders(drive: &str, without_slash: &str) -> anyhow::Result<()> {
    let folder = open_dir(&format!("{drive}/a/b"), true, None)?;
    ensure!(folder.read()?.is_empty());
    create_file(&format!("{drive}/a/b/file"), None)?;
    open_dir(&format!("{drive}/a/b/c"), true, None)?;
    let entries = folder.read()?;
    let expected = [
        DirEntry { path: format!("{without_slash}/a/b/c"), file_type: FileType::Directory },
        DirEntry { path: format!("{without_slash}/a/b/file"), file_type: FileType::File },
    ];
    ensure!(format!("{entries:?}") == format!("{expected:?}"), "{entries:?}");
    open_dir(&format!("{drive}/a"), false, None)?;
    remove_file(&format!("{drive}/a/b/file"), None)?;
    remove_path(&format!("{drive}/a/b/c"), None)?;
    remove_dir(&format!("{drive}/a/b"), None)?;
    ensure!(open_dir(&format!("{drive}/a"), false, None)?.read()?.is_empty());
    Ok(())
}

fn errors(drive: &str) -> anyhow::Result<()> {
    let missing = format!("{drive}/missing");
    let not_found = VfsError::IOError(NOT_FOUND.to_string());
    refused(open_file(&missing, false, None), &not_found)?;
    refused(metadata(&missing, None), &not_found)?;
    refused(open_dir(&missing, false, None), &not_found)?;
    refused(remove_file(&missing, None), &not_found)?;
    refused(remove_path(&missing, None), &not_found)?;
    let file = create_file(&format!("{drive}/short"), None)?;
    refused(file.read_at(&mut [0; 4]), &VfsError::IOError("failed to fill whole buffer".to_string()))?;
    refused(open_file("/other:test.os/x/y", true, None), &VfsError::NoWriteCap)?;
    refused(metadata("/other:test.os/x/y", None), &VfsError::NoReadCap)?;
    refused(metadata("/no-package", None), &VfsError::MalformedRequest)?;
    Ok(())
}

/// What the library knows and has no function for.
fn raw(drive: &str) -> anyhow::Result<()> {
    let from = format!("{drive}/from");
    let file = create_file(&from, None)?;
    file.write(b"abc")?;
    let to = format!("{drive}/to");
    answers(ask(&from, VfsAction::Rename { new_path: to.clone() })?, VfsResponse::Ok)?;
    answers(ask(&to, VfsAction::Len)?, VfsResponse::Len(3))?;
    let VfsResponse::Hash(hash) = ask(&to, VfsAction::Hash)? else { anyhow::bail!("no hash") };
    ensure!(hash[..4] == [0xba, 0x78, 0x16, 0xbf], "{hash:?}");
    // Hashing leaves the cursor at the end.
    ensure!(File::new(&to, 5).read_to_end()?.is_empty());
    answers(ask(&to, VfsAction::CloseFile)?, VfsResponse::Ok)?;
    answers(ask(&to, VfsAction::ReadExact { length: 2 })?, VfsResponse::Read)?;
    ensure!(get_blob().is_some_and(|blob| blob.bytes == b"ab"));
    answers(ask(&format!("{drive}/x/y"), VfsAction::CreateDirAll)?, VfsResponse::Ok)?;
    answers(ask(&format!("{drive}/x/z"), VfsAction::CreateDir)?, VfsResponse::Ok)?;
    answers(ask(&format!("{drive}/x"), VfsAction::RemoveDirAll)?, VfsResponse::Ok)?;
    answers(ask(&to, VfsAction::Write)?, VfsResponse::Err(VfsError::NoBlob))?;
    let garbage = vfs_request(&format!("{drive}/zip"), VfsAction::AddZip)
        .blob_bytes("no zip")
        .send_and_await_response(5)?
        .map_err(|error| anyhow::anyhow!("{error:?}"))?;
    let answer = parse_response(garbage.body())?;
    ensure!(matches!(answer, VfsResponse::Err(VfsError::ParseError { .. })), "{answer:?}");
    remove_file(&to, None)?;
    Ok(())
}

fn refused<T>(result: Result<T, VfsError>, expected: &VfsError) -> anyhow::Result<()> {
    let Err(error) = result else { anyhow::bail!("it was done, and not refused with {expected:?}") };
    // The library's errors cannot be compared.
    ensure!(format!("{error:?}") == format!("{expected:?}"), "{error:?} instead of {expected:?}");
    Ok(())
}

fn answers(answer: VfsResponse, expected: VfsResponse) -> anyhow::Result<()> {
    ensure!(format!("{answer:?}") == format!("{expected:?}"), "{answer:?} instead of {expected:?}");
    Ok(())
}

fn ask(path: &str, action: VfsAction) -> anyhow::Result<VfsResponse> {
    let answer = vfs_request(path, action).send_and_await_response(5)?.map_err(|error| anyhow::anyhow!("{error:?}"))?;
    Ok(parse_response(answer.body())?)
}
