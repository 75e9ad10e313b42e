"""SQL. A database belongs to a package; its processes open it. The process must hold the messaging capability of
`sqlite:distro:sys`. Statements are compiled once and kept, so parameters are better than text that is put together.

    notes = sqlite.open("notes")
    notes.write("CREATE TABLE IF NOT EXISTS note (id INTEGER PRIMARY KEY, text TEXT, image BLOB)")
    notes.write("INSERT INTO note (text, image) VALUES (?1, ?2)", ["hello", b"\\x01\\x02"])
    for row in notes.read("SELECT id, text FROM note"):
        log(f"{row['id']}: {row['text']}")

Values are None, int (of 64 bits), bool (as 0 and 1), float, str and bytes.
"""

import json
import math
from base64 import b64decode, b64encode

from .address import our_package, package_id
from .message import blob_bytes
from .module import ask

#: The node interrupts statements earlier.
_TIMEOUT_S = 60


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


class Database:
    """A database."""

    def __init__(self, package: str, name: str):
        self._name = name
        self._owner = package_id(package)

    def ask(self, tried: str, action, params=()):
        """Asks for an action of docs/reference/sqlite.md."""
        asked = {"package_id": self._owner, "db": self._name, "action": action}
        content = json.dumps([_to_json(value) for value in params]) if params else None
        return ask("sqlite", f"{tried} database {self._name}", asked, content, _TIMEOUT_S)

    def write(self, statement: str, params=()) -> None:
        """Runs a statement that changes something."""
        self.ask("write to", {"Write": {"statement": statement, "tx_id": None}}, params)

    def read(self, query: str, params=()) -> list[dict]:
        """Runs a query: its rows, each with a value for the name of each column."""
        return _by_name(self.rows(query, params))

    def rows(self, query: str, params=(), transaction: int | None = None) -> tuple[list[str], list[tuple]]:
        """Runs a query: the names of the columns, and the rows, each with a value for each column."""
        answer = self.ask("query", {"QueryTyped": {"statement": query, "tx_id": transaction}}, params)
        rows = [tuple(_from_json(value) for value in row) for row in json.loads(blob_bytes())]
        return answer["Rows"]["columns"], rows

    def begin(self) -> "Transaction":
        """Begins a transaction. Its statements run when it is committed; it is forgotten otherwise, at the latest with this
        process."""
        return Transaction(self, self.ask("begin a transaction in", "BeginTx")["BeginTx"]["tx_id"])


class Transaction:
    """Statements that take effect together, or never.

    With `with` it is committed at the end, and forgotten when something is raised.
    """

    def __init__(self, database: Database, tx: int):
        self._database, self._tx = database, tx

    def write(self, statement: str, params=()) -> None:
        """Adds a statement. Whether it works shows at the commit."""
        self._database.ask("write to", {"Write": {"statement": statement, "tx_id": self._tx}}, params)

    def read(self, query: str, params=()) -> list[dict]:
        """Runs a query that sees what this transaction is going to do. Costs as much as doing it."""
        return _by_name(self._database.rows(query, params, self._tx))

    def commit(self) -> None:
        """Runs the statements. When one fails, none has any effect."""
        self._database.ask("commit to", {"Commit": {"tx_id": self._tx}})

    def roll_back(self) -> None:
        """Forgets the statements."""
        self._database.ask("roll back in", {"Rollback": {"tx_id": self._tx}})

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.commit() if kind is None else self.roll_back()


def _by_name(found: tuple[list[str], list[tuple]]) -> list[dict]:
    columns, rows = found
    return [dict(zip(columns, row)) for row in rows]


def _to_json(value):
    if isinstance(value, str):
        return {"text": value}
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"bytes": b64encode(value).decode()}
    # What JSON cannot say becomes NULL, as "not a number" does in SQL.
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _from_json(value):
    if not isinstance(value, dict):
        return value
    return b64decode(value["bytes"]) if "bytes" in value else float(value["real"])
