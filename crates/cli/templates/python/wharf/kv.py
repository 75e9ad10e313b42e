"""Keys and values. A database belongs to a package; its processes open it. The process must hold the messaging capability of
`kv:distro:sys`.

`get`, `set` and what goes with them take anything that is JSON, as Rust's `get_json` and `set_json` do; those with `bytes` in
their name take bytes, or text as its UTF-8. Keys are in the order of their bytes.

    visits = kv.open("visits")
    visits.set("ann", visits.get("ann", 0) + 1)
    for name, count in visits.scan(prefix="a"):
        log(f"{name}: {count}")
"""

import json

from .address import our_package, package_id
from .message import blob_bytes
from .module import ModuleError, ask
from .request import to_bytes

#: A durable write on a busy disk is the slow one.
_TIMEOUT_S = 30


class _Nothing:
    def __repr__(self):
        return "kv.NOTHING"


#: In place of a value: the key is not there, or is to be removed.
NOTHING = _Nothing()


def open(name: str, durability: str | None = None) -> "Database":
    """Opens a database of this package, which is made if there is none. With the durability "power" what is acknowledged from
    now on survives a loss of power, too, and with "process" the end of the node; the database remembers it."""
    database = of_others(our_package(), name)
    database.ask("open", "Open" if durability is None else {"OpenWith": {"durability": durability}})
    return database


def of_others(package: str, name: str) -> "Database":
    """A database whose capabilities this process was given by somebody else. Nothing is asked of the node."""
    return Database(package, name)


def remove(name: str) -> None:
    """Removes a database of this package with all in it; nothing happens when there is none."""
    of_others(our_package(), name).ask("remove", "RemoveDb")


def remove_all(package: str | None = None) -> None:
    """Removes all databases of a package: of this process's own, or with the module's `{"root":true}` of any."""
    of_others(package or our_package(), "all").ask("remove every", "RemoveAll")


def _json_bytes(value) -> bytes:
    # As the other languages write it, so that they find each other's keys.
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _key(key: bytes | str) -> list[int]:
    return [*to_bytes(key)]


class _Values:
    """What a database and a transaction have in common: `_tx` is None, or the number of the transaction."""

    _tx: int | None = None

    def get(self, key, otherwise=None):
        """The value of a key, or `otherwise` when there is none."""
        found = self.get_bytes(_json_bytes(key))
        return otherwise if found is None else json.loads(found)

    def set(self, key, value) -> None:
        """Sets a key. What an acknowledgement is worth is told with `open`."""
        self.set_bytes(_json_bytes(key), _json_bytes(value))

    def delete(self, key) -> None:
        """Removes a key, if it is there."""
        self.delete_bytes(_json_bytes(key))

    def get_bytes(self, key: bytes | str) -> bytes | None:
        """The value of a key."""
        action = {"Get": _key(key)} if self._tx is None else {"GetInTx": {"key": _key(key), "tx_id": self._tx}}
        try:
            self.ask("get from", action)
        except ModuleError as error:
            if error.kind == "KeyNotFound":
                return None
            raise
        return blob_bytes()

    def set_bytes(self, key: bytes | str, value: bytes | str) -> None:
        """Sets a key."""
        self.ask("set in", {"Set": {"key": _key(key), "tx_id": self._tx}}, value)

    def delete_bytes(self, key: bytes | str) -> None:
        """Removes a key, if it is there."""
        self.ask("delete in", {"Delete": {"key": _key(key), "tx_id": self._tx}})


class Database(_Values):
    """A database."""

    def __init__(self, package: str, name: str):
        self._name = name
        self._owner = package_id(package)

    def ask(self, tried: str, action, content=None):
        """Asks for an action of docs/reference/kv.md."""
        asked = {"package_id": self._owner, "db": self._name, "action": action}
        return ask("kv", f"{tried} database {self._name}", asked, content, _TIMEOUT_S)

    def compare_and_set(self, key, expected, value) -> bool:
        """Sets a key if its value is `expected`, and tells whether it was. NOTHING is for "not there", in both."""
        expected, value = (None if each is NOTHING else _json_bytes(each) for each in (expected, value))
        return self.compare_and_set_bytes(_json_bytes(key), expected, value)

    def compare_and_set_bytes(self, key: bytes | str, expected, value) -> bool:
        """Likewise; None is for "not there"."""
        told = {"key": _key(key), "expected": None if expected is None else _key(expected)}
        try:
            self.ask("compare and set in", {"CompareAndSet": told}, value)
        except ModuleError as error:
            if error.kind == "NotAsExpected":
                return False
            raise
        return True

    def batch(self, changes) -> None:
        """Sets keys, and removes those with NOTHING: pairs of a key and a value, all of it or nothing."""
        self.batch_bytes((_json_bytes(key), None if value is NOTHING else _json_bytes(value)) for key, value in changes)

    def batch_bytes(self, changes) -> None:
        """Likewise; None removes a key."""
        told, values = [], []
        for key, value in changes:
            if value is None:
                told.append({"Delete": {"key": _key(key)}})
            else:
                values.append(to_bytes(value))
                told.append({"Set": {"key": _key(key), "bytes": len(values[-1])}})
        self.ask("change", {"Batch": told}, b"".join(values))

    def scan(self, prefix: str = "", start=NOTHING, descending: bool = False):
        """Keys with their values, in order, page after page. `prefix` is how keys begin that are text, `start` the first key,
        included. Changes that are made meanwhile may be seen or not."""
        # All keys that are text begin with a quote, and those of the prefix with the same text.
        begins = _json_bytes(prefix)[:-1] if prefix else b""
        following = None if start is NOTHING else _json_bytes(start)
        while True:
            entries, following = self.page(begins, following, descending=descending)
            for key, value in entries:
                yield json.loads(key), json.loads(value)
            if following is None:
                return

    def page(self, prefix=b"", start=None, limit: int | None = None, descending: bool = False):
        """Some keys in order, with their values, in bytes; and where to go on, as `start`: None when this was all."""
        order = "Descending" if descending else "Ascending"
        told = {"prefix": _key(prefix), "from": None if start is None else _key(start), "limit": limit, "order": order}
        found = self.ask("scan", {"Scan": told})["Scan"]
        values, at, entries = blob_bytes(), 0, []
        for entry in found["entries"]:
            entries.append((bytes(entry["key"]), values[at : at + entry["bytes"]]))
            at += entry["bytes"]
        return entries, None if found["next"] is None else bytes(found["next"])

    def begin(self) -> "Transaction":
        """Begins a transaction. It is forgotten unless it is committed, at the latest with this process."""
        return Transaction(self, self.ask("begin a transaction in", "BeginTx")["BeginTx"]["tx_id"])


class Transaction(_Values):
    """Changes that become visible together, or never. It sees its own changes, and what is committed.

    With `with` it is committed at the end, and forgotten when something is raised.
    """

    def __init__(self, database: Database, tx: int):
        self._database, self._tx = database, tx

    def ask(self, tried: str, action, content=None):
        return self._database.ask(tried, action, content)

    def commit(self) -> None:
        """Makes the changes. Raises ModuleError "TxConflict" when what was read is not so any more: begin again then."""
        self.ask("commit to", {"Commit": {"tx_id": self._tx}})

    def roll_back(self) -> None:
        """Forgets the changes."""
        self.ask("roll back in", {"Rollback": {"tx_id": self._tx}})

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.commit() if kind is None else self.roll_back()
