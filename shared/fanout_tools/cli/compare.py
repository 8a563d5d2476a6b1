"""``fanout compare``: a worker before and after a deploy."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from fanout_tools.cli.endpoint import topology_of
from fanout_tools.cli.options import LOCAL, AsJson, Env, Namespace, Services, workers
from fanout_tools.cli.output import console, print_rows, printable
from fanout_tools.cost import prices
from fanout_tools.operate.fast import Fast
from fanout_tools.operate.sources import versions
from fanout_tools.operate.sources.logs import Line
from fanout_tools.operate.sources.metrics import Window
from fanout_tools.operate.topology import Topology
from fanout_tools.operate.views.compare import Comparison, Version, compare
from fanout_tools.operate.windows import since

__all__ = ["command", "lines_of_versions"]

COLUMNS = ["version", "records", "handled", "retried", "rejected", "died", "p50 ms", "p99 ms", "USD per million"]


def command(
    worker: Annotated[str, typer.Argument(help="The worker.", autocompletion=workers)],
    older: Annotated[
        str | None, typer.Argument(help="A version of its function; the last but one unless given.")
    ] = None,
    newer: Annotated[str | None, typer.Argument(help="Another version; the last unless given.")] = None,
    *,
    since_: Annotated[str, typer.Option("--since", help="How far back to read, such as 2h, 1d, 7d.")] = "1d",
    env: Env = LOCAL,
    namespace: Namespace = None,
    services: Services,
    as_json: AsJson = False,
) -> None:
    """Two versions of a worker beside each other: records by outcome, the handler's p50 and p99, what Lambda costs per
    million records, and the causes of failure that only the newer version has.

    The exit status is 4 when the newer version is worse: each reason has a line.

        fanout compare inventory --env prod

        fanout compare inventory 41 42 --since 7d --env prod
    """
    if (older is None) != (newer is None):
        raise typer.BadParameter("name both versions, or none", param_hint="OLDER NEWER")
    topology = topology_of(env, namespace, services)
    place, window = topology.worker(worker), since(since_)
    seen = compare(worker, asyncio.run(lines_of_versions(topology, worker, window)), older, newer)
    if as_json:
        print(json.dumps(seen.to_json()))
    else:
        _print(seen, place.manifest.function.memory_mb, place.manifest.function.architecture)
    if seen.worse:
        raise typer.Exit(4)


async def lines_of_versions(topology: Topology, worker: str, window: Window) -> Sequence[Line]:
    """What a worker has logged of batches and failures, the oldest first."""
    place = topology.worker(worker)
    async with Fast.reached(topology.place) as fast:
        return await versions.lines(fast, topology, place, window)


def _print(seen: Comparison, memory_mb: int, architecture: str) -> None:
    price = prices.load()[f"lambda.{architecture}_gb_s"].each * memory_mb / 1024 / 1000
    print_rows(COLUMNS, [_row(it, price) for it in (seen.older, seen.newer)], title=f"worker {seen.worker}")
    for line in seen.worse:
        console.print(printable(f"! {line}"))
    if not seen.worse:
        console.print("the newer version is no worse")


def _row(version: Version, usd_a_ms: float) -> dict[str, Any]:
    ms = version.ms_a_record
    return {
        "version": version.version,
        "records": version.records,
        **{name: version.outcomes.get(name, 0) for name in ("handled", "retried", "rejected")},
        "died": version.died,
        "p50 ms": version.p50_ms,
        "p99 ms": version.p99_ms,
        "USD per million": None if ms is None else round(ms * usd_a_ms * 1e6, 4),
    }
