"""Write Wharf processes in Python.

A process is a module `app` with a function `init(our)`. It lives until that function returns, and does everything by
message. There are no threads and no sockets; the modules that are imported when the package is built go into it.

    sending, answering, receiving    Request, Response, await_message, Message, SendError, Refused
    requests by their names          Service
    the web                          Router, Reply
    what is kept over restarts       state
    who we are, what we may do       our, capabilities, log
    files, keys and values, timers   in modules.py

What goes wrong is raised: SendError when a request brought no response, Refused when a process said no.

Addresses are text, `node@process:package:publisher`, and ids of processes `process:package:publisher`.
The same shape as Rust's `wharf-process-lib`; this file belongs to the package, so change what you like.
"""

import json as _json
import traceback
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from componentize_py_types import Err
from wit_world.imports import standard as _node

#: The version of Wharf that this file came with.
VERSION = "0.1.0"

# ---- ids ----


def _id_text(process) -> str:
    return f"{process.process_name}:{process.package_name}:{process.publisher_node}"


def _address_text(address) -> str:
    return f"{address.node}@{_id_text(address.process)}"


def _parse_address(text: str):
    node, _, process = text.rpartition("@")
    parts = process.split(":")
    if len(parts) != 3 or not all(parts):
        raise ValueError(f"{text} is not process:package:publisher")
    # Without a node it is this one.
    return _node.Address(node or "our", _node.ProcessId(*parts))


@dataclass(frozen=True)
class Capability:
    """The right to do `params`, which is JSON text, with `issuer`."""

    issuer: str
    params: str


def _to_caps(caps):
    return [_node.Capability(_parse_address(cap.issuer), cap.params) for cap in caps]


def _from_caps(caps):
    return [Capability(_address_text(cap.issuer), cap.params) for cap in caps]


def our() -> str:
    """Our address."""
    return _address_text(_node.our())


def log(text, verbosity: int = 0) -> None:
    """Shows a line to whoever watches the node. Verbosity 0 is for everyone, 3 for debugging."""
    _node.print_to_terminal(verbosity, str(text))


def capabilities() -> list[Capability]:
    """What this process may do."""
    return _from_caps(_node.our_capabilities())


# ---- receiving ----


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
        return self.kind == "request"

    def is_from(self, process: str) -> bool:
        """Whether this process of this node sent it. Names of other nodes' processes are theirs to choose."""
        return self.source == f"{_node.our().node}@{process}"

    def text(self) -> str:
        return self.body.decode()

    def json(self):
        """The body read as JSON. Raises ValueError when it is none."""
        return _json.loads(self.body)


def _to_message(received) -> Message:
    source, message = received
    if isinstance(message, _node.Message_Request):
        kind, content, expects, context = "request", message.value, message.value.expects_response, None
    else:
        (content, context), kind, expects = message.value, "response", None
    caps = _from_caps(content.capabilities)
    return Message(kind, _address_text(source), bytes(content.body), content.metadata, caps, expects, context)


class SendError(Exception):
    """A request that brought no response: raised by `await_message` and `send_and_await_response`."""

    def __init__(self, error, context: bytes | None):
        #: "offline" or "timeout".
        self.kind = error.kind.name.lower()
        #: Whom it was for.
        self.target = _address_text(error.target)
        content = error.message.value
        #: What was sent.
        self.body = bytes((content if isinstance(error.message, _node.Message_Request) else content[0]).body)
        #: What was given with it.
        self.context = context
        offline = f"the node of {self.target} cannot be reached"
        super().__init__(offline if self.kind == "offline" else f"{self.target} sent no response in time")


class Refused(Exception):
    """What a process answers when it does not do what it was asked: raise it in a handler, catch it from `ask`.

    A handler of the web may raise it with the Reply that is sent; of words, the reply is a 400."""

    def __init__(self, reason):
        super().__init__(reason.status if isinstance(reason, Reply) else reason)
        self.reply = reason if isinstance(reason, Reply) else Reply.text(f"{reason}\n", 400)


