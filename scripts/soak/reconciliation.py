"""What became of each request, and whether memory stayed flat."""

import statistics
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

_DYING_S = 0.25
"""From SIGKILL to the end of the process's connections: the kernel takes its time with the memory of a process."""

__all__ = ["Outcome", "Reconciliation", "Samples"]


@dataclass(frozen=True)
class Outcome:
    """One request; times in seconds on one clock, ``problem`` empty when it went as it should."""

    kind: str
    name: str
    started: float
    ended: float
    problem: str


@dataclass
class Samples:
    """Resident memory in MB over time, of one process."""

    values: list[float] = field(default_factory=list)

    def growth(self) -> tuple[float, float]:
        """Memory when warm, after a quarter of the time, and at the end: medians over a tenth of the samples each.

        A process too short-lived to be judged has no growth.
        """
        if len(self.values) < 20:
            return 0.0, 0.0
        tenth = max(len(self.values) // 10, 3)
        warm = len(self.values) // 4
        return statistics.median(self.values[warm : warm + tenth]), statistics.median(self.values[-tenth:])


@dataclass
class Reconciliation:
    """All outcomes, held against the kills and the journal of executions."""

    outcomes: Sequence[Outcome]
    kills: Sequence[float]
    executed: Sequence[str]
    """The ids of POSTs, once for each execution."""

    def explained(self, outcome: Outcome) -> bool:
        """Whether an environment was killed while a request that failed was under way, or was dying when it began."""
        at = bisect_left(self.kills, outcome.started - _DYING_S)
        return at < len(self.kills) and self.kills[at] <= outcome.ended

    @property
    def unexplained(self) -> list[Outcome]:
        """Requests that failed although no environment was killed meanwhile, or in another way than by a kill."""
        by_kill = ("status 502", "cut off")
        return [o for o in self.outcomes if o.problem and not (o.problem in by_kill and self.explained(o))]

    @property
    def doubled(self) -> list[str]:
        """POSTs that were executed more than once."""
        return sorted(name for name, count in Counter(self.executed).items() if count > 1)

    @property
    def lost(self) -> list[str]:
        """POSTs that were answered 200 and never executed."""
        done = set(self.executed)
        return sorted(o.name for o in self.outcomes if o.kind == "post" and not o.problem and o.name not in done)

    def rows(self) -> list[dict[str, object]]:
        """A line per kind of request."""
        found = []
        for kind in dict.fromkeys(o.kind for o in self.outcomes):
            these = [o for o in self.outcomes if o.kind == kind]
            times = sorted(o.ended - o.started for o in these)
            failed = [o for o in these if o.problem]
            wrong = [o for o in failed if o in self.unexplained]
            found.append(
                {
                    "kind": kind,
                    "requests": len(these),
                    "as expected": len(these) - len(failed),
                    "lost to kills": len(failed) - len(wrong),
                    "unexplained": len(wrong),
                    "p50 ms": 1_000 * times[len(times) // 2],
                    "p99 ms": 1_000 * times[int(len(times) * 0.99)],
                }
            )
        return found
