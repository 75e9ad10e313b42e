"""Computes Fibonacci numbers for whoever asks: {"Number": 10} is answered with {"Number": 55}."""

from wharf import Refused, Service

# The largest that fits 64 bits.
LAST = 93


def fibonacci(place: int) -> int:
    number, following = 0, 1
    for _ in range(place):
        number, following = following, number + following
    return number


def answer(place):
    if not isinstance(place, int) or place < 0:
        raise Refused(f"{place} is no place of a number")
    if place > LAST:
        raise Refused(f"{place} is too large: the last number that fits is {LAST}")
    return {"Number": fibonacci(place)}


def init(our):
    Service().on("Number", answer).serve()
