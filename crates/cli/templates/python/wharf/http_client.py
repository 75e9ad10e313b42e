"""Asking the web, and WebSockets to it.

The process must hold the messaging capability of `http-client:distro:sys`, and for WebSockets grant it its own. One that holds
capabilities for hosts (`{"host":"api.example.com"}`) may ask only those; addresses that are not public are refused unless the
node's settings allow them.

    page = http_client.get("https://example.com/")
    log(f"{page.status}: {page.text()}")
    http_client.HttpCall("POST", "https://api.example.com/notes").json({"text": "a note"}).timeout(5).send()

A WebSocket is a number that the process chooses. What comes from it are messages, which `event` reads:

    news = http_client.WebSocket.open(1, "wss://news.example.com/live")
    news.send("hello")
    event = http_client.event(await_message())
"""

import json
from dataclasses import dataclass

from .message import Message, blob_bytes
from .module import ask
from .request import to_bytes

_TIMEOUT_S = 30


def get(url: str) -> "HttpResponse":
    """Asks for a URL; waits at most 30 s. A server that answers is no failure, whatever its status."""
    return HttpCall("GET", url).send()


def post(url: str, body: bytes | str) -> "HttpResponse":
    """Sends bytes or text to a URL; waits at most 30 s."""
    return HttpCall("POST", url).body(body).send()


class HttpCall:
    """A request to be sent, to `http://…` or `https://…`."""

    def __init__(self, method: str, url: str):
        self._request = {"method": method, "version": None, "url": url, "headers": {}}
        self._body = b""
        self._seconds = _TIMEOUT_S

    def header(self, name: str, value: str):
        """A header, in place of one of this very name."""
        self._request["headers"][name] = value
        return self

    def version(self, version: str):
        """`HTTP/1.1` or `HTTP/2.0`, in place of what the server prefers."""
        self._request["version"] = version
        return self

    def body(self, body: bytes | str):
        """The body: bytes or text."""
        self._body = to_bytes(body)
        return self

    def json(self, value):
        """A body of JSON, with its content type."""
        return self.body(json.dumps(value)).header("Content-Type", "application/json")

    def timeout(self, seconds: int):
        """Waits at most so many seconds, in place of 30. The node has a bound of its own."""
        self._seconds = seconds
        return self

    def send(self) -> "HttpResponse":
        """Sends it and waits for the answer; other messages wait meanwhile. Redirects are followed."""
        tried = f"{self._request['method']} {self._request['url']}"
        head = ask("http-client", tried, {"Http": self._request}, self._body, self._seconds)["Ok"]["Http"]
        return HttpResponse(head["status"], head["headers"], blob_bytes())


@dataclass(frozen=True)
class HttpResponse:
    """What a server answered."""

    status: int
    #: Names Like-This. Repeated ones are joined with ", ", but of several Set-Cookie it is the last.
    headers: dict
    body: bytes

    def header(self, name: str) -> str | None:
        """A header by its name, in any case."""
        return next((value for own, value in self.headers.items() if own.lower() == name.lower()), None)

    def text(self) -> str:
        """The body as text; bytes that are not UTF-8 are replaced."""
        return self.body.decode(errors="replace")

    def json(self):
        """The body read as JSON. Raises ValueError when it is none."""
        return json.loads(self.body)


@dataclass(frozen=True)
class WebSocket:
    """A WebSocket to a server, by its number. It is closed by `close`, by the server, or when the process ends."""

    number: int

    @classmethod
    def open(cls, number: int, url: str, headers: dict | None = None):
        """Opens one at `ws://…` or `wss://…` under this number; one of ours with the same number is closed first."""
        _acknowledged(f"open {url}", {"WebSocketOpen": {"url": url, "headers": headers or {}, "channel_id": number}})
        return cls(number)

    def send(self, content: bytes | str) -> None:
        """Sends text, or bytes. Waits while too much is on its way already."""
        self._push("Text" if isinstance(content, str) else "Binary", content)

    def send_json(self, value) -> None:
        """Sends JSON, as text."""
        self.send(json.dumps(value))

    def ping(self, content: bytes | str = b"") -> None:
        """Asks the server for a sign of life, which comes as the event "pong". At most 125 bytes."""
        self._push("Ping", content)

    def close(self) -> None:
        """Closes it, after what was sent before. Nothing comes from it any more then."""
        _acknowledged(f"close WebSocket {self.number}", {"WebSocketClose": {"channel_id": self.number}})

    def _push(self, kind: str, content) -> None:
        action = {"WebSocketPush": {"channel_id": self.number, "message_type": kind}}
        _acknowledged(f"send to WebSocket {self.number}", action, to_bytes(content))


def _acknowledged(tried: str, action, content=None) -> None:
    ask("http-client", tried, action, content, _TIMEOUT_S)


_KINDS = {"Text": "text", "Binary": "bytes", "Ping": "ping", "Pong": "pong", "Close": "closed"}


@dataclass(frozen=True)
class Event:
    """What came from a WebSocket."""

    number: int
    #: "text", "bytes", "ping", "pong" or "closed".
    kind: str
    content: bytes = b""

    @property
    def text(self) -> str:
        """What came, as text; bytes that are not UTF-8 are replaced."""
        return self.content.decode(errors="replace")


def event(message: Message) -> Event | None:
    """What a message of the HTTP client of this node tells of a WebSocket; None for every other message. Call it before
    waiting for anything else."""
    if not (message.is_request() and message.is_from("http-client:distro:sys")):
        return None
    told = message.json()
    if "WebSocketClose" in told:
        return Event(told["WebSocketClose"]["channel_id"], "closed")
    if "WebSocketPush" not in told:
        return None
    push = told["WebSocketPush"]
    return Event(push["channel_id"], _KINDS[push["message_type"]], blob_bytes())
