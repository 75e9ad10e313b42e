"""The node's modules, for processes in Python: files, keys and values, timers.

    vfs      files, in drives of the package
    kv       databases of keys and values
    timer    being told that a time has come

The process must hold the messaging capabilities of `vfs:distro:sys` and `kv:distro:sys`; the timer is there for everyone.
What a module refuses is raised as ModuleError. This file belongs to the package, so change what you like.
"""

import json as _json

from wharf import Message, Request, blob, our


class ModuleError(Exception):
    """What a module said no with."""

    def __init__(self, tried: str, error):
        kind, detail = (error, None) if isinstance(error, str) else next(iter(error.items()))
        #: The name of the reason, for example "KeyNotFound" or "IOError".
        self.kind: str = kind
        #: What is told with it, or None.
        self.detail = detail
        super().__init__(f"{tried}: {kind}" if detail is None else f"{tried}: {kind}: {detail}")


def _ask(module: str, tried: str, action, content, seconds: int):
    request = Request.to_module(module).json(action)
    if content is not None:
        request.blob(content)
    answer = request.send_and_await_response(seconds).json()
    if isinstance(answer, dict) and "Err" in answer:
        raise ModuleError(tried, answer["Err"])
    return answer


def _taken() -> bytes:
    there = blob()
    return b"" if there is None else there.bytes


def _our_package() -> list[str]:
    return our().split("@")[1].split(":")[1:]


# ---- files ----


def _file(tried: str, path: str, action, content=None):
    return _ask("vfs", f"{tried} {path}", {"path": path, "action": action}, content, 60)


class vfs:
    """Files. A path is `/package:publisher/drive/…`. What a call returned for survives the end of the node."""

    @staticmethod
    def create_drive(name: str) -> str:
        """Makes a drive of this package, if there is none of this name, and returns its path."""
        path = f"/{':'.join(_our_package())}/{name}"
        _file("create drive", path, "CreateDrive")
        return path

    @staticmethod
    def create_dir_all(path: str) -> None:
        """Makes a folder and those above it."""
        _file("create folder", path, "CreateDirAll")

    @staticmethod
    def read(path: str) -> bytes:
        """The bytes of a file."""
        _file("read", path, "Read")
        return _taken()

    @staticmethod
    def read_text(path: str) -> str:
        """A file as text."""
        return vfs.read(path).decode()

    @staticmethod
    def write(path: str, content: bytes | str) -> None:
        """Makes a file of bytes or text, or replaces all of it, at once."""
        _file("write", path, "Write", content)

    @staticmethod
    def list(path: str) -> list[dict]:
        """The entries of a folder: `{"path", "file_type"}`, with "File" or "Directory". Paths have no leading slash."""
        return _file("list", path, "ReadDir")["ReadDir"]

    @staticmethod
    def metadata(path: str) -> dict:
        """Length and kind: `{"len", "file_type"}`."""
        return _file("look at", path, "Metadata")["Metadata"]

    @staticmethod
    def exists(path: str) -> bool:
        """Whether there is something."""
        try:
            vfs.metadata(path)
        except ModuleError as error:
            if "os error 2)" in str(error.detail):
                return False
            raise
        return True

    @staticmethod
    def rename(source: str, target: str) -> None:
        """Moves a file or folder."""
        _file("move", source, {"Rename": {"new_path": target}})

    @staticmethod
    def remove(path: str) -> None:
        """Removes a file."""
        _file("remove", path, "RemoveFile")

    @staticmethod
    def remove_all(path: str) -> None:
        """Removes a folder with all in it."""
        _file("remove", path, "RemoveDirAll")


# ---- keys and values ----


class Database:
    """A database of this package. Keys and values are anything that is JSON, as in Rust's `get_json` and `set_json`."""

    def __init__(self, name: str):
        package, publisher = _our_package()
        self._name = name
        self._owner = {"package_name": package, "publisher_node": publisher}
        self._ask("Open")

    def _ask(self, action, content=None):
        asked = {"package_id": self._owner, "db": self._name, "action": action}
        return _ask("kv", f"database {self._name}", asked, content, 30)

    def get(self, key, otherwise=None):
        """The value of a key, or `otherwise` when there is none."""
        try:
            self._ask({"Get": _json_bytes(key)})
        except ModuleError as error:
            if error.kind == "KeyNotFound":
                return otherwise
            raise
        return _json.loads(_taken())

    def set(self, key, value) -> None:
        """Sets a key; durable when it returns."""
        self._ask({"Set": {"key": _json_bytes(key), "tx_id": None}}, _json.dumps(value))

    def delete(self, key) -> None:
        """Removes a key, if it is there."""
        self._ask({"Delete": {"key": _json_bytes(key), "tx_id": None}})


def _json_bytes(value) -> list[int]:
    # As the other languages write it, so that they find each other's keys.
    return list(_json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())


class kv:
    """Keys and values."""

    @staticmethod
    def open(name: str) -> Database:
        """Opens a database of this package, which is made if there is none."""
        return Database(name)


# ---- timers ----


def _countdown(ms: int) -> tuple[Request, int]:
    return Request.to_module("timer").json({"SetTimer": ms}), -(-ms // 1000) + 5


def _lasting(action) -> None:
    _ask("timer", "set a timer", action, None, 5)


class timer:
    """Timers."""

    @staticmethod
    def sleep(ms: int) -> None:
        """Waits so many milliseconds; messages wait meanwhile."""
        request, seconds = _countdown(ms)
        request.send_and_await_response(seconds)

    @staticmethod
    def set(ms: int, context: bytes | str) -> None:
        """Asks for a response after so many milliseconds, with this context."""
        request, seconds = _countdown(ms)
        request.context(context).expects_response(seconds).send()

    @staticmethod
    def every(id: str, cron: str, body: str = "") -> None:
        """Asks for a request whenever a cron expression says so, in UTC; it lasts over restarts."""
        _lasting({"Every": {"id": id, "cron": cron, "body": list(body.encode())}})

    @staticmethod
    def at(id: str, unix_ms: int, body: str = "") -> None:
        """Asks for a request at a time, in milliseconds since 1970; it lasts over restarts."""
        _lasting({"At": {"id": id, "unix_ms": unix_ms, "body": list(body.encode())}})

    @staticmethod
    def cancel(id: str) -> None:
        """Forgets a timer of `every` or `at`."""
        _lasting({"Cancel": {"id": id}})

    @staticmethod
    def fired(message: Message) -> str | None:
        """Which timer of `every` or `at` a message is from; None for every other message."""
        if not (message.is_request() and message.is_from("timer:distro:sys")):
            return None
        notice = _json.loads(message.metadata or "null")
        return notice["Fired"]["id"] if isinstance(notice, dict) and "Fired" in notice else None