def await_message() -> Message:
    """Waits for the next message. Raises SendError for a request of ours that failed."""
    try:
        return _to_message(_node.receive())
    except Err as failed:
        raise SendError(*failed.value) from None


def has_blob() -> bool:
    """Whether the message received last brought a blob."""
    return _node.has_blob()


def blob() -> Blob | None:
    """What came beside the message received last."""
    there = _node.get_blob()
    return None if there is None else Blob(bytes(there.bytes), there.mime)


# ---- sending ----


def _to_bytes(value) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)


class _Outgoing:
    def __init__(self, content):
        self._content = content
        self._blob = None

    def body(self, body):
        """The body: bytes or text."""
        self._content.body = _to_bytes(body)
        return self

    def json(self, value):
        """A body of JSON."""
        return self.body(_json.dumps(value))

    def metadata(self, text: str):
        """Free text."""
        self._content.metadata = text
        return self

    def blob(self, content, mime: str | None = None):
        """Bytes (or text) beside the message, which the receiver pays for only when it asks for them."""
        self._blob = _node.LazyLoadBlob(mime, _to_bytes(content))
        return self

    def inherit(self):
        """Passes on the blob of the message being handled; a request also its id, and where its response goes."""
        self._content.inherit = True
        return self

    def capabilities(self, caps):
        """Shows capabilities to the receiver. Those this process neither issued nor holds are left out by the node."""
        self._content.capabilities = _to_caps(caps)
        return self


class Request(_Outgoing):
    """A request to be sent, to an address or to a process of this node. Nothing happens before it is sent."""

    def __init__(self, target: str):
        super().__init__(_node.Request(False, None, b"", None, []))
        self._target = _parse_address(target)
        self._context = None

    @classmethod
    def to_module(cls, name: str):
        """To a module of this node, for example "vfs" for `vfs:distro:sys`."""
        return cls(f"{name}:distro:sys")

    def context(self, context):
        """Bytes that come back with the response or the error."""
        self._context = _to_bytes(context)
        return self

    def expects_response(self, seconds: int):
        """Asks for a response within this many seconds. It comes to `await_message`."""
        self._content.expects_response = seconds
        return self

    def send(self) -> None:
        """Sends it. When it fails and a response is expected, `await_message` says so."""
        _node.send_request(self._target, self._content, self._context, self._blob)

    def send_and_await_response(self, seconds: int) -> Message:
        """Sends it and waits for the response; other messages wait meanwhile. Raises SendError."""
        self._content.expects_response = seconds
        try:
            return _to_message(_node.send_and_await_response(self._target, self._content, self._blob))
        except Err as failed:
            raise SendError(failed.value, self._context) from None

    def ask(self, seconds: int):
        """Sends it and reads the response as JSON. Raises Refused when the process says no, as a Service does, and
        SendError."""
        answer = self.send_and_await_response(seconds)
        reason = None if answer.body else _failure_in(answer.metadata)
        if reason is not None:
            raise Refused(reason)
        return answer.json()


def _failure_in(metadata: str | None) -> str | None:
    try:
        reason = _json.loads(metadata or "null")
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
        return self.metadata(_json.dumps({"error": str(error)}))

    def send(self) -> None:
        _node.send_response(self._content, self._blob)


# ---- requests by their names ----


