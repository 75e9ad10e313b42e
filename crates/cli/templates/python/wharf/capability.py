"""What this process may do.

A process holds a Capability because it was granted, or because it saved one that came with a message. It shows it with
`Request.capabilities`; the node's own modules need no showing, they ask the kernel.
"""

from wit_world.imports import standard as _node

from .address import Capability, from_caps, full_address, same_params, to_caps

#: Params of the right to send messages.
MESSAGING = '"messaging"'


def ours() -> list[Capability]:
    """Every capability this process holds."""
    return from_caps(_node.our_capabilities())


def find(issuer: str, params: str) -> Capability | None:
    """The capability of this issuer with these params. Blanks and the order of keys do not matter."""
    wanted = full_address(issuer)
    return next((held for held in ours() if held.issuer == wanted and same_params(held.params, params)), None)


def save(capabilities) -> None:
    """Keeps capabilities that came with a message, or that this process issues itself. The node leaves out all others."""
    _node.save_capabilities(to_caps(capabilities))


def drop(capabilities) -> None:
    """Gives capabilities up."""
    _node.drop_capabilities(to_caps(capabilities))
