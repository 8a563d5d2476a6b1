"""What a fuzz target is, and the list of them."""

import random
from collections.abc import Hashable
from typing import Protocol

__all__ = ["Target", "cuts", "expect", "pieces"]


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


def expect(holds: object, what: str) -> None:
    """Hold an invariant, also under ``python -O``.

    :raises AssertionError: it does not hold; ``what`` says so.
    """
    if not holds:
        raise AssertionError(what)


def cuts(rng: random.Random, data: bytes) -> list[bytes]:
    """``data`` in pieces: of one byte, of few, or of any size."""
    kind = rng.randrange(4)
    if kind == 0 and len(data) < 2_000:
        return pieces(data, 1)
    if kind == 1:
        return pieces(data, rng.randrange(2, 40) if len(data) < 4_000 else rng.randrange(500, 9_000))
    places = sorted(rng.randrange(len(data) + 1) for _ in range(rng.randrange(1, 6)))
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True) if a < b]


def pieces(data: bytes, size: int) -> list[bytes]:
    """``data`` in pieces of ``size`` bytes."""
    return [data[start : start + size] for start in range(0, len(data), size)]
