"""``/``: trouble first, then every worker, then who gets which event."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fanout_tools.console.answers import Page, is_part, wants_json
from fanout_tools.console.console import Console
from fanout_tools.console.entries import Entry
from fanout_tools.operate.topology import Topology
from fanout_tools.operate.views.overview import ORDERS, Overview, WorkerRow

__all__ = ["ENTRIES"]


@dataclass(frozen=True)
class Hop:
    """One event, who publishes it and who takes it."""

    event: str
    publishers: tuple[str, ...]
    subscribers: tuple[str, ...]


async def page(request: Request, console: Console) -> Page:
    """The first answer is what is declared: it waits for nothing but a look that is there."""
    waits = is_part(request) or wants_json(request) or "freeze" in request.query_params
    seen = await console.overview.get() if waits else console.overview.seen()
    by, text = request.query_params.get("by", "trouble"), request.query_params.get("q", "")
    by = by if by in ORDERS else "trouble"
    shown = seen and _filtered(seen, text, by)
    return Page(
        title=f"Overview of {console.topology.names.namespace}",
        template="overview.html",
        command=console.command("status"),
        told=seen.to_json() if seen else (),
        shown={
            "seen": shown,
            "troubles": _troubles(seen) if seen else [],
            "hops": tuple(_hops(console.topology)),
            "rows": {row.worker: row for row in seen.workers} if seen else {},
            "workers": len(console.topology.workers),
            "orders": tuple(ORDERS),
            "by": by,
            "text": text,
        },
        refresh_s=console.refresh_s,
        made_of=(console.overview.number, by, text) if seen else None,
    )


async def causes(_: Request, console: Console) -> Page:
    """What the workers with dead letters fail by that their version before did not: the logs take seconds to tell."""
    found = [it for it in await console.news.get() if it.new_causes]
    rows = [
        {"worker": it.worker, "older": it.older.version, "newer": it.newer.version, "cause": cause, "count": count}
        for it in found
        for cause, count in it.new_causes.items()
    ]
    return Page(
        title="New since a deploy",
        template="causes.html",
        command=console.command("compare", found[0].worker if found else "WORKER"),
        told=rows,
        shown={"rows": rows},
    )


def _filtered(seen: Overview, text: str, by: str) -> Overview:
    rows = [row for row in seen.workers if text.lower() in row.worker]
    return replace(seen, workers=tuple(sorted(rows, key=ORDERS[by])))


def _troubles(seen: Overview) -> list[tuple[str, str]]:
    """Each with the page that tells more."""
    found = [(f"{it.events} in {it.queue}: {it.holds}", "") for it in seen.unheard if it.events]
    found += [(f"{row.worker}: {trouble}", _place(row, trouble)) for row in seen.workers for trouble in row.troubles]
    found += [(f"workflow {it.workflow}: {it.failed} executions failed", "") for it in seen.workflows if it.failed]
    return [*found, *((f"alarm {alarm.name}: {alarm.description}", "") for alarm in seen.alarms)]


def _place(row: WorkerRow, trouble: str) -> str:
    return f"/d/{row.worker}" if row.dead and "DLQ" in trouble else f"/w/{row.worker}"


def _hops(topology: Topology) -> Iterator[Hop]:
    published: Mapping[str, Iterable[str]] = {
        event: [it.name for it in topology.workers.values() if event in it.manifest.publishes]
        for event in _events(topology)
    }
    for event, publishers in published.items():
        takers = tuple(it.name for it in topology.workers.values() if it.takes(event))
        yield Hop(event, tuple(publishers), takers)


def _events(topology: Topology) -> list[str]:
    """All that are declared anywhere; what takes everything by ``*`` names none."""
    named = {each.event for it in topology.workers.values() for each in it.manifest.subscribes if each.event != "*"}
    return sorted(named | {event for it in topology.workers.values() for event in it.manifest.publishes})


async def find(request: Request, console: Console) -> Response:
    """From the search box: a worker by its name, else an event or a correlation."""
    text = request.query_params.get("for", "").strip()
    if not text:
        return RedirectResponse("/", 303)
    from urllib.parse import quote

    kind = "w" if text in console.topology.workers else "o" if _is_operation(text) else "e"
    return RedirectResponse(f"/{kind}/{quote(text, safe='')}", 303)


def _is_operation(text: str) -> bool:
    """Ids begin with the day and the time."""
    day, _, rest = text.partition("-")
    return len(day) == 6 and day.isdecimal() and rest[:6].isdecimal()


ENTRIES = (Entry("/", page), Entry("/causes", causes), Entry("/find", find))
