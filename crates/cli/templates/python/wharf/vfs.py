"""Files, in drives. A path is `/package:publisher/drive/…`.

A process may use all drives of its own package; others take the read or write capability of the drive. Every package has the
drives `pkg`, with what was installed, and `tmp`. The process must hold the messaging capability of `vfs:distro:sys`.
What a call returned for survives the end of the node; `sync_all` makes it survive a loss of power, too.

    drive = vfs.create_drive("notes")
    vfs.write(f"{drive}/first.txt", "hello")
    with vfs.open(f"{drive}/log", "a") as file:
        print("one line", file=file)
"""

from .drive import create_drive, drive_capability, perform
from .file import open
from .message import blob_bytes
from .module import ModuleError

__all__ = [
    "add_zip",
    "append",
    "copy",
    "create_dir",
    "create_dir_all",
    "create_drive",
    "create_new",
    "drive_capability",
    "exists",
    "hash",
    "is_not_found",
    "list",
    "metadata",
    "open",
    "perform",
    "read",
    "read_at",
    "read_text",
    "remove",
    "remove_all",
    "remove_dir",
    "remove_package",
    "rename",
    "set_len",
    "sync_all",
    "write",
    "write_at",
]


def create_dir(path: str) -> None:
    """Makes a folder in an existing one."""
    perform("create folder", path, "CreateDir")


def create_dir_all(path: str) -> None:
    """Makes a folder and those above it."""
    perform("create folder", path, "CreateDirAll")


def read(path: str) -> bytes:
    """The bytes of a file."""
    perform("read", path, "Read")
    return blob_bytes()


def read_text(path: str) -> str:
    """A file as text."""
    return read(path).decode()


def read_at(path: str, offset: int, length: int) -> bytes:
    """At most so many bytes of a file, from an offset on; less only at its end."""
    perform("read", path, {"ReadAt": {"offset": offset, "length": length}})
    return blob_bytes()


def write(path: str, content: bytes | str) -> None:
    """Makes a file of bytes or text, or replaces all of it, at once: whatever happens, it is the old one or the new one."""
    perform("write", path, "Write", content)


def create_new(path: str) -> None:
    """Makes an empty file; raises when there is anything at the path."""
    perform("create", path, "CreateNew")


def write_at(path: str, offset: int, content: bytes | str) -> None:
    """Writes bytes or text into an existing file, at an offset."""
    perform("write", path, {"WriteAt": {"offset": offset}}, content)


def append(path: str, content: bytes | str) -> None:
    """Writes bytes or text at the end of an existing file."""
    perform("append to", path, "Append", content)


def list(path: str) -> "list[dict]":
    """The entries of a folder: `{"path", "file_type"}`, with "File" or "Directory". Paths have no leading slash."""
    return perform("list", path, "ReadDir")["ReadDir"]


def metadata(path: str) -> dict:
    """Length and kind: `{"len", "file_type"}`."""
    return perform("look at", path, "Metadata")["Metadata"]


def exists(path: str) -> bool:
    """Whether there is something. Any refusal other than "not found" is raised."""
    try:
        metadata(path)
    except ModuleError as error:
        if is_not_found(error):
            return False
        raise
    return True


def is_not_found(error: ModuleError) -> bool:
    """Whether an error says that there is no such file or folder."""
    return "(os error 2)" in str(error.detail)


def hash(path: str) -> bytes:
    """SHA-256 of a file."""
    return bytes(perform("hash", path, "Hash")["Hash"])


def set_len(path: str, length: int) -> None:
    """Cuts a file, or extends it with zeros."""
    perform("set the length of", path, {"SetLen": length})


def copy(source: str, target: str) -> None:
    """Copies a file, and replaces the one that is there."""
    perform("copy", source, {"CopyFile": {"new_path": target}})


def rename(source: str, target: str) -> None:
    """Moves a file or folder; replaces the file, or the empty folder, that is there."""
    perform("move", source, {"Rename": {"new_path": target}})


def remove(path: str) -> None:
    """Removes a file."""
    perform("remove", path, "RemoveFile")


def remove_dir(path: str) -> None:
    """Removes an empty folder."""
    perform("remove", path, "RemoveDir")


def remove_all(path: str) -> None:
    """Removes a folder with all in it."""
    perform("remove", path, "RemoveDirAll")


def remove_package(name: str) -> None:
    """Removes all drives of a package. This takes the capability `{"root":true}` of the vfs."""
    perform("remove the drives of", f"/{name}", "RemoveDirAll")


def sync_all(path: str) -> None:
    """Makes a file or folder, and the names that lead to it, survive a loss of power."""
    perform("sync", path, "SyncAll")


def add_zip(path: str, content: bytes) -> None:
    """Unpacks a zip into a folder, which is made if it does not exist."""
    perform("unpack into", path, "AddZip", content)