class Service:
    """Answers requests of processes as Rust's `Service` does. A request is `"Name"` or `{"Name": content}`.

    Its handler is given the content (None when there is none), and what it returns is the answer, as JSON, or a Response.
    What it raises as Refused, and that a name is not known, is answered as a failure. The message being handled is
    `service.message`.
    """

    def __init__(self):
        self._handlers = {}
        self._on_message = lambda message: None
        self.message: Message | None = None

    def on(self, name: str, handler):
        """Answers the requests of this name."""
        self._handlers[name] = handler
        return self

    def on_message(self, handler):
        """Handles what is no request: responses, for example."""
        self._on_message = handler
        return self

    def serve(self) -> None:
        """Answers until the process ends."""
        while True:
            try:
                self.handle(await_message())
            except SendError as error:
                log(error, 1)
            except Exception:
                log(traceback.format_exc())

    def handle(self, message: Message) -> None:
        """Handles one message."""
        self.message = message
        if message.is_request():
            self.answer(message).send()
        else:
            self._on_message(message)

    def answer(self, message: Message) -> Response:
        """What a request is answered with."""
        try:
            name, content = _named(message)
            if name not in self._handlers:
                raise Refused(f"not a request: `{name}` is none of {', '.join(self._handlers)}")
            answer = self._handlers[name](content)
            return answer if isinstance(answer, Response) else Response().json(answer)
        except Refused as refused:
            return Response().failure(refused)
        except Exception:
            # A mistake of this process is nobody else's business.
            log(traceback.format_exc())
            return Response().failure("something went wrong here")


def _named(message: Message):
    """The name and the content of a request."""
    try:
        asked = message.json()
    except ValueError as error:
        raise Refused(f"not a request: {error}") from None
    if isinstance(asked, str):
        return asked, None
    if isinstance(asked, dict) and len(asked) == 1:
        return next(iter(asked.items()))
    raise Refused('not a request: it is "Name" or {"Name": content}')


# ---- state ----


class state:
    """What this process keeps over restarts and upgrades: one value, durable when `set` returns."""

    @staticmethod
    def get(otherwise=None):
        """The saved value, or `otherwise` when nothing was ever saved. Raises ValueError when it is not JSON."""
        saved = state.get_bytes()
        return otherwise if saved is None else _json.loads(saved)

    @staticmethod
    def set(value) -> None:
        """Saves a value as JSON."""
        state.set_bytes(_json.dumps(value).encode())

    @staticmethod
    def get_bytes() -> bytes | None:
        saved = _node.get_state()
        return None if saved is None else bytes(saved)

    @staticmethod
    def set_bytes(content: bytes) -> None:
        _node.set_state(content)

    @staticmethod
    def clear() -> None:
        _node.clear_state()


# ---- the web ----


@dataclass
class Reply:
    """An HTTP answer."""

    body: bytes | str = b""
    status: int = 200
    #: A value is text, or a list of texts for a header that comes several times.
    headers: dict = field(default_factory=dict)

    @classmethod
    def of(cls, mime: str, body, status: int = 200):
        """Bytes or text of a media type."""
        return cls(body, status, {"Content-Type": mime})

    @classmethod
    def text(cls, text: str, status: int = 200):
        return cls.of("text/plain; charset=utf-8", text, status)

    @classmethod
    def html(cls, html: str):
        return cls.of("text/html; charset=utf-8", html)

    @classmethod
    def json(cls, value):
        return cls.of("application/json", _json.dumps(value))

    def header(self, name: str, value):
        """One more header."""
        self.headers[name] = value
        return self

    def send(self) -> None:
        """Answers the HTTP request being handled."""
        Response().json({"status": self.status, "headers": self.headers}).blob(self.body).send()


_HTTP_SERVER = "http-server:distro:sys"
_ACCESS = ["anyone", "this-machine", "logged-in"]


def _slashed(path: str) -> str:
    return "/" + path.strip("/")


