"""Addresses, ids and capabilities: text for us, records for the node."""

import json
from dataclasses import dataclass

from wit_world.imports import standard as _node


@dataclass(frozen=True)
class Capability:
    """The right to do `params`, which is JSON text, with `issuer`."""

    issuer: str
    params: str


def id_text(process) -> str:
    """The text of an id."""
    return f"{process.process_name}:{process.package_name}:{process.publisher_node}"


def address_text(address) -> str:
    """The text of an address."""
    return f"{address.node}@{id_text(address.process)}"


def parse_id(text: str):
    """The id of a text."""
    parts = text.split(":")
    if len(parts) != 3 or not all(parts):
        raise ValueError(f"{text} is not process:package:publisher")
    return _node.ProcessId(*parts)


def parse_address(text: str):
    """The address of a text; one without a node is on this one."""
    node, _, process = text.rpartition("@")
    return _node.Address(node or "our", parse_id(process))


def full_address(text: str) -> str:
    """The text of an address, with the name of the node that it is on."""
    address = parse_address(text)
    return f"{_node.our().node if address.node == 'our' else address.node}@{id_text(address.process)}"


def package_id(text: str) -> dict:
    """A package id of a text, as modules are told it."""
    parts = text.split(":")
    if len(parts) != 2 or not all(parts):
        raise ValueError(f"{text} is not package:publisher")
    return {"package_name": parts[0], "publisher_node": parts[1]}


def to_caps(caps):
    return [_node.Capability(parse_address(cap.issuer), cap.params) for cap in caps]


def from_caps(caps) -> list[Capability]:
    return [Capability(address_text(cap.issuer), cap.params) for cap in caps]


def same_params(one: str, other: str) -> bool:
    """Whether two params are the same JSON, whatever their blanks and the order of keys. What is none is equal to nothing."""
    try:
        # As text: to Python, `true` is equal to 1.
        one, other = (json.dumps(json.loads(each), sort_keys=True) for each in (one, other))
    except ValueError:
        return False
    return one == other


def our() -> str:
    """Our address."""
    return address_text(_node.our())


def our_package() -> str:
    """Our package, `package:publisher`."""
    return our().split("@")[1].split(":", 1)[1]


def log(text, verbosity: int = 0) -> None:
    """Shows a line to whoever watches the node. Verbosity 0 is for everyone, 3 for debugging."""
    _node.print_to_terminal(verbosity, str(text))
