"""Asking the node's modules."""

from .request import Request


class ModuleError(Exception):
    """What a module said no with."""

    def __init__(self, tried: str, error):
        kind, detail = (error, None) if isinstance(error, str) else next(iter(error.items()))
        #: The name of the reason, for example "KeyNotFound" or "IOError".
        self.kind: str = kind
        #: What is told with it, or None.
        self.detail = detail
        super().__init__(f"{tried}: {kind}" if detail is None else f"{tried}: {kind}: {detail}")


def ask(module: str, tried: str, action, content=None, seconds: int = 30, mime: str | None = None):
    """Asks a module, and gives its answer. `tried` says in an error what was tried; `content`, bytes or text, goes beside the
    request. Raises ModuleError when the module says no, and SendError when it does not answer."""
    request = Request.to_module(module).json(action)
    if content is not None:
        request.blob(content, mime)
    answer = request.send_and_await_response(seconds).json()
    if isinstance(answer, dict) and "Err" in answer:
        raise ModuleError(tried, answer["Err"])
    return answer