class HttpRequest:
    """An HTTP request for a path that this process bound."""

    @classmethod
    def read(cls, message: Message):
        """Reads a message from the HTTP server of this node; None for every other message. What its owner sends comes
        from there, too."""
        if not (message.is_request() and message.is_from(_HTTP_SERVER)):
            return None
        try:
            event = message.json()
        except ValueError:
            return None
        return cls(event["Http"]) if isinstance(event, dict) and "Http" in event else None

    def __init__(self, incoming: dict):
        prefix = "/" + _id_text(_node.our().process)

        def below(path):
            return _slashed(path[len(prefix) :] if path == prefix or path.startswith(prefix + "/") else path)

        #: "GET", "POST", …
        self.method: str = incoming["method"]
        #: The path below `/<process id>`, and the path as it was bound.
        self.path: str = below(urlsplit(incoming["url"]).path)
        self.bound_path: str = below(incoming["bound_path"])
        #: What `:name` and `*name` of the bound path matched; the query; the headers, with names in lower case.
        self.url_params: dict = incoming["url_params"]
        self.query: dict = incoming["query_params"]
        self.headers: dict = incoming["headers"]

    def body(self) -> bytes:
        """The bytes the client sent. Take them before waiting for anything else."""
        there = blob()
        return b"" if there is None else there.bytes

    def json(self):
        """The body read as JSON; refuses with 400 when it is none."""
        try:
            return _json.loads(self.body())
        except ValueError as error:
            raise Refused(Reply.text(f"the body is not what was expected: {error}\n", 400)) from None


class Router:
    """Answers the web: paths with their methods. Handlers are given the HttpRequest and return a Reply, or text.

    `access` is "anyone", "logged-in" or "this-machine". The process must hold the messaging capability of
    `http-server:distro:sys`, and grant it its own.
    """

    def __init__(self):
        self._paths = {}
        self._on_message = lambda message: None

    def method(self, method: str, path: str, access: str, handler):
        if access not in _ACCESS:
            raise ValueError(f"access is one of {', '.join(_ACCESS)}, not {access}")
        earlier, methods = self._paths.get(_slashed(path), (access, {}))
        methods[method] = handler
        # Of two accesses for one path the stricter one counts.
        self._paths[_slashed(path)] = (max(earlier, access, key=_ACCESS.index), methods)
        return self

    def get(self, path: str, access: str, handler):
        """Answers GET, and HEAD with the same headers. `path` may have parts like `:id` and end in `*rest`."""
        return self.method("GET", path, access, handler)

    def post(self, path: str, access: str, handler):
        return self.method("POST", path, access, handler)

    def put(self, path: str, access: str, handler):
        return self.method("PUT", path, access, handler)

    def delete(self, path: str, access: str, handler):
        return self.method("DELETE", path, access, handler)

    def on_message(self, handler):
        """Handles the messages that are not of the web."""
        self._on_message = handler
        return self

    def serve(self) -> None:
        """Binds all paths and answers until the process ends. Raises when a path cannot be bound."""
        for path, (access, _) in self._paths.items():
            bind(path, access)
        while True:
            try:
                self.handle(await_message())
            except SendError as error:
                log(error, 1)
            except Exception:
                # What a handler raises: one request that goes wrong does not end the process.
                log(traceback.format_exc())

    def handle(self, message: Message) -> None:
        """Handles one message."""
        request = HttpRequest.read(message)
        if request is None:
            self._on_message(message)
        else:
            self.answer(request).send()

    def answer(self, request: HttpRequest) -> Reply:
        """What a request is answered with."""
        _, methods = self._paths.get(request.bound_path, (None, None))
        if methods is None:
            return Reply.text("not found\n", 404)
        handler = methods.get(request.method)
        if handler is None and request.method == "HEAD":
            handler = methods.get("GET")
        if handler is None:
            return Reply(status=405).header("Allow", ", ".join(methods))
        try:
            reply = handler(request)
            return reply if isinstance(reply, Reply) else Reply.text(reply)
        except Refused as refused:
            return refused.reply
        except Exception:
            log(f"{request.method} {request.path}: {traceback.format_exc()}")
            return Reply.text("something went wrong here\n", 500)


def bind(path: str, access: str) -> None:
    """Sends requests for a path to this process, for those with a loop of their own."""
    local = access == "this-machine"
    action = {"Bind": {"path": path, "authenticated": access == "logged-in", "local_only": local, "cache": False}}
    answer = Request(_HTTP_SERVER).json(action).send_and_await_response(10).json()
    if "Err" in answer:
        raise RuntimeError(f"cannot bind {path}: {answer['Err']}")
