"""``/o``: who has changed what, when and why, and how far it is."""

from __future__ import annotations

from datetime import UTC, datetime

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from fanout_tools.console.answers import Page
from fanout_tools.console.console import Console
from fanout_tools.console.entries import Entry
from fanout_tools.operate.journal import Operation, Status, UnknownOperationError
from fanout_tools.operate.operating import RESUMABLE
from fanout_tools.operate.views.operations import head_row, operation_json

__all__ = ["ENTRIES"]

DAYS = 7
POLL_S = 2
NEW_S = 15
"""Of an operation: for so long its head may be on its way to the journal."""


async def page(request: Request, console: Console) -> Page:
    """The operations of the last days."""
    days = _days(request.query_params.get("days", ""))
    heads = await run_in_threadpool(lambda: list(console.operating.journal.recent(days)))
    rows = [head_row(head) for head in heads]
    return Page(
        title="Operations",
        template="operations.html",
        command=console.command("operations", "ls", "--days", str(days)),
        told=rows,
        shown={"operations": rows, "days": days},
    )


def _days(text: str) -> int:
    return min(90, max(1, int(text))) if text.isdecimal() else DAYS


async def one(request: Request, console: Console) -> Page:
    """One operation, as the journal has it; while it runs, again and again."""
    name = request.path_params["operation"]
    ours = console.at(name)
    try:
        found = await run_in_threadpool(console.operating.journal.read, name)
    except UnknownOperationError:
        if not (ours or _is_new(name, console.clock())):
            raise
        return _beginning(name, console)
    told = operation_json(found)
    running = found.head.status is Status.RUNNING and found.head.kind in RESUMABLE
    return Page(
        title=f"Operation {name}",
        template="operation.html",
        command=console.command("operations", "show", name),
        told=[told],
        shown={
            "head": head_row(found.head),
            "planned": len(found.planned),
            "settled": len(found.settled),
            "doubtful": len(found.doubtful),
            "steps": found.steps[-20:],
            "notes": found.notes,
            "running": running,
            "resumable": found.head.kind in RESUMABLE and found.head.status is not Status.FINISHED,
            "ours": ours,
            "share": _share(found),
        },
        refresh_s=POLL_S if running else 0,
    )


def _is_new(name: str, now: float) -> bool:
    """Whether it may well be that another process of this console is just beginning it: its id has the time."""
    moments = (datetime.fromtimestamp(now - ago, UTC).strftime("%y%m%d-%H%M%S-") for ago in range(NEW_S))
    return name.startswith(tuple(moments))


def _beginning(name: str, console: Console) -> Page:
    """A process begins it, and has not written its head yet."""
    return Page(
        title=f"Operation {name}",
        template="operation.html",
        command=console.command("operations", "show", name),
        shown={"head": None},
        refresh_s=POLL_S,
        kept=False,
    )


def _share(found: Operation) -> int:
    """How much of it is done, in percent."""
    return round(100 * len(found.settled) / len(found.planned)) if found.planned else 0


ENTRIES = (Entry("/o", page), Entry("/o/{operation}", one))
