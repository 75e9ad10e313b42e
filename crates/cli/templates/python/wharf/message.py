"""What comes in: requests, responses, and the errors of requests that brought none."""

import json
from dataclasses import dataclass

from componentize_py_types import Err
from wit_world.imports import standard as _node

from .address import Capability, address_text, from_caps, our, same_params


@dataclass(frozen=True)
class Blob:
    """What comes beside a message."""

    bytes: bytes
    mime: str | None = None


@dataclass(frozen=True)
class Message:
    """A request or a response to this process."""

    #: "request" or "response".
    kind: str
    #: Who sent it.
    source: str
    #: Opaque bytes, usually JSON.
    body: bytes
    #: Free text.
    metadata: str | None
    #: What the sender shows it may do.
    capabilities: list[Capability]
    #: Of a request: seconds the sender waits; None when it does not.
    expects_response: int | None = None
    #: Of a response: what was given with the request.
    context: bytes | None = None

    def is_request(self) -> bool:
        """Whether it is a request."""
        return self.kind == "request"

    def is_from(self, process: str) -> bool:
        """Whether this process of this node sent it. Names of other nodes' processes are theirs to choose."""
        return self.source == f"{_node.our().node}@{process}"

    def shows(self, params: str) -> bool:
        """Whether the sender shows a capability that this process issued with these params, which are JSON text."""
        issuer = our()
        return any(shown.issuer == issuer and same_params(shown.params, params) for shown in self.capabilities)

    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    def json(self):
        """The body read as JSON. Raises ValueError when it is none."""
        return json.loads(self.body)


def to_message(received) -> Message:
    source, message = received
    if isinstance(message, _node.Message_Request):
        kind, content, expects, context = "request", message.value, message.value.expects_response, None
    else:
        (content, context), kind, expects = message.value, "response", None
    caps = from_caps(content.capabilities)
    return Message(kind, address_text(source), bytes(content.body), content.metadata, caps, expects, context)


class SendError(Exception):
    """A request that brought no response: raised by `await_message` and `send_and_await_response`."""

    def __init__(self, error, context: bytes | None):
        #: "offline" or "timeout".
        self.kind = error.kind.name.lower()
        #: Whom it was for.
        self.target = address_text(error.target)
        content = error.message.value
        #: What was sent.
        self.body = bytes((content if isinstance(error.message, _node.Message_Request) else content[0]).body)
        #: What was given with it.
        self.context = context
        offline = f"the node of {self.target} cannot be reached"
        super().__init__(offline if self.kind == "offline" else f"{self.target} sent no response in time")


def await_message() -> Message:
    """Waits for the next message. Raises SendError for a request of ours that failed."""
    try:
        return to_message(_node.receive())
    except Err as failed:
        raise SendError(*failed.value) from None


def has_blob() -> bool:
    """Whether the message received last brought a blob."""
    return _node.has_blob()


def blob() -> Blob | None:
    """What came beside the message received last. Take it before waiting for anything else."""
    there = _node.get_blob()
    return None if there is None else Blob(bytes(there.bytes), there.mime)


def blob_bytes() -> bytes:
    """The bytes of the blob; none when there is no blob."""
    there = blob()
    return b"" if there is None else there.bytes
