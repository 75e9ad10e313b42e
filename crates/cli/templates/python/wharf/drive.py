"""Drives, and asking for what is in them."""

import json

from .address import Capability, our, our_package
from .module import ask

#: Unpacking and durable writes of large files are the slow ones.
_TIMEOUT_S = 60


def perform(tried: str, path: str, action, content=None):
    """Asks for an action of docs/reference/vfs.md."""
    return ask("vfs", f"{tried} {path}", {"path": path, "action": action}, content, _TIMEOUT_S)


def create_drive(name: str) -> str:
    """Makes a drive of this package, if there is none of this name, and returns its path."""
    path = f"/{our_package()}/{name}"
    perform("create drive", path, "CreateDrive")
    return path


def drive_capability(path: str, kind: str) -> Capability:
    """The capability for the drive of a path, `kind` being "read" or "write", as it is attached to a message. It is given to
    the receiver only if this process holds it: whoever made the drive does."""
    drive = "/" + "/".join([part for part in path.split("/") if part][:2])
    return Capability(f"{our().split('@')[0]}@vfs:distro:sys", json.dumps({"kind": kind, "drive": drive}))
