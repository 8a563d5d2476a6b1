"""The loop: draw an input, check it, keep what reaches something new, and keep what breaks."""

import hashlib
import random
import resource
import signal
import time
import traceback
import zlib
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from scripts.fuzz.targets import Target, expect

__all__ = ["Campaign", "Counts", "check", "examine", "keep"]

_CORPUS_BYTES = 10_000_000
_PATIENCE_S = 10.0
_GROWTH_MB = 200.0


@dataclass
class Counts:
    """What one target has seen."""

    inputs: int = 0
    outcomes: set[int] = field(default_factory=set)
    """Hashes of what inputs have led to."""
    corpus: list[bytes] = field(default_factory=list)
    corpus_bytes: int = 0
    kept: dict[str, Path] = field(default_factory=dict)
    """The first input that broke each invariant, by what was broken."""
    broken: int = 0

    def remember(self, data: bytes, rng: random.Random) -> None:
        """Keep an input for mutation; some go when they take too much memory."""
        self.corpus.append(data)
        self.corpus_bytes += len(data)
        while self.corpus_bytes > _CORPUS_BYTES:
            at = rng.randrange(len(self.corpus))
            self.corpus[at], self.corpus[-1] = self.corpus[-1], self.corpus[at]
            self.corpus_bytes -= len(self.corpus.pop())


def check(target: Target, data: bytes) -> Hashable:
    """Examine one input, which must not hang.

    :raises Exception: an invariant does not hold.
    """
    with _hanging_is_an_error():
        return examine(target, data)


def examine(target: Target, data: bytes) -> Hashable:
    """Check one input; it is cut the same way each time, so that it can be replayed from its bytes alone.

    Nobody watches whether it hangs: that is for the caller, as a process has one alarm only.

    :raises Exception: an invariant does not hold.
    """
    return target.check(data, random.Random(zlib.crc32(data)))


@contextmanager
def _hanging_is_an_error() -> Iterator[None]:
    def hung(_signal: int, _frame: FrameType | None) -> None:
        raise AssertionError(f"an input took more than {_PATIENCE_S:g} s")

    before = signal.signal(signal.SIGALRM, hung)
    timer = signal.setitimer(signal.ITIMER_REAL, _PATIENCE_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, before)


def keep(folder: Path, target: Target, data: bytes) -> Path:
    """Write an input down under a name that says which target it is for."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{target.name}-{hashlib.sha256(data).hexdigest()[:12]}.bin"
    path.write_bytes(data)
    return path


class Campaign:
    """Fuzzes its targets in turn; all that is drawn follows from the seed."""

    def __init__(self, targets: Sequence[Target], seed: int, folder: Path, say: Callable[[str], object]) -> None:
        self.targets = targets
        self.counts = {target.name: Counts() for target in targets}
        self._rng = random.Random(seed)
        self._folder = folder
        self._say = say
        self._memory_mb = 0.0

    def run(self, minutes: float) -> None:
        """Fuzz for some minutes.

        :raises AssertionError: memory grew without bound.
        """
        until = time.monotonic() + 60 * minutes
        turns = 0
        while time.monotonic() < until:
            self.turn(50)
            turns += 1
            self._watch_memory(turns)

    def turn(self, inputs: int) -> None:
        """Check some inputs of each target."""
        for target in self.targets:
            for _ in range(inputs):
                self._one(target)

    def _one(self, target: Target) -> None:
        counts = self.counts[target.name]
        data = self._draw(target, counts.corpus)
        counts.inputs += 1
        try:
            outcome = check(target, data)
        except Exception as error:  # noqa: BLE001 - whatever an input raises is what is looked for
            self._broken(target, counts, data, error)
            return
        if hash(outcome) not in counts.outcomes:
            counts.outcomes.add(hash(outcome))
            counts.remember(data, self._rng)

    def _draw(self, target: Target, corpus: list[bytes]) -> bytes:
        rng = self._rng
        if not corpus or rng.random() < 0.25:
            return target.generate(rng)
        return target.mutate(rng, rng.choice(corpus), rng.choice(corpus))

    def _broken(self, target: Target, counts: Counts, data: bytes, error: Exception) -> None:
        counts.broken += 1
        place = traceback.extract_tb(error.__traceback__)[-3:]
        kind = f"{type(error).__name__} at {[(frame.name, frame.lineno) for frame in place]}"
        if kind in counts.kept:
            return
        path = counts.kept[kind] = keep(self._folder, target, data)
        self._say("".join(traceback.format_exception(error)))
        self._say(f"{target.name}: kept {path}; replay: python -m scripts.fuzz --replay {path}")

    def _watch_memory(self, turns: int) -> None:
        memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024
        if turns == 20:
            self._memory_mb = memory_mb
        elif turns > 20:
            grown = memory_mb - self._memory_mb
            expect(grown < _GROWTH_MB, f"memory has grown by {grown:.0f} MB since the first {20 * 50} inputs")
