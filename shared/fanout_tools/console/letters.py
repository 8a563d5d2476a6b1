"""``/d/W``: what lies in a worker's dead-letter queue, by cause; one message; the form that corrects it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from fanout_tools.console.access import Role
from fanout_tools.console.answers import Page, is_part, wants_json
from fanout_tools.console.console import Console
from fanout_tools.console.entries import Entry
from fanout_tools.operate.actions.selection import Selection
from fanout_tools.operate.masking import NOTHING, Masking
from fanout_tools.operate.views.groups import groups
from fanout_tools.operate.views.letters import group_row, letter_json, letter_row
from fanout_tools.operate.worker_queue import WorkerQueue

__all__ = ["ENTRIES", "SAMPLE", "options_of", "selection_of"]

SAMPLE = 1_000
SHOWN = 200


def selection_of(fields: Any) -> Selection:
    """Of a page's address, or of a form."""
    ids = tuple(it for it in (fields.get("ids") or "").split() if it)
    texts = {name: (fields.get(name) or "").strip() for name in ("group", "pattern", "where")}
    return Selection(ids=ids, **texts)


def options_of(selection: Selection) -> list[str]:
    """As the commands take them."""
    found = [*(["--group", selection.group] if selection.group else [])]
    for each in selection.ids:
        found += ["--id", each]
    found += ["--pattern", selection.pattern] if selection.pattern else []
    return [*found, *(["--where", selection.where] if selection.where else [])]


async def page(request: Request, console: Console) -> Page:
    """The page's part looks into the queue: messages are received, and given back."""
    queue, selection = (
        WorkerQueue.at(console.operating, request.path_params["worker"]),
        selection_of(request.query_params),
    )
    waits = is_part(request) or wants_json(request) or "freeze" in request.query_params
    browsed, letters = await run_in_threadpool(queue.chosen, selection, SAMPLE) if waits else (None, [])
    return Page(
        title=f"Dead letters of {queue.worker.name}",
        template="letters.html",
        command=console.command("dlq", "ls", queue.worker.name, *options_of(selection)),
        told=map(letter_row, letters),
        shown={
            "worker": queue.worker,
            "queue": queue.name,
            "selection": selection,
            "browsed": browsed,
            "groups": [group_row(it) for it in groups(browsed.letters)] if browsed else [],
            "letters": [letter_row(it) for it in letters[:SHOWN]],
            "chosen": len(letters),
        },
    )


async def group_json(request: Request, console: Console) -> Page:
    """The groups alone, as ``fanout dlq group --json`` prints them."""
    queue = WorkerQueue.at(console.operating, request.path_params["worker"])
    selection = Selection(pattern=request.query_params.get("pattern", ""))
    _, letters = await run_in_threadpool(queue.chosen, selection, SAMPLE)
    rows = [group_row(it) for it in groups(letters)]
    return Page(
        title=f"Causes of {queue.worker.name}",
        template="groups.html",
        command=console.command("dlq", "group", queue.worker.name),
        told=rows,
        shown={"worker": queue.worker, "groups": rows},
    )


async def message(request: Request, console: Console) -> Page:
    """One message; its payload only where it is asked for, without personal values, and never kept by the browser."""
    body = "body" in request.query_params
    return await _message(request, console, console.masking if body else None, *(["--body"] if body else []))


async def personal(request: Request, console: Console) -> Page:
    """One message with all that its payload holds: who wants to see it says why, and stands in the journal."""
    worker, identity = request.path_params["worker"], request.path_params["identity"]
    command = console.command("dlq", "show", worker, identity, "--body", "--personal", "--why", "…")
    acting, why = console.acting(command), request.state.form.get("why", "")
    await run_in_threadpool(acting.show_personal, worker, why, console.clock(), [identity])
    return await _message(request, console, NOTHING, "--body", "--personal", "--why", "…")


async def _message(request: Request, console: Console, shown: Masking | None, *words: str) -> Page:
    """
    :param shown: what of the payload; None: nothing.
    :param words: of the equivalent command, behind the message.
    """
    queue = WorkerQueue.at(console.operating, request.path_params["worker"])
    identity = request.path_params["identity"]
    letter = await run_in_threadpool(queue.one, identity)
    [known] = await run_in_threadpool(queue.known, [letter])
    told = letter_json(letter, known, body=shown)
    return Page(
        title=f"Message {letter.message_id}",
        template="message.html",
        command=console.command("dlq", "show", queue.worker.name, identity, *words),
        told=[told],
        shown={
            "worker": queue.worker,
            "letter": letter,
            "told": told,
            "known": known,
            "body": shown is not None,
            "masked": shown is not None and told["body"] != letter.body,
            "place": f"/d/{quote(queue.worker.name, safe='')}/m/{quote(identity, safe='')}",
        },
        kept=False,
    )


ENTRIES = (
    Entry("/d/{worker}", page, Role.INVESTIGATOR),
    Entry("/d/{worker}/groups", group_json, Role.INVESTIGATOR),
    Entry("/d/{worker}/m/{identity}", message, Role.INVESTIGATOR),
    Entry("/d/{worker}/m/{identity}/personal", personal, Role.OPERATOR, "POST"),
)
