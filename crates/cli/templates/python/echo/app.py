"""Answers every request with the body, metadata and blob it brought."""

from wharf import Message, Response, SendError, await_message, has_blob, log


def init(our: str) -> None:
    while True:
        try:
            message = await_message()
        except SendError as error:
            log(error)
            continue
        # A late answer to nothing we asked: we send none.
        if message.is_request():
            answer(message)


def answer(message: Message) -> None:
    response = Response().body(message.body)
    if message.metadata is not None:
        response.metadata(message.metadata)
    # The blob is sent back by the node; its bytes never come here.
    if has_blob():
        response.inherit()
    response.send()
