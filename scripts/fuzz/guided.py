"""Coverage-guided fuzzing by atheris: ``python -m scripts.fuzz.guided --minutes 60``, all targets in turn.

atheris has no place in the project's own environment: install it into one of its own, beside what `dev` needs. Corpora
and counts stay in build/fuzz/guided, so that each run goes on where the last one ended. An input that breaks an
invariant, or hangs, is kept in build/fuzz; ``python -m scripts.fuzz --replay`` checks it again.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from scripts.fuzz.all_targets import TARGETS
from scripts.fuzz.tally import Tally

__all__ = ["main"]

_FOLDER = Path("build/fuzz")
_TURN_S = 240
"""Of one target, before the next one has its turn, which begins with the corpus that it has: no turn is short."""
_HANGING_S = 60
"""A machine with other work to do may leave a process waiting for some seconds."""
_LONGEST = 4_096
"""Bytes of an input: longer ones reach little more, and take more time."""


def main(arguments: list[str] | None = None) -> int:
    """Fuzz for some minutes; 1 when an input broke an invariant."""
    parser = argparse.ArgumentParser(prog="scripts.fuzz.guided", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--target", action="append", choices=[t.name for t in TARGETS], help="only this; may repeat")
    options = parser.parse_args(arguments)
    names = options.target or [target.name for target in TARGETS]
    broken = _take_turns(names, time.monotonic() + 60 * options.minutes)
    print(_report(names), flush=True)
    return 1 if broken else 0


def _take_turns(names: Sequence[str], until: float) -> int:
    """Give each target a turn until time is over; how many turns ended with an input that broke an invariant."""
    broken = turns = 0
    while (left := until - time.monotonic()) >= 1:
        name = names[turns % len(names)]
        code = subprocess.run(_command(name, min(_TURN_S, int(left))), check=False).returncode
        turns += 1
        if code:
            broken += 1
            print(f"{name}: libFuzzer ended with {code}; see {_FOLDER}/{name}-*", flush=True)
        print(f"{name}: {Tally(_tally(name)).inputs:,} inputs so far", flush=True)
    return broken


def _command(name: str, seconds: int) -> list[str]:
    return [
        *(sys.executable, "-m", "scripts.fuzz.guided_target", name, str(_tally(name).with_suffix(""))),
        *(f"-max_total_time={seconds}", f"-timeout={_HANGING_S}", f"-max_len={_LONGEST}"),
        *(f"-artifact_prefix={_FOLDER}/{name}-", "-verbosity=0"),
    ]


def _tally(name: str) -> Path:
    return _FOLDER / "guided" / f"{name}.json"


def _report(names: Sequence[str]) -> str:
    rows = [(name, Tally(_tally(name))) for name in names]
    lines = [f"{name:<14}{tally.inputs:>12,} inputs in {tally.seconds:>8,.0f} s" for name, tally in rows]
    return "\n".join([*lines, f"{'all':<14}{sum(tally.inputs for _, tally in rows):>12,}"])


if __name__ == "__main__":
    sys.exit(main())
