"""Write Wharf processes in Python.

A process is a module `app` with a function `init(our)`. It lives until that function returns, and does everything by
message. There are no threads and no sockets; the modules that are imported when the package is built go into it.

    from wharf import Router, kv, state

    sending, answering, receiving    Request, Response, await_message, Message, blob, SendError, Refused
    requests by their names          Service
    the web                          http, and of it Router, Reply; bodies of any length, WebSockets
    what is kept over restarts       state
    files                            vfs
    databases                        kv, sqlite
    being told that a time has come  timer
    asking the web                   http_client
    who we are, what we may do       our, process, capability
    other processes                  process, kernel
    the owner                        log, script

What goes wrong is raised: SendError when a request brought no response, Refused when a process said no, ModuleError when a
module of the node did. What a module can be asked for is in the node's documentation, docs/reference.

Addresses are text, `node@process:package:publisher`, and ids of processes `process:package:publisher`.
The same shape as Rust's `wharf-process-lib`. This folder belongs to the package, so change what you like: what nothing
imports can go.
"""

from . import capability, http, http_client, kernel, kv, process, sqlite, state, timer, vfs
from .address import Capability, log, our
from .http import HttpRequest, Reply, Router
from .message import Blob, Message, SendError, await_message, blob, has_blob
from .module import ModuleError
from .request import Refused, Request, Response
from .script import script
from .service import Service

#: The version of Wharf that these files came with.
VERSION = "0.1.0"

__all__ = [
    "Blob",
    "Capability",
    "HttpRequest",
    "Message",
    "ModuleError",
    "Refused",
    "Reply",
    "Request",
    "Response",
    "Router",
    "SendError",
    "Service",
    "VERSION",
    "await_message",
    "blob",
    "capability",
    "has_blob",
    "http",
    "http_client",
    "kernel",
    "kv",
    "log",
    "our",
    "process",
    "script",
    "sqlite",
    "state",
    "timer",
    "vfs",
]
