"""What this process keeps over restarts and upgrades: one value, durable when `set` returns."""

import json

from wit_world.imports import standard as _node

from .address import package_id
from .module import ask


def get(otherwise=None):
    """The saved value, or `otherwise` when nothing was ever saved. Raises ValueError when it is not JSON; it is left as it
    is."""
    saved = get_bytes()
    return otherwise if saved is None else json.loads(saved)


def set(value) -> None:
    """Saves a value as JSON."""
    set_bytes(json.dumps(value).encode())


def get_bytes() -> bytes | None:
    """The saved bytes."""
    saved = _node.get_state()
    return None if saved is None else bytes(saved)


def set_bytes(content: bytes) -> None:
    """Saves bytes. A process that cannot save is ended by the node, so that it never answers for what is not kept."""
    _node.set_state(content)


def clear() -> None:
    """Forgets what was saved."""
    _node.clear_state()


def clear_package(name: str) -> None:
    """Forgets what the processes of a package saved, also those that are gone. This takes the capability `{"root":true}` of
    `state:distro:sys`."""
    ask("state", f"forget what the processes of {name} saved", {"DeletePackage": package_id(name)})
