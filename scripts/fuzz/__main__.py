"""``python -m scripts.fuzz --minutes 10 --seed 1``, or ``--replay build/fuzz/wire-server-....bin``."""

import argparse
import random
import sys
import time
from pathlib import Path

from scripts.fuzz.all_targets import TARGETS
from scripts.fuzz.campaign import Campaign, check

FOLDER = Path("build/fuzz")


def main(arguments: list[str] | None = None) -> int:
    """Fuzz, or replay inputs; 1 when an invariant was broken, 2 when an input names no target."""
    options = _parser().parse_args(arguments)
    if options.replay:
        return _replay(options.replay)
    chosen = [target for target in TARGETS if not options.target or target.name in options.target]
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}: {', '.join(target.name for target in chosen)}; {options.minutes:g} minutes", flush=True)
    campaign = Campaign(chosen, seed, FOLDER, lambda text: print(text, flush=True))
    started = time.monotonic()
    campaign.run(options.minutes)
    return _report(campaign, time.monotonic() - started)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fuzz_dispatch", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, help="what all inputs follow from; printed when drawn")
    parser.add_argument("--target", action="append", choices=[t.name for t in TARGETS], help="only this; may repeat")
    parser.add_argument("--replay", nargs="+", type=Path, metavar="FILE", help="check kept inputs again")
    return parser


def _replay(paths: list[Path]) -> int:
    for path in paths:
        named = [target for target in TARGETS if path.name.startswith(f"{target.name}-")]
        target = max(named, key=lambda each: len(each.name), default=None)  # front-early-1.bin is not front's
        if target is None:
            names = ", ".join(t.name for t in TARGETS)
            print(f"{path}: its name must begin with that of a target: {names}", file=sys.stderr)
            return 2
        print(f"{path}: {check(target, path.read_bytes())}")
    return 0


def _report(campaign: Campaign, seconds: float) -> int:
    total = broken = 0
    print(f"{'target':<14}{'inputs':>10}{'outcomes':>10}{'broken':>8}")
    for name, counts in campaign.counts.items():
        total += counts.inputs
        broken += counts.broken
        print(f"{name:<14}{counts.inputs:>10}{len(counts.outcomes):>10}{counts.broken:>8}")
    print(f"{total} inputs in {seconds:.0f} s: {total / seconds:.0f} a second; {broken} broke an invariant")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
