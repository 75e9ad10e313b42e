"""Processes and capabilities, for those who may manage them.

Every call takes the kernel's messaging capability. That allows to look, and to manage one's own package with what one holds.
The rest takes the kernel's capability `{"root":true}`, which is power over the whole node. The shapes of the answers are in
docs/reference/kernel.md.
"""

from .address import full_address, package_id
from .module import ModuleError
from .request import Request, failure_in

_TIMEOUT_S = 60
_COMPILE_TIMEOUT_S = 600


def _ask(tried: str, command, content=None):
    request = Request.to_module("kernel").json(command)
    if content is not None:
        request.blob(content)
    message = request.send_and_await_response(_TIMEOUT_S if content is None else _COMPILE_TIMEOUT_S)
    answer = message.json()
    refusal = answer.get("Err") if isinstance(answer, dict) else answer if answer.endswith("Error") else None
    if refusal is not None:
        # The reason is in the metadata, as the bodies have no room for it.
        raise ModuleError(tried, failure_in(message.metadata) or refusal)
    return answer


def processes() -> list[dict]:
    """Every process of the node."""
    return _ask("list the processes", "Processes")["Processes"]


def ended() -> list[dict]:
    """The processes that are gone, as far as they are remembered, the oldest first."""
    return _ask("list the processes that are gone", "Ended")["Ended"]


def status() -> dict:
    """The node."""
    return _ask("ask for the node's status", "Status")["Status"]


def capabilities(process: str) -> dict:
    """What a process holds and issued."""
    return _ask(f"list the capabilities of {process}", {"Capabilities": process})["Capabilities"]


def initialize(id: str, wasm_path: str, wasm: bytes, *, on_exit: str = "None", public: bool = False) -> None:
    """Creates a process of a component: its bytes, and the path in the vfs from which they are read at the next boot. It
    begins with `run`."""
    told = {"id": id, "wasm_bytes_handle": wasm_path, "wit_version": 1, "on_exit": on_exit}
    _ask(f"create process {id}", {"InitializeProcess": told | {"initial_capabilities": [], "public": public}}, wasm)


def run(id: str) -> None:
    """Starts a process that was created."""
    _ask(f"start process {id}", {"RunProcess": id})


def kill(id: str) -> None:
    """Ends a process."""
    _ask(f"end process {id}", {"KillProcess": id})


def grant(target: str, capabilities) -> None:
    """Gives capabilities to a process."""
    _ask(f"grant {target}", {"GrantCapabilities": {"target": target, "capabilities": _told(capabilities)}})


def drop_capabilities(target: str, capabilities) -> None:
    """Takes capabilities from a process, and from nobody else."""
    told = {"target": target, "capabilities": _told(capabilities)}
    _ask(f"take capabilities from {target}", {"DropCapabilities": told})


def revoke(target: str | None, capabilities) -> None:
    """Takes capabilities from a process and from everyone who has them through it; from everyone when `target` is None."""
    _ask("revoke capabilities", {"RevokeCapabilities": {"target": target, "capabilities": _told(capabilities)}})


def revoke_package(name: str) -> None:
    """Revokes everything that processes of a package hold, what they handed on, and what they issued."""
    _ask(f"revoke all of {name}", {"RevokePackage": package_id(name)})


def set_on_exit(target: str, on_exit: str) -> None:
    """Changes what happens when a process ends: "None" or "Restart"."""
    _ask(f"set what happens when {target} ends", {"SetOnExit": {"target": target, "on_exit": on_exit}})


def check_component(wasm: bytes) -> None:
    """Compiles and links a component, and keeps nothing but the compiled code. Raises when it cannot run here."""
    _ask("check the component", "CheckComponent", wasm)


def verify_signature(public_key: str, signature: str, content: bytes) -> None:
    """Checks an Ed25519 signature of at most 64 KiB; key and signature are hex. Raises when it is not one."""
    _ask("verify a signature", {"VerifySignature": {"public_key": public_key, "signature": signature}}, content)


def _told(capabilities) -> list[dict]:
    return [{"issuer": full_address(cap.issuer), "params": cap.params} for cap in capabilities]
