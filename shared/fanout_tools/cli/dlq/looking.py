"""``fanout dlq ls|group|show|export``: look at a queue's messages, without taking them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from fanout_tools.cli.dlq.queue import (
    GroupKey,
    Identity,
    Ids,
    PatternText,
    Queue,
    Sample,
    Undelivered,
    Where,
    Worker,
)
from fanout_tools.cli.operating import Personal, PersonalWhy, RefusedError, masking_of
from fanout_tools.cli.options import LOCAL, AsJson, Env, Namespace, Services
from fanout_tools.cli.output import print_rows
from fanout_tools.operate.actions.carrying import MOST
from fanout_tools.operate.actions.drop import as_line
from fanout_tools.operate.actions.selection import Selection
from fanout_tools.operate.views.groups import groups
from fanout_tools.operate.views.letters import group_row, letter_json, letter_row

__all__ = ["export", "group", "ls", "show"]


def ls(
    worker: Worker,
    *,
    group: GroupKey = "",
    ids: Ids = None,
    pattern: PatternText = "",
    where: Where = "",
    sample: Sample = 1_000,
    undelivered: Undelivered = False,
    env: Env = LOCAL,
    namespace: Namespace = None,
    services: Services,
    as_json: AsJson = False,
) -> None:
    """List the messages: what each is, who put it there and why; no payload.

    Example: fanout dlq ls inventory --group 9f2a10
    """
    queue = Queue.of(env, namespace, services, worker, undelivered=undelivered)
    _, letters = queue.chosen(Selection(group=group, ids=tuple(ids or ()), pattern=pattern, where=where), sample)
    columns = ["message", "kind", "event", "event_id", "tries", "since", "cause", "text"]
    print_rows(columns, map(letter_row, letters), as_json=as_json, title=queue.name)


def group(
    worker: Worker,
    *,
    pattern: PatternText = "",
    where: Where = "",
    sample: Sample = 10_000,
    undelivered: Undelivered = False,
    env: Env = LOCAL,
    namespace: Namespace = None,
    services: Services,
    as_json: AsJson = False,
) -> None:
    """Group the messages by their cause, the largest group first; no payload.

    Example: fanout dlq group inventory
    """
    queue = Queue.of(env, namespace, services, worker, undelivered=undelivered)
    browsed, letters = queue.chosen(Selection(pattern=pattern, where=where), sample)
    columns = ["group", "count", "kind", "cause", "text", "first", "last", "when"]
    title = f"{len(browsed.letters)} of about {browsed.about} seen"
    print_rows(columns, map(group_row, groups(letters)), as_json=as_json, title=title)


def show(
    worker: Worker,
    identity: Identity,
    *,
    body: Annotated[bool, typer.Option("--body", help="Show the payload too.")] = False,
    personal: Personal = False,
    why: PersonalWhy = "",
    undelivered: Undelivered = False,
    env: Env = LOCAL,
    namespace: Namespace = None,
    services: Services,
) -> None:
    """Show one message as JSON, with what the fence knows of its event, and no payload unless asked for; personal
    values in it are masked.

    Example: fanout dlq show inventory 80b4c862 --body
    """
    queue = Queue.of(env, namespace, services, worker, undelivered=undelivered)
    letter = queue.one(identity)
    [known] = queue.known([letter])
    ids = [letter.message_id]
    shown = masking_of(queue.operating, worker, ids, personal=personal, why=why) if body or personal else None
    print(json.dumps(letter_json(letter, known, body=shown), indent=2, ensure_ascii=False))


def export(
    worker: Worker,
    file: Annotated[Path, typer.Argument(help="Where to; it must not be there.")],
    *,
    group: GroupKey = "",
    ids: Ids = None,
    pattern: PatternText = "",
    where: Where = "",
    sample: Sample = MOST,
    personal: Personal = False,
    why: PersonalWhy = "",
    undelivered: Undelivered = False,
    env: Env = LOCAL,
    namespace: Namespace = None,
    services: Services,
) -> None:
    """Write the messages to a file, payloads too: a JSON line each. They stay in the queue. Personal values are masked,
    unless they are asked for: what is masked cannot be published again.

    Example: fanout dlq export inventory stuck.jsonl --where "data.total.amount > `25`"
    """
    queue = Queue.of(env, namespace, services, worker, undelivered=undelivered)
    _, letters = queue.chosen(Selection(group=group, ids=tuple(ids or ()), pattern=pattern, where=where), sample)
    if file.exists():
        raise RefusedError(f"{file}: is there already; name another")
    ids = [it.message_id for it in letters]
    masking = masking_of(queue.operating, worker, ids, personal=personal, why=why)
    file.touch(mode=0o600)
    file.write_text("".join(f"{as_line(letter, masking)}\n" for letter in letters), encoding="utf-8")
    print(f"{file}: {len(letters)} messages")
