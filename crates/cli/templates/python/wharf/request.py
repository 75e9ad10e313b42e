"""What goes out: requests and responses."""

import json

from componentize_py_types import Err
from wit_world.imports import standard as _node

from .address import parse_address, to_caps
from .message import Message, SendError, to_message


class Refused(Exception):
    """What a process answers when it does not do what it was asked: raise it in a handler, catch it from `ask`."""


def to_bytes(value) -> bytes:
    """Text as its UTF-8, bytes as they are."""
    return value.encode() if isinstance(value, str) else bytes(value)


class _Outgoing:
    def __init__(self, content):
        self.content = content
        self.beside = None

    def body(self, body):
        """The body: bytes or text."""
        self.content.body = to_bytes(body)
        return self

    def json(self, value):
        """A body of JSON."""
        return self.body(json.dumps(value))

    def metadata(self, text: str):
        """Free text."""
        self.content.metadata = text
        return self

    def blob(self, content, mime: str | None = None):
        """Bytes (or text) beside the message, which the receiver pays for only when it asks for them."""
        self.beside = _node.LazyLoadBlob(mime, to_bytes(content))
        return self

    def inherit(self):
        """Passes on the blob of the message being handled; a request also its id, and where its response goes."""
        self.content.inherit = True
        return self

    def capabilities(self, caps):
        """Shows capabilities to the receiver. Those this process neither issued nor holds are left out by the node."""
        self.content.capabilities = to_caps(caps)
        return self


class Request(_Outgoing):
    """A request to be sent, to an address or to a process of this node. Nothing happens before it is sent."""

    def __init__(self, target: str):
        super().__init__(_node.Request(False, None, b"", None, []))
        self.target = parse_address(target)
        self.given = None

    @classmethod
    def to_module(cls, name: str):
        """To a module of this node, for example "vfs" for `vfs:distro:sys`."""
        return cls(f"{name}:distro:sys")

    def context(self, context):
        """Bytes that come back with the response or the error."""
        self.given = to_bytes(context)
        return self

    def expects_response(self, seconds: int):
        """Asks for a response within this many seconds. It comes to `await_message`."""
        self.content.expects_response = seconds
        return self

    def send(self) -> None:
        """Sends it. When it fails and a response is expected, `await_message` says so."""
        _node.send_request(self.target, self.content, self.given, self.beside)

    def send_and_await_response(self, seconds: int) -> Message:
        """Sends it and waits for the response; other messages wait meanwhile. Raises SendError."""
        self.content.expects_response = seconds
        try:
            return to_message(_node.send_and_await_response(self.target, self.content, self.beside))
        except Err as failed:
            raise SendError(failed.value, self.given) from None

    def ask(self, seconds: int):
        """Sends it and reads the response as JSON. Raises Refused when the process says no, as a Service does, and
        SendError."""
        answer = self.send_and_await_response(seconds)
        reason = None if answer.body else failure_in(answer.metadata)
        if reason is not None:
            raise Refused(reason)
        return answer.json()


def failure_in(metadata: str | None) -> str | None:
    """The reason in a response's metadata."""
    try:
        reason = json.loads(metadata or "null")
    except ValueError:
        return None
    reason = reason.get("error") if isinstance(reason, dict) else None
    return reason if isinstance(reason, str) else None


class Response(_Outgoing):
    """An answer to the request received last that wants one. Nothing happens before `send`."""

    def __init__(self):
        super().__init__(_node.Response(False, b"", None, []))

    def failure(self, error):
        """Says in the metadata why something failed, for answers whose body has no room for it."""
        return self.metadata(json.dumps({"error": str(error)}))

    def send(self) -> None:
        """Sends it."""
        _node.send_response(self.content, self.beside)
