"""``/w/W``: one worker, how it stands and what is declared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from fanout_tools.console.answers import Page, is_part, wants_json
from fanout_tools.console.console import Console
from fanout_tools.console.entries import Entry
from fanout_tools.operate.journal import Head
from fanout_tools.operate.sources.metrics import Window
from fanout_tools.operate.topology import WorkerPlace
from fanout_tools.operate.views.operations import head_row

__all__ = ["ENTRIES"]

DAYS = 7
HOURS_S = 3 * 3_600
MOST_OPERATIONS = 10


async def page(request: Request, console: Console) -> Page:
    """First what is declared; the part that htmx asks for has the numbers."""
    place = console.topology.worker(request.path_params["worker"])
    waits = is_part(request) or wants_json(request) or "freeze" in request.query_params
    seen = await console.look(console.window, [place]) if waits else None
    heads = await run_in_threadpool(_operations, console, place) if waits else []
    return Page(
        title=f"Worker {place.name}",
        template="worker.html",
        command=console.command("status", place.name),
        told=seen.to_json() if seen else (),
        shown={
            "worker": place,
            "seen": seen,
            "row": seen.workers[0] if seen else None,
            "operations": [head_row(head) for head in heads],
            "declared": tuple(_declared(place)),
        },
        refresh_s=console.refresh_s,
    )


async def outcomes(request: Request, console: Console) -> Page:
    """The last three hours by outcome: a chart, and the table behind it."""
    place = console.topology.worker(request.path_params["worker"])
    now = console.clock()
    found = await console.series(Window(now - HOURS_S, now), place)
    rows = [{"time": time, **counts} for time, counts in found.items()]
    return Page(
        title=f"Outcomes of {place.name}",
        template="outcomes.html",
        command=console.command("status", place.name, "--since", "3h"),
        told=rows,
        shown={"worker": place, "rows": rows, "names": [name for name in rows[0] if name != "time"] if rows else []},
    )


def _operations(console: Console, place: WorkerPlace) -> list[Head]:
    found = (head for head in console.operating.journal.recent(DAYS) if head.worker == place.name)
    return [head for _, head in zip(range(MOST_OPERATIONS), found, strict=False)]


def _declared(place: WorkerPlace) -> Iterator[tuple[str, Any]]:
    it = place.manifest
    yield "owner", it.owner or "nobody"
    yield "reached by", it.via.value
    yield "function", f"{place.function}, {it.function.memory_mb} MB, {it.function.timeout_s} s"
    yield "batches", f"of up to {it.batch.size}, within {it.batch.window_s} s"
    yield "queue", f"{place.queue}, kept for {it.queue.retention_days} days, {it.queue.max_receives} tries"
    yield "idempotency", it.idempotency.mode.value
    yield "publishes", ", ".join(it.publishes) or "nothing"
    yield "slo: oldest event", f"{it.slo.age_s} s"


ENTRIES = (Entry("/w/{worker}", page), Entry("/w/{worker}/outcomes", outcomes))
