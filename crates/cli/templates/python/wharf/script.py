"""Scripts: programs that are run from the terminal, and end. A script is a component of a package, named in the package's
`scripts.json` with what it may do.

    from wharf import script

    init = script(lambda our, args: str(2 * int(args)))
"""

from .address import log
from .message import Message, SendError, await_message
from .request import Response


def script(run):
    """The `init` of a script. `run` is given our address and the arguments, as one text, and returns the text that is shown;
    what it raises is shown as the reason of a failure."""

    def init(our: str) -> None:
        message = _arguments()
        try:
            text = str(run(our, message.text()) or "")
            answer = Response().body(text)
        except Exception as error:
            text = str(error) or type(error).__name__
            answer = Response().body(text).failure(text)
        if message.expects_response is not None:
            answer.send()
        elif text:
            log(text)

    return init


def _arguments() -> Message:
    # They come from the terminal alone: a script has more rights than who might like to choose its arguments.
    while True:
        try:
            message = await_message()
        except SendError as error:
            log(error, 1)
            continue
        if message.is_request() and message.is_from("terminal:terminal:sys"):
            return message
