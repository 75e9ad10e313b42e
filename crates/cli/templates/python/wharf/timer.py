"""Being told that a time has come.

`set` and `sleep` count milliseconds, and last as long as this life of the process. `every` and `at` go by the clock, fire as a
request, and last over restarts of process and node, until `cancel`.

A timer that lasts has a name within the process. Setting it again under the same name replaces it, so a process sets what it
wants each time it starts, and has it once. Every process may use timers.
"""

import json
from dataclasses import dataclass

from .message import Message
from .module import ask
from .request import Request, to_bytes

#: How much later than asked the timer may answer before the node reports a timeout instead.
_GRACE_S = 5


@dataclass(frozen=True)
class Scheduled:
    """A timer of `every` or `at`."""

    id: str
    #: Its expression; None for `at`.
    cron: str | None
    #: When it fires next, in milliseconds since 1970.
    next_unix_ms: int


@dataclass(frozen=True)
class Fired:
    """A timer of `every` or `at` whose time has come."""

    id: str
    #: When it was due, in milliseconds since 1970.
    due_unix_ms: int


def _countdown(ms: int) -> tuple[Request, int]:
    return Request.to_module("timer").json({"SetTimer": ms}), -(-ms // 1000) + _GRACE_S


def _lasting(tried: str, action):
    return ask("timer", tried, action, None, _GRACE_S)


def sleep(ms: int) -> None:
    """Waits so many milliseconds; messages wait meanwhile."""
    request, seconds = _countdown(ms)
    request.send_and_await_response(seconds)


def set(ms: int, context: bytes | str) -> None:
    """Asks for a response after so many milliseconds, never earlier, with this context."""
    request, seconds = _countdown(ms)
    request.context(context).expects_response(seconds).send()


def every(id: str, cron: str, body: bytes | str = "") -> None:
    """Asks for a request with this body whenever a cron expression says so: minute, hour, day of month, month, day of week;
    or six fields with seconds first; or `@daily` and the like; in UTC. Of several times that pass while the node is down,
    one is told."""
    _lasting(f"set the timer {id}", {"Every": {"id": id, "cron": cron, "body": [*to_bytes(body)]}})


def at(id: str, unix_ms: int, body: bytes | str = "") -> None:
    """Asks for a request with this body at a time, in milliseconds since 1970; as soon as possible when that has passed."""
    _lasting(f"set the timer {id}", {"At": {"id": id, "unix_ms": unix_ms, "body": [*to_bytes(body)]}})


def cancel(id: str) -> None:
    """Forgets a timer of `every` or `at`."""
    _lasting(f"cancel the timer {id}", {"Cancel": {"id": id}})


def list() -> "list[Scheduled]":
    """The timers of `every` and `at` of this process, by name."""
    return [Scheduled(**timer) for timer in _lasting("list timers", "List")["List"]]


def fired(message: Message) -> Fired | None:
    """Which timer of `every` or `at` a message is from; None for every other message."""
    if not (message.is_request() and message.is_from("timer:distro:sys")):
        return None
    notice = json.loads(message.metadata or "null")
    return Fired(**notice["Fired"]) if isinstance(notice, dict) and "Fired" in notice else None
