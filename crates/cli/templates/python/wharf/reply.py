"""Answers to HTTP requests."""

import json
from dataclasses import dataclass, field

from .request import Refused, Response


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
        """Plain text."""
        return cls.of("text/plain; charset=utf-8", text, status)

    @classmethod
    def html(cls, html: str):
        """A page."""
        return cls.of("text/html; charset=utf-8", html)

    @classmethod
    def json(cls, value):
        """A value as JSON."""
        return cls.of("application/json", json.dumps(value))

    def header(self, name: str, value):
        """One more header."""
        self.headers[name] = value
        return self

    def send(self) -> None:
        """Answers the HTTP request being handled."""
        Response().json({"status": self.status, "headers": self.headers}).blob(self.body).send()


class RefusedWith(Refused):
    """Raised in a handler of the web: this Reply is sent. Refused with words is a 400."""

    def __init__(self, reply: Reply):
        super().__init__(reply.status)
        self.reply = reply
