"""``/e/ID`` and ``/why``: what became of an event, and why a worker has not had it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from fanout_tools.console.answers import Page, is_part, wants_json
from fanout_tools.console.console import Console
from fanout_tools.console.entries import Entry, FormError
from fanout_tools.operate.evidence import Evidence
from fanout_tools.operate.search import NotFoundError
from fanout_tools.operate.topology import Topology
from fanout_tools.operate.views import tree
from fanout_tools.operate.views.trace import Branch, Node, Trace
from fanout_tools.operate.windows import seconds_of

__all__ = ["ENTRIES", "Bar", "Row", "rows_of"]

WIDE = 1_000
"""Of a waterfall, in its own units."""


@dataclass(frozen=True)
class Bar:
    """One stretch of a waterfall."""

    kind: str
    """wait, work or end"""
    x: float
    width: float
    said: str


@dataclass(frozen=True)
class Row:
    """One line of the tree: an event, or an event in a worker."""

    depth: int
    node: Node
    branch: Branch | None = None
    bars: Sequence[Bar] = ()


async def page(request: Request, console: Console) -> Page:
    """First the records alone, which are there at once; the part that htmx asks for searches the logs too."""
    identity = request.path_params["identity"]
    event, since = request.query_params.get("event") or None, request.query_params.get("since", "1h")
    logs = is_part(request) or wants_json(request) or "freeze" in request.query_params
    back = console.clock() - seconds_of(since)
    command = console.command("trace", identity, *(["--event", event] if event else []), "--since", since)
    try:
        evidence, found = await run_in_threadpool(console.tracing.trace, identity, event, since=back, logs=logs)
    except NotFoundError:
        if logs:
            raise
        evidence, found = Evidence(now=console.clock()), Trace(roots=[])
    return Page(
        title=f"Event {identity}",
        template="event.html",
        command=command,
        told=[found.to_json()],
        shown={
            "identity": identity,
            "rows": tuple(rows_of(found)),
            "summary": tree.summary(found) if found.roots else "",
            "span_s": _span(found)[1] - _span(found)[0],
            "absent": tuple(_absent(console.topology, found)),
            "logs": logs,
            "wide": WIDE,
            "undecided": evidence.logs_read or logs,
            "said": _said(console, found),
        },
        refresh_s=console.live.refresh_s if console.live else 0,
    )


def _said(console: Console, found: Trace) -> tuple[Mapping[str, Any], ...]:
    """What was logged of any event of the tree, by time."""
    if console.live is None:
        return ()
    lines = [line for node in found.nodes() for line in console.live.said(node.event_id)]
    return tuple(sorted(lines, key=lambda line: str(line.get("timestamp", ""))))


def rows_of(found: Trace) -> Iterator[Row]:
    """The tree, line by line, each with its bars."""
    began, ended = _span(found)
    for root in found.roots:
        yield from _rows(root, 0, began, max(ended - began, 0.001))


def _span(found: Trace) -> tuple[float, float]:
    """When the first thing began and the last one ended, in seconds since 1970."""
    times = [node.published_at for node in found.nodes() if node.published_at]
    times += [branch.ended_at for _, branch in found.branches() if branch.ended_at]
    return (min(times), max(times)) if times else (0.0, 0.0)


def _rows(node: Node, depth: int, began: float, width: float) -> Iterator[Row]:
    yield Row(depth, node)
    for branch in node.branches:
        yield Row(depth + 1, node, branch, tuple(_bars(branch, began, width)))
        for child in branch.children:
            yield from _rows(child, depth + 2, began, width)


def _bars(branch: Branch, began: float, width: float) -> Iterator[Bar]:
    for hop in branch.tries:
        if hop.sent_ms is not None:
            yield _bar("wait", hop.sent_ms / 1000, hop.started_ms / 1000, began, width)
        yield _bar("work", hop.started_ms / 1000, hop.ended_ms / 1000, began, width)
    if not branch.tries and branch.ended_at is not None:
        yield _bar("end", branch.ended_at, branch.ended_at, began, width)


def _bar(kind: str, start: float, end: float, began: float, width: float) -> Bar:
    left = min(WIDE - 4.0, max(0.0, (start - began) / width * WIDE))
    size = min(WIDE - left, max(4.0, (end - start) / width * WIDE))
    return Bar(kind, round(left, 1), round(size, 1), f"{kind} {end - start:.3f} s, from +{start - began:.3f} s")


def _absent(topology: Topology, found: Trace) -> Iterator[str]:
    """The workers that have no line in the tree: they subscribe to none of its events."""
    if found.roots:
        there = {branch.worker for _, branch in found.branches()}
        yield from (name for name in topology.workers if name not in there)


async def why(request: Request, console: Console) -> Page:
    """One reason for one event in one worker; without both a form that asks for them."""
    identity, worker = (request.query_params.get(name, "").strip() for name in ("event", "worker"))
    shown = {"identity": identity, "worker": worker, "workers": tuple(console.topology.workers), "reason": None}
    if not (identity and worker):
        if wants_json(request):
            raise FormError("give event and worker")
        command = console.command("why", "EVENT", "WORKER")
        return Page(title="Why", template="why.html", command=command, shown=shown)
    since = request.query_params.get("since", "1h")
    name = request.query_params.get("name") or None
    back = console.clock() - seconds_of(since)
    event_id, reason = await run_in_threadpool(console.tracing.why, identity, worker, name, since=back)
    told = {"event_id": event_id, "worker": worker, "fate": reason.fate.value, "reason": reason.text}
    return Page(
        title=f"Why {worker}",
        template="why.html",
        command=console.command("why", identity, worker),
        told=[told],
        shown={**shown, "reason": reason},
    )


ENTRIES = (Entry("/e/{identity:path}", page), Entry("/why", why))
