"""``fanout dlq edit``: one event corrected, and back to its worker."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from fanout.events.envelope import Envelope
from fanout.events.event import contract_of
from fanout.events.upcasting import read as read_event
from fanout_tools.cli.dlq.queue import Identity, Queue, Worker
from fanout_tools.cli.operating import DryRun, RefusedError, Why, Yes, carried, confirm, masking_of
from fanout_tools.cli.options import LOCAL, AsJson, Env, Namespace, Services
from fanout_tools.operate.actions import edit as editing
from fanout_tools.operate.actions.redrive import Redrive
from fanout_tools.operate.actions.selection import Selection
from fanout_tools.project import project

__all__ = ["edit"]

RATE = "1/s"
"""Of one message."""


def edit(
    worker: Worker,
    identity: Identity,
    *,
    why: Why,
    data: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="The new data (JSON); $EDITOR opens them unless given."),
    ] = None,
    personal: Annotated[
        bool, typer.Option("--personal", help="Edit personal values too: needs the operator's rights, is journalled.")
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    env: Env = LOCAL,
    namespace: Namespace = None,
    services: Services,
    as_json: AsJson = False,
) -> None:
    """Correct the data of one event, and give it back to its worker; the event keeps its id.

    The data have to fit the contract of the event's version, and today's by the upcasters. An event that the worker has
    handled is not edited: the worker would refuse other data under the same id. Personal values are masked; a mask that
    is left stands for its value.

    Example: fanout dlq edit inventory 80b4c862 --why "sku was misspelt"
    """
    queue = Queue.of(env, namespace, services, worker)
    letter = queue.one(identity)
    [known] = queue.known([letter])
    if reason := editing.refusal(letter, known):
        raise RefusedError(reason)
    project().load_contracts()
    masking = masking_of(queue.operating, worker, [letter.message_id], personal=personal, why=why)
    text = data.read_text(encoding="utf-8") if data else _in_editor(editing.written(letter, masking))
    body = editing.edited(letter, text, _fits, masking)
    changes = editing.diff(letter, text, masking)
    if not as_json:
        print(changes or "nothing is changed")
    elif dry_run or not changes:
        print(json.dumps({"event_id": letter.event_id, "changes": changes}))
    if dry_run or not changes:
        return
    confirm(f"Give it back to worker {worker} so?", yes=yes)
    carrier = Redrive(queue.operating.client("sqs"), queue.worker, queue.fence, bodies={letter.message_id: body})
    told = {"before": letter.body, "after": body}
    head = queue.head("edit", why, [letter], selection=Selection(ids=(letter.message_id,)), rate=RATE, **told)
    work = queue.operating.carrying(queue.queue, carrier, RATE)
    verb = f"sent to {queue.worker.queue}"
    carried(head.operation, lambda: work.start(head, [letter]), verb=verb, as_json=as_json)


def _fits(envelope: Envelope) -> None:
    read_event(contract_of(envelope.identifier), envelope.data, envelope.metadata.schema_version)


def _in_editor(text: str) -> str:
    """What the person made of the text.

    :raises RefusedError: the editor cannot be started, or says that it failed.
    """
    editor = os.environ.get("EDITOR", "vi")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "data.json"
        file.touch(mode=0o600)
        file.write_text(text, encoding="utf-8")
        try:
            subprocess.run([*shlex.split(editor), str(file)], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise RefusedError(f"{editor}: {error}; set EDITOR, or give the data by --data") from error
        return file.read_text(encoding="utf-8")
