"""Requests by their names."""

import traceback

from .address import log
from .message import Message, SendError, await_message
from .request import Refused, Response


def complain(error: Exception) -> None:
    """Says what went wrong, to whoever watches the node. A request that brought no response is for those who debug."""
    if isinstance(error, SendError):
        log(error, 1)
    else:
        log("".join(traceback.format_exception(error)))


class Service:
    """Answers requests of processes as Rust's `Service` does. A request is `"Name"` or `{"Name": content}`.

    Its handler is given the content (None when there is none), and what it returns is the answer, as JSON, or a Response.
    What it raises as Refused, and that a name is not known, is answered as a failure. The message being handled is
    `service.message`.
    """

    def __init__(self):
        self._handlers = {}
        self._on_message = None
        self.message: Message | None = None

    def on(self, name: str, handler):
        """Answers the requests of this name."""
        self._handlers[name] = handler
        return self

    def on_with(self, params: str, name: str, handler):
        """Likewise, for who shows the capability with these params (JSON text) that this process issued."""

        def answer(content):
            if not self.message.shows(params):
                raise Refused(f"this takes the capability {params} of this process")
            return handler(content)

        return self.on(name, answer)

    def on_message(self, handler):
        """Handles what no handler understands: responses, what comes from timers and from WebSockets of `http_client`, and
        other requests, which are its to answer. Without it those are answered with a failure."""
        self._on_message = handler
        return self

    def serve(self) -> None:
        """Answers until the process ends."""
        while True:
            try:
                self.handle(await_message())
            except Exception as error:
                complain(error)

    def handle(self, message: Message) -> None:
        """Handles one message."""
        self.message = message
        if message.is_request() and (self._on_message is None or self.understands(message)):
            self.answer(message).send()
        elif self._on_message is not None:
            self._on_message(message)

    def understands(self, message: Message) -> bool:
        """Whether there is a handler for a request."""
        try:
            return named(message)[0] in self._handlers
        except Refused:
            return False

    def answer(self, message: Message) -> Response:
        """What a request is answered with."""
        try:
            name, content = named(message)
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


def named(message: Message) -> tuple:
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
