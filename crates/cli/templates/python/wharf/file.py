"""Files as Python's `open` has them."""

import io

from .drive import perform
from .message import blob_bytes

#: How much is gathered before it is a message.
_BUFFER_BYTES = 64 << 10
#: As much as one answer carries when all of a file is read. The node gives less when its own bound is lower.
_PIECE_BYTES = 1 << 20


def open(path: str, mode: str = "r", encoding: str = "utf-8"):
    """A file, as Python's own `open` has it: r, w, a or x, with + and b. Each piece that its buffer takes or gives is a
    message to the node."""
    kind = mode.replace("b", "").replace("t", "").replace("+", "")
    if kind not in ("r", "w", "a", "x"):
        raise ValueError(f"a file is opened with r, w, a or x, not {mode}")
    raw = RawFile(path, kind, reads=kind == "r" or "+" in mode, writes=kind != "r" or "+" in mode)
    if raw.readable() and raw.writable():
        buffered = io.BufferedRandom(raw, _BUFFER_BYTES)
    else:
        buffered = (io.BufferedWriter if raw.writable() else io.BufferedReader)(raw, _BUFFER_BYTES)
    return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding=encoding)


class RawFile(io.RawIOBase):
    """A file without a buffer: a path, and a place in it that is this object's own. Each call is a message."""

    def __init__(self, path: str, kind: str, *, reads: bool, writes: bool):
        self._path, self._offset, self._appends = path, 0, kind == "a"
        self._reads, self._writes = reads, writes
        if kind == "w":
            perform("create", path, "CreateFile")
        elif kind == "x":
            perform("create", path, "CreateNew")
        elif kind == "a":
            perform("open", path, {"OpenFile": {"create": True}})
        else:
            perform("look at", path, "Metadata")

    def readable(self) -> bool:
        return self._reads

    def writable(self) -> bool:
        return self._writes

    def seekable(self) -> bool:
        return True

    def _read(self, length: int) -> bytes:
        perform("read", self._path, {"ReadAt": {"offset": self._offset, "length": length}})
        content = blob_bytes()
        self._offset += len(content)
        return content

    def readinto(self, buffer) -> int:
        content = self._read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def readall(self) -> bytes:
        pieces = []
        while piece := self._read(_PIECE_BYTES):
            pieces.append(piece)
        return b"".join(pieces)

    def write(self, content) -> int:
        written = bytes(content)
        if self._appends:
            perform("append to", self._path, "Append", written)
        else:
            perform("write", self._path, {"WriteAt": {"offset": self._offset}}, written)
            self._offset += len(written)
        return len(written)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._offset}.get(whence)
        if start is None:
            start = perform("look at", self._path, "Metadata")["Metadata"]["len"]
        if start + offset < 0:
            raise ValueError("before the start of the file")
        self._offset = start + offset
        return self._offset

    def truncate(self, size: int | None = None) -> int:
        length = self._offset if size is None else size
        perform("set the length of", self._path, {"SetLen": length})
        return length
