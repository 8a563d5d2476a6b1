"""``fanout dlq drop``: messages away for good."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Annotated

import typer

from fanout_tools.cli.dlq.queue import GroupKey, Ids, Most, PatternText, Queue, Undelivered, Where, Worker
from fanout_tools.cli.operating import DryRun, Rate, Why, Yes, carried, confirm
from fanout_tools.cli.options import LOCAL, AsJson, Env, Namespace, Services
from fanout_tools.operate.actions.carrying import MOST
from fanout_tools.operate.actions.selection import Selection

__all__ = ["drop"]


def drop(
    worker: Worker,
    *,
    why: Why,
    group: GroupKey = "",
    ids: Ids = None,
    pattern: PatternText = "",
    where: Where = "",
    rate: Rate = "100/s",
    most: Most = 10_000,
    no_copy: Annotated[
        bool, typer.Option("--no-copy", help="Keep no copy: the data of a person who wants them erased.")
    ] = False,
    undelivered: Undelivered = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    env: Env = LOCAL,
    namespace: Namespace = None,
    services: Services,
    as_json: AsJson = False,
) -> None:
    """Take messages out for good. A copy is kept first, in the bucket of large events' data, for as long as that keeps
    anything, unless --no-copy is said.

    Example: fanout dlq drop inventory --group 9f2a10 --why "test orders"
    """
    queue = Queue.of(env, namespace, services, worker, undelivered=undelivered)
    selection = Selection(group=group, ids=tuple(ids or ()), pattern=pattern, where=where)
    _, letters = queue.chosen(selection, MOST)
    bucket = None if no_copy else queue.operating.copies_bucket
    if not as_json:
        copies = f"with a copy in {bucket}" if bucket else "without a copy"
        print(f"{len(letters[:most])} messages of {queue.name}, {copies}")
    elif dry_run or not letters:
        print(json.dumps({"chosen": len(letters[:most]), "from": queue.queue.url, "copies": bucket}))
    if dry_run or not letters:
        return
    confirm(f"Drop {len(letters[:most])} messages of worker {worker}?", yes=yes)
    carrier = queue.operating.dropping(copies=not no_copy)
    chosen = letters[:most]
    # The journal is kept for good: what a person is found by is not to outlive the person's data in it.
    told = selection.without_values() if no_copy else selection
    head = queue.head("drop", why, chosen, selection=told, rate=rate, copies=not no_copy)
    if no_copy:
        head = replace(head, command=f"fanout dlq drop {worker} --no-copy")
    work = queue.operating.carrying(queue.queue, carrier, rate)
    carried(head.operation, lambda: work.start(head, chosen), verb="dropped", as_json=as_json)
