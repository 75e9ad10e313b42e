"""Which paths come to this process."""

from .module import ask

_TIMEOUT_S = 10
#: From the one that protects least to the one that protects most: being logged in does more than being near.
_ACCESS = ["anyone", "this-machine", "logged-in"]


def perform(tried: str, action, content=None, seconds: int = _TIMEOUT_S, mime: str | None = None) -> None:
    """Asks for an action of docs/reference/http-server.md."""
    ask("http-server", tried, action, content, seconds, mime)


def rules(access: str) -> dict:
    """What the server is told of who may see a path. Raises ValueError for anything else."""
    if access not in _ACCESS:
        raise ValueError(f"access is one of {', '.join(_ACCESS)}, not {access}")
    return {"authenticated": access == "logged-in", "local_only": access == "this-machine"}


def stricter(one: str, other: str) -> str:
    """Of two, the one that protects more."""
    return max(one, other, key=_ACCESS.index)


def bind(path: str, access: str) -> None:
    """Sends requests for a path to this process."""
    perform(f"bind {path}", {"Bind": {"path": path, **rules(access), "cache": False}})


def bind_static(path: str, access: str, mime: str, content: bytes | str) -> None:
    """Answers every GET of a path with this content, without asking this process."""
    perform(f"bind {path}", {"Bind": {"path": path, **rules(access), "cache": True}}, content, mime=mime)


def unbind(path: str) -> None:
    """The path answers 404 from now on."""
    perform(f"unbind {path}", {"Unbind": {"path": path}})
