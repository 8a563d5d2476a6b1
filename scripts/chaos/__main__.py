"""Exactly once, although processes die.

python -m scripts.chaos ministack --events 2000

Starts an emulator of its own, deploys the four workers of ``scripts/chaos/workers``, and publishes as many events,
every tenth of them twice, while function processes are killed at random. When the queues are quiet, every effect must
be there exactly once, in all three idempotency modes, and every DLQ empty. Exit code 1 when one is lost or doubled, or
a record is dead-lettered. Figures go to ``build/bench/chaos.json``.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from fanout import Envelope, aws, wrap
from fanout_tools import emulators
from scripts.bench.support import format_table, write_results
from scripts.chaos.killer import Killer
from scripts.chaos.reconciliation import TABLES, Reconciliation, reconcile
from scripts.paths import BUILD
from tests.integration.platform import Platform, order

SEED = 1997
DUPLICATE_EVERY = 10
EVENTS_PER_KILL = 20
PAUSE_S = 2.0
PATIENCE_S = 600.0
"""How long the queues may stand still before they count as stuck."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; returns the exit code."""
    given = _arguments().parse_args(argv)
    work_dir = BUILD / "chaos" / given.emulator
    shutil.rmtree(work_dir, ignore_errors=True)
    work_dir.mkdir(parents=True)
    run_dir = work_dir / "emulator"
    with emulators.running(given.emulator, run_dir=run_dir) as endpoints:
        os.environ.update(endpoints.environment())
        aws.forget_clients()
        workers = (Path(__file__).with_name("workers") / worker for worker in TABLES)
        platform = Platform.deploy(work_dir, given.emulator, workers)
        killer = Killer(run_dir, most=given.events // EVENTS_PER_KILL, pause_s=PAUSE_S, seed=SEED)
        orders = _run(platform, killer, given.events)
        reconciliations = [_reconcile(platform, worker, orders) for worker in TABLES]
    return _report(given.emulator, reconciliations, events=given.events, kills=killer.kills)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scripts.chaos", description=__doc__)
    parser.add_argument("emulator", choices=sorted(emulators.EMULATORS))
    parser.add_argument("--events", type=int, default=2000, help="how many different events (2000)")
    return parser


def _run(platform: Platform, killer: Killer, events: int) -> list[str]:
    """Publish while processes are killed, and wait until the queues are quiet; the ids of the orders."""
    orders = [f"order-{number}" for number in range(events)]
    with platform.publisher as publisher, killer:
        refused = [r.error for r in publisher.publish_all(_with_duplicates(orders)) if not r.accepted]
        if refused:
            raise SystemExit(f"chaos: the bus refused {len(refused)} events: {refused[0]}")
        _wait_until_quiet(platform, killer)
    return orders


def _with_duplicates(orders: Sequence[str]) -> Iterator[Envelope]:
    """Each order's event, every tenth again somewhere after it."""
    rolled, waiting = random.Random(SEED), []
    for number, order_id in enumerate(orders):
        envelope = wrap(order(order_id=order_id))
        yield envelope
        if number % DUPLICATE_EVERY == 0:
            waiting.append(envelope)
        if waiting and rolled.random() < 1 / DUPLICATE_EVERY:
            yield waiting.pop(rolled.randrange(len(waiting)))
    yield from waiting


def _wait_until_quiet(platform: Platform, killer: Killer) -> None:
    """Tell the killer how far the work is, until the queues are quiet in five looks in a row: a worker publishes what
    comes back to it.

    :raises SystemExit: nothing moved for PATIENCE_S.
    """
    quiet, most, seen, since = 0, 1, None, time.monotonic()
    while quiet < 5:
        depths = platform.deployment.depths()
        if depths != seen:
            seen, since = depths, time.monotonic()
            waiting = ", ".join(f"{worker} {d.waiting}+{d.in_flight}" for worker, d in depths.items())
            print(f"waiting+in flight: {waiting}; killed: {killer.kills}", file=sys.stderr)
            left = sum(depth.waiting + depth.in_flight for depth in depths.values())
            most = max(most, left)
            killer.progress = 1 - left / most
        if time.monotonic() - since > PATIENCE_S:
            raise SystemExit(f"chaos: the queues have stood still for {PATIENCE_S:.0f} s: {depths}")
        quiet = quiet + 1 if all(depth.quiet for depth in depths.values()) else 0
        time.sleep(1)


def _reconcile(platform: Platform, worker: str, orders: Sequence[str]) -> Reconciliation:
    table = platform.names.table(TABLES[worker][0])
    pages = platform.dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    items = [item for page in pages for item in page["Items"] if "times" in item]
    times = {item["effect"]["S"]: int(item["times"]["N"]) for item in items}
    return reconcile(worker, orders, times, dead=len(platform.dead_letters(worker)))


def _report(emulator: str, reconciliations: Sequence[Reconciliation], *, events: int, kills: int) -> int:
    rows = [{"emulator": emulator, **reconciliation.row()} for reconciliation in reconciliations]
    figures = {
        "events": events,
        "effects": sum(reconciliation.expected for reconciliation in reconciliations),
        "lost": sum(len(reconciliation.lost) for reconciliation in reconciliations),
        "doubled": sum(len(reconciliation.doubled) for reconciliation in reconciliations),
        "innocents_dead_lettered": sum(reconciliation.dead for reconciliation in reconciliations),
        "modes": len({TABLES[reconciliation.worker][1] for reconciliation in reconciliations}),
        "kills": kills,
    }
    print(format_table(rows))
    print("\n".join(f"{name}: {value:,}" for name, value in figures.items()))
    print(write_results("chaos", rows, figures))
    for reconciliation in reconciliations:
        if not reconciliation.sound:
            wrong = [*reconciliation.lost, *reconciliation.doubled, *reconciliation.strange][:10]
            print(f"{reconciliation.worker}: wrong: {', '.join(wrong) or 'dead letters'}", file=sys.stderr)
    return 0 if all(reconciliation.sound for reconciliation in reconciliations) else 1


if __name__ == "__main__":
    sys.exit(main())
