"""How many inputs a target has been given over all its guided runs, so that they can be added up."""

import json
import time
from collections.abc import Callable
from pathlib import Path

__all__ = ["Tally"]

_SAVED_EVERY_S = 1.0


class Tally:
    """A count that is kept in a file: ``{"inputs": 1000000, "seconds": 512.5}``.

    A fuzzer ends its process without ado, so that the count is saved as it grows: what the last second brought may be
    missing, and nothing is counted twice.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        found = json.loads(path.read_text()) if path.exists() else {}
        self.inputs = int(found.get("inputs", 0))
        self.seconds = float(found.get("seconds", 0))
        self._path = path
        self._clock = clock
        self._saved_at = clock()

    def add(self) -> None:
        """Count one input."""
        self.inputs += 1
        if not self.inputs % 16 and self._clock() - self._saved_at >= _SAVED_EVERY_S:
            self.save()

    def save(self) -> None:
        """Write the count down, in one piece: a process that is killed amid it leaves the count before."""
        now = self._clock()
        self.seconds += now - self._saved_at
        self._saved_at = now
        made = self._path.with_suffix(".new")
        made.write_text(json.dumps({"inputs": self.inputs, "seconds": round(self.seconds, 1)}))
        made.replace(self._path)
