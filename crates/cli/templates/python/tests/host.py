"""Stands in for the node in the tests of the package `wharf`: what the imports of a component are here."""

import enum
import json
import pathlib
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


class SpawnError(enum.Enum):
    NAME_TAKEN = 0
    NO_FILE_AT_PATH = 1


@dataclass
class OnExit_None_:
    pass


@dataclass
class OnExit_Restart:
    pass


@dataclass
class OnExit_Requests:
    value: list


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
        self.state = self.blob = self.answer = self.spawned = None
        self.held, self.on_exit = [], OnExit_None_()

    def arrives(self, body: str, source: str = "asker:tests:test.os", metadata: str | None = None, shows=(), content=None):
        """A request that comes in; `shows` are params of capabilities, `content` is the blob."""
        ours = Address("test.os", ProcessId("main", "app", "test.os"))
        request = Request(False, 5, body.encode(), metadata, [Capability(ours, params) for params in shows])
        blob = None if content is None else LazyLoadBlob(None, content)
        self.inbox.append((Address("test.os", ProcessId(*source.split(":"))), Message_Request(request), blob))

    def receive(self):
        *message, self.blob = self.inbox.pop(0)
        return message

    def send_request(self, target, content, context, blob):
        self.sent.append((target.process.process_name, json.loads(content.body), blob and blob.bytes))

    def spawn(self, name, *told):
        if name == "taken":
            raise Err(SpawnError.NAME_TAKEN)
        self.spawned = told
        return ProcessId(name or "17", "app", "test.os")

    def drop(self, caps):
        self.held = [held for held in self.held if held not in caps]

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
    """Puts it where the package looks for a node."""
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
    standard.send_request = host.send_request
    standard.send_response = host.send_response
    standard.spawn = host.spawn
    standard.our_capabilities = lambda: host.held
    standard.save_capabilities = lambda caps: host.held.extend(caps)
    standard.drop_capabilities = host.drop
    standard.get_on_exit = lambda: host.on_exit
    standard.set_on_exit = lambda on_exit: setattr(host, "on_exit", on_exit)
    standard.get_state = lambda: host.state
    standard.set_state = lambda content: setattr(host, "state", content)
    standard.clear_state = lambda: setattr(host, "state", None)
    standard.send_and_await_response = host.send_and_await_response
    world, imports, errors = (types.ModuleType(name) for name in ("wit_world", "wit_world.imports", "componentize_py_types"))
    imports.standard, errors.Err = standard, Err
    for module in (world, imports, standard, errors):
        sys.modules[module.__name__] = module
    return host


node = install()
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))
