"""Tries what a process may not do, and answers what came of it."""

import os
import random
import socket
import time

from wharf import Response, SendError, await_message


def tried(what):
    try:
        return ["done", str(what())]
    except Exception as error:
        return [type(error).__name__, str(error)]


def udp():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as it:
        return it.sendto(b"x", ("127.0.0.1", 9))


def listen():
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        it.listen()
        return it.getsockname()


def deep(n):
    return 0 if n == 0 else 1 + deep(n - 1)


TRIES = {
    "connect": lambda: socket.create_connection(("127.0.0.1", 80), 1),
    "udp": udp,
    "listen": listen,
    "name": lambda: socket.getaddrinfo("localhost", 80),
    "file": lambda: open("/etc/passwd").read(),
    "tmp": lambda: open("/tmp/a", "w").write("hello"),
    "clock": time.time,
    "random": random.random,
    "os.urandom": lambda: os.urandom(8).hex(),
    "deep enough": lambda: deep(200),
    "too deep": lambda: deep(100_000),
}


def init(our: str) -> None:
    while True:
        try:
            message = await_message()
        except SendError:
            continue
        Response().json({name: tried(what) for name, what in TRIES.items()}).send()
