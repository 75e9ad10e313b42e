"""Who we are, our children, and what happens when we end."""

from componentize_py_types import Err
from wit_world.imports import standard as _node

from .address import id_text, our, our_package, parse_id, to_caps
from .request import Request

__all__ = ["SpawnError", "on_exit", "our", "our_package", "set_on_exit", "spawn"]


def on_exit() -> str:
    """What the node does when this process ends: "none", "restart" or "requests"."""
    return type(_node.get_on_exit()).__name__.removeprefix("OnExit_").rstrip("_").lower()


def set_on_exit(what: "str | list[Request]") -> None:
    """Changes what the node does when this process ends: "none", "restart", or a list of Requests that are sent in its name
    then."""
    _node.set_on_exit(_to_on_exit(what))


def _to_on_exit(what):
    if isinstance(what, str):
        kinds = {"none": _node.OnExit_None_, "restart": _node.OnExit_Restart}
        return kinds[what]()
    return _node.OnExit_Requests([(request.target, request.content, request.beside) for request in what])


class SpawnError(Exception):
    """Why a child was not started."""

    def __init__(self, wasm_path: str, kind: str):
        #: "name-taken" or "no-file-at-path".
        self.kind = kind
        taken = "a process of this name exists already"
        super().__init__(f"start {wasm_path}: {taken if kind == 'name-taken' else 'there is no component, or it may not be read'}")


def spawn(wasm_path: str, name: str | None = None, *, on_exit="none", give=(), grant=(), public: bool = False) -> str:
    """Starts a child in this package from a component in the vfs, for example `/chat:alice.os/pkg/worker.wasm`, and returns
    its id.

    `name` is of `[a-z0-9-]+`; without one the node chooses. `give` are capabilities that this process holds or issues, for
    the child; `grant` are pairs of a process id and params: capabilities that the child issues, for others. With `public`
    every process of the node may send it messages.
    """
    grants = [(parse_id(holder), params) for holder, params in grant]
    try:
        return id_text(_node.spawn(name, wasm_path, _to_on_exit(on_exit), to_caps(give), grants, public))
    except Err as failed:
        raise SpawnError(wasm_path, failed.value.name.lower().replace("_", "-")) from None
