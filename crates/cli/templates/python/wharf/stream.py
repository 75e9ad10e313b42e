"""Bodies of any length, piece by piece.

Reading and writing wait for the client, and the process does nothing else meanwhile: one that serves many of them leaves this
to children, one each.

    def shout(request, stream):
        writer = stream.reply(Reply())
        for piece in stream.reader():
            writer.write(piece.upper())
        writer.finish()

    Router().stream("/shout", "logged-in", shout).serve()
"""

from .http_bind import perform, rules
from .message import blob_bytes
from .request import Request, Response, to_bytes

#: The node takes 1 MiB at most, unless its owner says otherwise.
_PIECE_BYTES = 256 << 10
#: The node bounds how long a client may take.
_CLIENT_TIMEOUT_S = 3600


def bind_stream(path: str, access: str) -> None:
    """Sends requests for a path to this process before their bodies have arrived: see `HttpRequest.stream`."""
    perform(f"bind {path} for streams", {"StreamBind": {"path": path, **rules(access)}})


class Stream:
    """The two bodies of a request at a path of `bind_stream`."""

    def __init__(self, number: int):
        self.number = number
        #: What the answer is written with, once there is one.
        self.writer: BodyWriter | None = None

    def reader(self) -> "BodyReader":
        """Reads the body of the request: pieces of bytes, with `for … in`."""
        return BodyReader(self.number)

    def reply(self, reply) -> "BodyWriter":
        """Answers with the status and the headers of a Reply, and then with what is written. A body in the reply comes
        first."""
        Response().json({"status": reply.status, "headers": reply.headers, "stream": self.number}).send()
        self.writer = BodyWriter(self.number)
        if reply.body:
            self.writer.write(reply.body)
        return self.writer


class BodyReader:
    """The body of a request."""

    def __init__(self, stream: int):
        self._stream = stream

    def read(self) -> bytes:
        """The next piece; an empty one is the end. Raises ModuleError "StreamBroken" when the body did not arrive whole."""
        perform("read a body", {"StreamRead": self._stream}, None, _CLIENT_TIMEOUT_S)
        return blob_bytes()

    def __iter__(self):
        while piece := self.read():
            yield piece


class BodyWriter:
    """The body of an answer. The client is told that something is missing until it is finished."""

    def __init__(self, stream: int):
        self._stream = stream

    def write(self, content: bytes | str) -> None:
        """Sends bytes, or text. Waits while the client takes too little."""
        content = to_bytes(content)
        for at in range(0, len(content), _PIECE_BYTES):
            piece = content[at : at + _PIECE_BYTES]
            perform("write a body", {"StreamWrite": self._stream}, piece, _CLIENT_TIMEOUT_S)

    def finish(self) -> None:
        """The body is complete."""
        perform("end a body", {"StreamEnd": self._stream})

    def abort(self) -> None:
        """The body will not be complete: the client is told by a connection that breaks off."""
        Request.to_module("http-server").json({"StreamAbort": self._stream}).send()
