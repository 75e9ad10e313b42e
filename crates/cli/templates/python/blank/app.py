"""A process that does nothing yet."""

from wharf import Response, SendError, await_message, log


def init(our: str) -> None:
    log(f"{our} is up")
    while True:
        try:
            message = await_message()
        except SendError as error:
            log(error)
            continue
        # Whoever asks learns that nothing is understood here yet.
        if message.is_request():
            Response().failure("this process understands nothing yet").send()
