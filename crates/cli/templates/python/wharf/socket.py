"""WebSockets that clients opened to this process.

    rooms = http.Rooms()

    def on_socket(event):
        if event.kind == "opened":
            rooms.join("hall", event.channel)
        elif event.kind == "text":
            rooms.send("hall", event.text)
        elif event.kind == "closed":
            rooms.leave_all(event.channel)

    Router().socket("/live", "logged-in").on_socket(on_socket).serve()
"""

import json
from dataclasses import dataclass

from .http_bind import perform, rules
from .http_request import sent_by_server
from .message import blob_bytes
from .request import Request, to_bytes


def bind_socket(path: str, access: str) -> None:
    """Opens WebSockets at a path for this process. "this-machine" is for programs that speak for the process: see `extension`
    in docs/reference/http-server.md."""
    rule = rules(access)
    told = {"path": path, "authenticated": rule["authenticated"], "extension": rule["local_only"]}
    perform(f"bind WebSockets at {path}", {"WebSocketBind": told})


def unbind_socket(path: str) -> None:
    """The path opens no WebSockets from now on. Those that are open stay so."""
    perform(f"unbind WebSockets at {path}", {"WebSocketUnbind": {"path": path}})


@dataclass(frozen=True, order=True)
class Channel:
    """An open WebSocket, as the node numbers it."""

    number: int

    def send(self, content: bytes | str) -> None:
        """Sends text, or bytes. That it arrives is not known: a socket that closes meanwhile says so with the event
        "closed"."""
        self._push("Text" if isinstance(content, str) else "Binary", content)

    def send_json(self, value) -> None:
        """Sends JSON, as text."""
        self.send(json.dumps(value))

    def ping(self, content: bytes | str = b"") -> None:
        """Asks the other end for a sign of life, which comes as the event "pong". At most 125 bytes."""
        self._push("Ping", content)

    def close(self) -> None:
        """Closes it. One that is closed stays so."""
        Request.to_module("http-server").json({"WebSocketClose": self.number}).send()

    def _push(self, kind: str, content) -> None:
        action = {"WebSocketPush": {"channel_id": self.number, "message_type": kind}}
        Request.to_module("http-server").json(action).blob(to_bytes(content)).send()


_KINDS = {"Text": "text", "Binary": "bytes", "Ping": "ping", "Pong": "pong", "Close": "closed"}


@dataclass(frozen=True)
class SocketEvent:
    """What happened to a WebSocket."""

    #: "opened", "text", "bytes", "ping", "pong" or "closed".
    kind: str
    channel: Channel
    #: Of "opened": where, below `/<process id>`, with a leading slash.
    path: str | None = None
    #: What came; None for "opened" and "closed".
    content: bytes | None = None

    @property
    def text(self) -> str:
        """What came, as text; bytes that are not UTF-8 are replaced."""
        return (self.content or b"").decode(errors="replace")

    @classmethod
    def read(cls, message):
        """Reads a message from the HTTP server of this node; None for every other message."""
        return cls.of(sent_by_server(message))

    @classmethod
    def of(cls, event):
        """The one in what the server sent, if it is one. Take it before waiting for anything else."""
        if not isinstance(event, dict):
            return None
        if (opened := event.get("WebSocketOpen")) is not None:
            return cls("opened", Channel(opened["channel_id"]), opened["path"])
        if (closed := event.get("WebSocketClose")) is not None:
            return cls("closed", Channel(closed))
        if (push := event.get("WebSocketPush")) is None:
            return None
        kind = _KINDS[push["message_type"]]
        return cls(kind, Channel(push["channel_id"]), None, None if kind == "closed" else blob_bytes())


class Rooms:
    """WebSockets in groups, each with a name. A socket may be in several."""

    def __init__(self):
        # A room without sockets is gone.
        self._rooms: dict[str, set[Channel]] = {}

    def join(self, room: str, channel: Channel) -> None:
        """Puts a socket into a room, which is there from then on."""
        self._rooms.setdefault(room, set()).add(channel)

    def leave(self, room: str, channel: Channel) -> None:
        """Takes a socket out of a room."""
        members = self._rooms.get(room, set())
        members.discard(channel)
        if not members:
            self._rooms.pop(room, None)

    def leave_all(self, channel: Channel) -> None:
        """Takes a socket out of all rooms, as when it is closed."""
        for room in self.of(channel):
            self.leave(room, channel)

    def of(self, channel: Channel) -> list[str]:
        """The rooms that a socket is in."""
        return [room for room, members in self._rooms.items() if channel in members]

    def members(self, room: str) -> list[Channel]:
        """The sockets in a room."""
        return sorted(self._rooms.get(room, ()))

    def send(self, room: str, content: bytes | str) -> None:
        """Sends text, or bytes, to every socket in a room."""
        for channel in self.members(room):
            channel.send(content)

    def send_json(self, room: str, value) -> None:
        """Sends JSON, as text, likewise."""
        self.send(room, json.dumps(value))
