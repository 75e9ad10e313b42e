"""HTTP requests for the paths of this process."""

import json
from urllib.parse import urlsplit

from wit_world.imports import standard as _node

from .address import id_text
from .message import Message, blob_bytes
from .reply import RefusedWith, Reply
from .stream import Stream


def sent_by_server(message: Message):
    """What the HTTP server of this node sent, as JSON; None when a message is not from there, or none."""
    if not (message.is_request() and message.is_from("http-server:distro:sys")):
        return None
    try:
        return message.json()
    except ValueError:
        return None


def slashed(path: str) -> str:
    """With a slash before it and none behind."""
    return "/" + path.strip("/")


class HttpRequest:
    """An HTTP request for a path that this process bound."""

    @classmethod
    def read(cls, message: Message):
        """Reads a message from the HTTP server of this node; None for every other message. What its owner sends comes
        from there, too."""
        return cls.of(sent_by_server(message))

    @classmethod
    def of(cls, event):
        """The one in what the server sent, if it is one."""
        return cls(event["Http"]) if isinstance(event, dict) and "Http" in event else None

    def __init__(self, incoming: dict):
        prefix = "/" + id_text(_node.our().process)

        def below(path):
            return slashed(path[len(prefix) :] if path == prefix or path.startswith(prefix + "/") else path)

        #: "GET", "POST", …
        self.method: str = incoming["method"]
        #: The path below `/<process id>`, and the path as it was bound.
        self.path: str = below(urlsplit(incoming["url"]).path)
        self.bound_path: str = below(incoming["bound_path"])
        #: What `:name` and `*name` of the bound path matched; the query; the headers, with names in lower case.
        self.url_params: dict = incoming["url_params"]
        self.query: dict = incoming["query_params"]
        self.headers: dict = incoming["headers"]
        #: Its Stream, at a path of `bind_stream`.
        self.stream: Stream | None = None if incoming.get("stream") is None else Stream(incoming["stream"])

    def body(self) -> bytes:
        """The bytes the client sent. Take them before waiting for anything else."""
        return blob_bytes()

    def json(self):
        """The body read as JSON; refuses with 400 when it is none."""
        try:
            return json.loads(self.body())
        except ValueError as error:
            raise RefusedWith(Reply.text(f"the body is not what was expected: {error}\n", 400)) from None
