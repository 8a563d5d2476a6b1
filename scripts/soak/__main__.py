"""``python -m scripts.soak --minutes 10``: exits 1 when a request is unaccounted for, or memory has grown."""

import argparse
import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

from scripts.bench.support import format_table, write_results
from scripts.soak.app import JOURNAL
from scripts.soak.reconciliation import Outcome, Reconciliation, Samples
from scripts.soak.traffic import KINDS, Kind
from tests.e2e.router.support import RunningRouter, eventually, running

_PROCESSES = 4
_CLIENTS = 12
_GROWTH_MB = {"router": 15.0, "environment": 25.0}
_SAMPLE_EVERY_S = 1.0


class Soak:
    """One run against one router."""

    def __init__(self, router: RunningRouter, rng: random.Random, kills_per_thousand: int) -> None:
        self.outcomes: list[Outcome] = []
        self.kills: list[float] = []
        self.memory = {"router": Samples()}
        self._router = router
        self._rng = rng
        self._kills_per_thousand = kills_per_thousand
        self._spared = 0
        self._spare()

    def _spare(self) -> None:
        """Choose the environment that is not killed, so that its memory can be watched: until its time is over."""
        self._spared = self._router.adapters()[0]
        self.memory[f"environment {self._spared}"] = Samples()

    async def run(self, minutes: float, pause_s: float) -> None:
        """Send traffic for some minutes."""
        until = time.monotonic() + 60 * minutes
        await asyncio.gather(self._sample(until), *(self._client(until, pause_s) for _ in range(_CLIENTS)))

    async def _client(self, until: float, pause_s: float) -> None:
        while time.monotonic() < until:
            (kind,) = self._rng.choices(KINDS, [kind.share for kind in KINDS])
            if self._rng.randrange(1_000) < self._kills_per_thousand:
                self._kill()
            await self._one(kind, f"{len(self.outcomes)}-{self._rng.getrandbits(48):x}")
            await asyncio.sleep(pause_s)

    async def _one(self, kind: Kind, name: str) -> None:
        started = time.monotonic()
        try:
            problem = await asyncio.wait_for(kind.attempt(self._router.port, name), kind.patience_s)
        except TimeoutError:
            problem = f"no answer in {kind.patience_s:g} s"
        except OSError as error:
            problem = f"connection: {error}"
        self.outcomes.append(Outcome(kind.name, name, started, time.monotonic(), problem))

    def _kill(self) -> None:
        others = [pid for pid in self._router.adapters() if pid != self._spared]
        if others:
            os.kill(self._rng.choice(others), signal.SIGKILL)
            self.kills.append(time.monotonic())

    async def _sample(self, until: float) -> None:
        while time.monotonic() < until:
            self.memory["router"].values.append(_memory_mb(self._router.process.pid))
            try:
                self.memory[f"environment {self._spared}"].values.append(_memory_mb(self._spared))
            except FileNotFoundError:
                self._spare()
            await asyncio.sleep(_SAMPLE_EVERY_S)


def _memory_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def main(arguments: list[str] | None = None) -> int:
    """Soak, report, and judge."""
    parser = argparse.ArgumentParser(prog="soak_dispatch", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pause", type=float, default=0.05, help="seconds between two requests of a client")
    parser.add_argument("--kills", type=int, default=10, help="environments killed per thousand requests")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / "executed"
        journal.touch()
        sizes = ["--processes", str(_PROCESSES), "--minimum", str(_PROCESSES)]
        with running("scripts.soak.app:app", *sizes, environment={JOURNAL: str(journal)}) as router:
            eventually(lambda: router.metric("dispatch_environments", state="serving") == _PROCESSES)
            soak = Soak(router, random.Random(options.seed), options.kills)
            asyncio.run(soak.run(options.minutes, options.pause))
            eventually(lambda: router.metric("dispatch_channels_busy") == 0)
            stopped = router.stop()
        return _report(soak, Reconciliation(soak.outcomes, soak.kills, journal.read_text().split()), stopped)


def _report(soak: Soak, reconciliation: Reconciliation, stopped: int) -> int:
    figures: dict[str, float] = {
        "requests": len(soak.outcomes),
        "kills": len(soak.kills),
        "lost_to_kills": sum(bool(o.problem) for o in soak.outcomes) - len(reconciliation.unexplained),
        "unexplained": len(reconciliation.unexplained),
        "executed_twice": len(reconciliation.doubled),
        "answered_unexecuted": len(reconciliation.lost),
        "exit_code": stopped,
    }
    problems = [f"{name}: {value:g}" for name, value in list(figures.items())[3:] if value]
    for name, samples in soak.memory.items():
        warm, end = samples.growth()
        figures |= {f"{name}, warm, MB": warm, f"{name}, at its end, MB": end}
        if end - warm > _GROWTH_MB[name.split()[0]]:
            problems.append(f"the {name}'s memory grew from {warm:.0f} to {end:.0f} MB")
    print(format_table(reconciliation.rows()))
    print("\n".join(f"{name:<36}{value:>12,.6g}" for name, value in figures.items()))
    for outcome in reconciliation.unexplained[:20]:
        seconds = outcome.ended - outcome.started
        print(f"unexplained: {outcome.kind} {outcome.name}: {outcome.problem} after {seconds:.2f} s")
    print(f"written to {write_results('soak', reconciliation.rows(), figures)}")
    for problem in problems:
        print(f"not as it should be: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
