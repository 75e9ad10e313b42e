"""Answering the web. Paths are below `/<process id>`. The process must hold the messaging capability of
`http-server:distro:sys`, and grant it its own. `access` is "anyone", "logged-in" or "this-machine".

    Router().get("/hello", "anyone", lambda request: f"hello {request.query.get('name', 'you')}\\n").serve()

Router does what most processes need. The functions beside it are for those with a loop of their own.
"""

from .http_bind import bind, bind_static, unbind
from .http_request import HttpRequest
from .reply import RefusedWith, Reply
from .router import Router
from .socket import Channel, Rooms, SocketEvent, bind_socket, unbind_socket
from .stream import BodyReader, BodyWriter, Stream, bind_stream

__all__ = [
    "BodyReader",
    "BodyWriter",
    "Channel",
    "HttpRequest",
    "RefusedWith",
    "Reply",
    "Rooms",
    "Router",
    "SocketEvent",
    "Stream",
    "bind",
    "bind_socket",
    "bind_static",
    "bind_stream",
    "unbind",
    "unbind_socket",
]
