"""Answering the web by paths and methods."""

import traceback

from .address import log
from .http_bind import bind, rules, stricter
from .http_request import HttpRequest, sent_by_server, slashed
from .message import Message, await_message
from .reply import RefusedWith, Reply
from .request import Refused
from .service import Service, complain
from .socket import SocketEvent, bind_socket
from .stream import bind_stream


class Router:
    """Answers the web: paths with their methods. Handlers are given the HttpRequest and return a Reply, or text.

    `access` is "anyone", "logged-in" or "this-machine". The process must hold the messaging capability of
    `http-server:distro:sys`, and grant it its own.
    """

    def __init__(self):
        self._paths = {}
        self._streams = {}
        self._sockets = {}
        #: Answers the requests of processes by their names.
        self.service = Service()
        self._on_socket = lambda event: None

    def method(self, method: str, path: str, access: str, handler):
        """Answers a method, which is written in capitals. Given twice, the later handler counts; of two accesses the
        stricter one."""
        rules(access)
        earlier, methods = self._paths.get(slashed(path), (access, {}))
        methods[method] = handler
        self._paths[slashed(path)] = (stricter(earlier, access), methods)
        return self

    def get(self, path: str, access: str, handler):
        """Answers GET, and HEAD with the same headers. `path` may have parts like `:id` and end in `*rest`."""
        return self.method("GET", path, access, handler)

    def post(self, path: str, access: str, handler):
        """Answers POST."""
        return self.method("POST", path, access, handler)

    def put(self, path: str, access: str, handler):
        """Answers PUT."""
        return self.method("PUT", path, access, handler)

    def delete(self, path: str, access: str, handler):
        """Answers DELETE."""
        return self.method("DELETE", path, access, handler)

    def stream(self, path: str, access: str, handler):
        """Answers a path, whatever the method, piece by piece: the handler is given the HttpRequest and its Stream."""
        rules(access)
        self._streams[slashed(path)] = (access, handler)
        return self

    def socket(self, path: str, access: str):
        """Opens WebSockets at a path. What happens to them goes to `on_socket`."""
        rules(access)
        self._sockets[slashed(path)] = access
        return self

    def on_socket(self, handler):
        """Handles what happens to WebSockets, of all paths: it is given the SocketEvent."""
        self._on_socket = handler
        return self

    def on(self, name: str, handler):
        """Answers the requests of processes by their names: see Service."""
        self.service.on(name, handler)
        return self

    def on_with(self, params: str, name: str, handler):
        """Likewise, for who shows a capability: see Service."""
        self.service.on_with(params, name, handler)
        return self

    def on_message(self, handler):
        """Handles the messages that are not of the web and that no handler of `on` understands: see Service."""
        self.service.on_message(handler)
        return self

    def bind(self) -> None:
        """Binds all paths. Raises when one cannot be bound."""
        for path, (access, _) in self._paths.items():
            bind(path, access)
        for path, (access, _) in self._streams.items():
            bind_stream(path, access)
        for path, access in self._sockets.items():
            bind_socket(path, access)

    def serve(self) -> None:
        """Binds all paths and answers until the process ends."""
        self.bind()
        while True:
            try:
                self.handle(await_message())
            except Exception as error:
                # Also what a handler raises: one request that goes wrong does not end the process.
                complain(error)

    def handle(self, message: Message) -> None:
        """Handles one message."""
        event = sent_by_server(message)
        if (request := HttpRequest.of(event)) is not None:
            if request.stream is not None and request.bound_path in self._streams:
                self._answer_stream(self._streams[request.bound_path][1], request)
            else:
                self.answer(request).send()
        elif (socket := SocketEvent.of(event)) is not None:
            self._on_socket(socket)
        else:
            self.service.handle(message)

    @staticmethod
    def _answer_stream(handler, request: HttpRequest) -> None:
        try:
            handler(request, request.stream)
        except Exception as error:
            complain(error)
            # The client is told, in the way that is left.
            if request.stream.writer is None:
                Reply(status=500).send()
            else:
                request.stream.writer.abort()

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
        except RefusedWith as refused:
            return refused.reply
        except Refused as refused:
            return Reply.text(f"{refused}\n", 400)
        except Exception:
            log(f"{request.method} {request.path}: {traceback.format_exc()}")
            return Reply.text("something went wrong here\n", 500)
