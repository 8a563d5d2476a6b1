"""What a fuzz target is, and the list of them."""

import random
from collections.abc import Hashable
from typing import Protocol

__all__ = ["Target", "cuts", "expect", "pieces"]

_SMALL_PIECES = 64


class Target(Protocol):
    """One parser under fuzzing."""

    name: str

    def generate(self, rng: random.Random) -> bytes:
        """A plausible input."""

    def mutate(self, rng: random.Random, data: bytes, other: bytes) -> bytes:
        """An input near ``data``, perhaps with parts of ``other``."""

    def check(self, data: bytes, rng: random.Random) -> Hashable:
        """Feed an input; what it led to, by which inputs are told apart that reach something new.

        :raises Exception: an invariant does not hold.
        """


def expect(holds: object, what: str, *values: object) -> None:
    """Hold an invariant, also under ``python -O``.

    :param values: for the ``%`` in ``what``; they are put into words only when they are needed, which takes longer than
        most inputs do.
    :raises AssertionError: it does not hold; ``what`` says so.
    """
    if not holds:
        raise AssertionError(what % values if values else what)


def cuts(rng: random.Random, data: bytes) -> list[bytes]:
    """``data`` in pieces: a stretch of it in pieces of one byte, or of few, or all in pieces of any size.

    There are never many, so that a long input costs no more time than many short ones, which reach more.
    """
    kind = rng.randrange(4)
    if kind < 2:
        return _stretched(rng, data, 1 if kind == 0 else rng.randrange(2, 40))
    places = sorted(rng.randrange(len(data) + 1) for _ in range(rng.randrange(1, 6)))
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True) if a < b]


def _stretched(rng: random.Random, data: bytes, size: int) -> list[bytes]:
    """A stretch of ``data`` in pieces of ``size`` bytes, with what is before and behind it."""
    longest = size * _SMALL_PIECES
    start = rng.randrange(len(data) - longest + 1) if len(data) > longest else 0
    end = start + longest
    return [piece for piece in (data[:start], *pieces(data[start:end], size), data[end:]) if piece]


def pieces(data: bytes, size: int) -> list[bytes]:
    """``data`` in pieces of ``size`` bytes."""
    return [data[start : start + size] for start in range(0, len(data), size)]
