"""Stands in for the node in the tests of wharf.py and modules.py: what the imports of a component are here."""

import enum
import json
import sys
import types
from dataclasses import dataclass


@dataclass
class ProcessId:
    process_name: str
    package_name: str
    publisher_node: str


@dataclass
class Address:
    node: str
    process: ProcessId


@dataclass
class Capability:
    issuer: Address
    params: str


@dataclass
class LazyLoadBlob:
    mime: str | None
    bytes: bytes


@dataclass
class Request:
    inherit: bool
    expects_response: int | None
    body: bytes
    metadata: str | None
    capabilities: list


@dataclass
class Response:
    inherit: bool
    body: bytes
    metadata: str | None
    capabilities: list


@dataclass
class Message_Request:
    value: Request


@dataclass
class Message_Response:
    value: tuple


class SendErrorKind(enum.Enum):
    OFFLINE = 0
    TIMEOUT = 1


@dataclass
class SendError:
    kind: SendErrorKind
    target: Address
    message: object
    lazy_load_blob: object = None


class Err(Exception):
    def __init__(self, value):
        super().__init__(value)
        self.value = value


class Host:
    """What the tests see and set."""

    def __init__(self):
        self.inbox, self.sent, self.responses, self.printed = [], [], [], []
        self.state = self.blob = self.answer = None

    def arrives(self, body: str, source: str = "asker:tests:test.os", metadata: str | None = None):
        """A request that comes in."""
        request = Request(False, 5, body.encode(), metadata, [])
        self.inbox.append((Address("test.os", ProcessId(*source.split(":"))), Message_Request(request)))

    def receive(self):
        self.blob = None
        return self.inbox.pop(0)

    def send_response(self, content, blob):
        self.responses.append((content, blob))

    def send_and_await_response(self, target, content, blob):
        asked = json.loads(content.body)
        self.sent.append((target.process.process_name, asked, blob and blob.bytes))
        answer = self.answer(asked)
        if answer == "timeout":
            raise Err(SendError(SendErrorKind.TIMEOUT, target, Message_Request(content)))
        body, metadata, content = (*answer, None, None)[:3]
        self.blob = None if content is None else LazyLoadBlob(None, content)
        return target, Message_Response((Response(False, body.encode(), metadata, []), None))


def install() -> Host:
    """Puts it where wharf.py looks for a node."""
    host = Host()
    standard = types.ModuleType("wit_world.imports.standard")
    for name, value in list(globals().items()):
        if isinstance(value, type):
            setattr(standard, name, value)
    standard.our = lambda: Address("test.os", ProcessId("main", "app", "test.os"))
    standard.print_to_terminal = lambda verbosity, text: host.printed.append(text)
    standard.receive = lambda: host.receive()
    standard.has_blob = lambda: host.blob is not None
    standard.get_blob = lambda: host.blob
    standard.send_response = host.send_response
    standard.send_and_await_response = host.send_and_await_response
    world, imports, errors = (types.ModuleType(name) for name in ("wit_world", "wit_world.imports", "componentize_py_types"))
    imports.standard, errors.Err = standard, Err
    for module in (world, imports, standard, errors):
        sys.modules[module.__name__] = module
    return host
