"""``fanout dlq``: what lies in a dead-letter queue, by cause, and back to its worker or away."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from fanout.events.envelope import Envelope
from fanout.events.event import contract_of
from fanout.events.upcasting import read as read_event
from fanout_tools.cli.endpoint import topology_of
from fanout_tools.cli.operating import (
    DryRun,
    NotFoundError,
    Operating,
    Rate,
    RefusedError,
    Why,
    Yes,
    carried,
    confirm,
    now,
)
from fanout_tools.cli.options import LOCAL, AsJson, Env, Namespace, Services, workers
from fanout_tools.cli.output import complain, print_rows
from fanout_tools.operate.actions import edit as editing
from fanout_tools.operate.actions.carrying import MOST, Carrier
from fanout_tools.operate.actions.drop import Drop, as_line
from fanout_tools.operate.actions.redrive import Canary, Plan, Redrive, plan
from fanout_tools.operate.actions.selection import Selection
from fanout_tools.operate.dead_letters import DeadLetter
from fanout_tools.operate.fence import Known
from fanout_tools.operate.sources.dead_letters import Browsed, DeadLetterQueue
from fanout_tools.operate.topology import WorkerPlace
from fanout_tools.operate.views.groups import Group, groups, key_of
from fanout_tools.project import project

__all__ = ["app"]

app = typer.Typer(help="Look through a dead-letter queue, and work it off.", no_args_is_help=True)

Worker = Annotated[str, typer.Argument(help="The worker whose queue it is.", autocompletion=workers)]
GroupKey = Annotated[str, typer.Option("--group", help="Only those of a group, as `fanout dlq group` names it.")]
Ids = Annotated[list[str] | None, typer.Option("--id", help="Only these: message or event ids, or their beginnings.")]
PatternText = Annotated[
    str, typer.Option("--pattern", help="Only events that this EventBridge pattern (JSON) matches.")
]
Sample = Annotated[int, typer.Option(min=1, max=MOST, help="Look at no more than so many messages.")]
Undelivered = Annotated[bool, typer.Option("--undelivered", help="Of a FIFO worker: what did not reach its queue.")]

SPARKS = " ▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class _Queue:
    """One worker's DLQ, for one command."""

    operating: Operating
    worker: WorkerPlace
    queue: DeadLetterQueue

    @classmethod
    def of(cls, env: str, namespace: str | None, services: Path, worker: str, *, undelivered: bool = False) -> _Queue:
        operating = Operating(topology_of(env, namespace, services))
        place = operating.topology.worker(worker)
        return cls(operating, place, operating.dead_letters(place, undelivered=undelivered))

    def chosen(self, selection: Selection, sample: int) -> tuple[Browsed, list[DeadLetter]]:
        browsed = self.queue.browse(sample)
        if not browsed.whole:
            complain(f"fanout: {len(browsed.letters)} of about {browsed.about} messages seen")
        return browsed, selection.of(browsed.letters)

    def one(self, identity: str) -> DeadLetter:
        _, letters = self.chosen(Selection(ids=(identity,)), MOST)
        if len(letters) != 1:
            found = f"{len(letters)} messages" if letters else "no message"
            raise NotFoundError(f"{identity}: {found} of that id in {self.queue.url.rpartition('/')[2]}")
        return letters[0]

    def known(self, letters: list[DeadLetter]) -> list[Known]:
        """What the fence knows of each; of what is no event nothing."""
        readable = [letter for letter in letters if letter.envelope is not None]
        found = self.operating.fence(self.worker).look(it.envelope for it in readable if it.envelope is not None)
        by_id = {letter.message_id: known for letter, known in zip(readable, found, strict=True)}
        from fanout_tools.operate.fence import UNKNOWN

        return [by_id.get(letter.message_id, UNKNOWN) for letter in letters]


@app.command("ls")
def ls(
    worker: Worker,
    *,
    group: GroupKey = "",
    ids: Ids = None,
    pattern: PatternText = "",
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
    queue = _Queue.of(env, namespace, services, worker, undelivered=undelivered)
    _, letters = queue.chosen(Selection(group=group, ids=tuple(ids or ()), pattern=pattern), sample)
    columns = ["message", "kind", "event", "event_id", "tries", "since", "cause", "text"]
    print_rows(columns, map(_row, letters), as_json=as_json, title=queue.queue.url.rpartition("/")[2])


@app.command("group")
def group_(
    worker: Worker,
    *,
    pattern: PatternText = "",
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
    queue = _Queue.of(env, namespace, services, worker, undelivered=undelivered)
    browsed, letters = queue.chosen(Selection(pattern=pattern), sample)
    columns = ["group", "count", "kind", "cause", "text", "first", "last", "when"]
    title = f"{len(browsed.letters)} of about {browsed.about} seen"
    print_rows(columns, map(_group_row, groups(letters)), as_json=as_json, title=title)


@app.command("show")
def show(
    worker: Worker,
    identity: Annotated[str, typer.Argument(metavar="ID", help="A message or event id, or its beginning.")],
    *,
    body: Annotated[bool, typer.Option("--body", help="Show the payload too.")] = False,
    undelivered: Undelivered = False,
    env: Env = LOCAL,
    namespace: Namespace = None,
    services: Services,
) -> None:
    """Show one message as JSON, with what the fence knows of its event, and no payload unless asked for.

    Example: fanout dlq show inventory 80b4c862 --body
    """
    queue = _Queue.of(env, namespace, services, worker, undelivered=undelivered)
    letter = queue.one(identity)
    [known] = queue.known([letter])
    told: dict[str, Any] = {**_row(letter), "attributes": dict(letter.attributes), "fence": known.state.value}
    if body:
        told["body"] = letter.body
    print(json.dumps(told, indent=2, ensure_ascii=False))


@app.command("export")
def export(
    worker: Worker,
    file: Annotated[Path, typer.Argument(help="Where to; it must not be there.")],
    *,
    group: GroupKey = "",
    ids: Ids = None,
    pattern: PatternText = "",
    sample: Sample = MOST,
    undelivered: Undelivered = False,
    env: Env = LOCAL,
    namespace: Namespace = None,
    services: Services,
) -> None:
    """Write the messages to a file, payloads too: a JSON line each. They stay in the queue.

    Example: fanout dlq export inventory stuck.jsonl --group 9f2a10
    """
    queue = _Queue.of(env, namespace, services, worker, undelivered=undelivered)
    _, letters = queue.chosen(Selection(group=group, ids=tuple(ids or ()), pattern=pattern), sample)
    if file.exists():
        raise RefusedError(f"{file}: is there already; name another")
    file.touch(mode=0o600)
    file.write_text("".join(f"{as_line(letter)}\n" for letter in letters), encoding="utf-8")
    print(f"{file}: {len(letters)} messages")


@app.command("redrive")
def redrive(
    worker: Worker,
    *,
    why: Why,
    group: GroupKey = "",
    ids: Ids = None,
    pattern: PatternText = "",
    rate: Rate = "20/s",
    canary: Annotated[
        bool, typer.Option("--canary", help="In steps of 1, 2, 5, 10 ...; stop when a tenth fails.")
    ] = False,
    patience_s: Annotated[int, typer.Option(min=1, help="Of --canary: how long to wait for a step.")] = 300,
    most: Annotated[int, typer.Option("--max", min=1, max=MOST, help="No more than so many.")] = 10_000,
    handled: Annotated[bool, typer.Option("--handled", help="Those too that have been handled.")] = False,
    undelivered: Undelivered = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    env: Env = LOCAL,
    namespace: Namespace = None,
    services: Services,
    as_json: AsJson = False,
) -> None:
    """Give messages back to their worker: each is in the DLQ, in the queue, or for a moment in both, and the worker's
    idempotency store keeps it to one effect.

    The exit status is 4 when some came back or were not taken.

    Example: fanout dlq redrive inventory --group 9f2a10 --canary --why "fixed in v43"
    """
    queue = _Queue.of(env, namespace, services, worker, undelivered=undelivered)
    selection = Selection(group=group, ids=tuple(ids or ()), pattern=pattern)
    _, letters = queue.chosen(selection, MOST)
    decided = plan(queue.worker, letters[:most], queue.known(letters[:most]), now=now(), again=handled)
    failed_ms = max((letter.sent_ms for letter in decided.chosen), default=0)
    warnings = queue.operating.paused_and_idle_since(queue.worker, failed_ms) if decided.chosen else []
    _tell_plan(queue.worker, decided, warnings, rate, as_json=as_json, alone=dry_run or not decided.chosen)
    if canary and queue.worker.records_table is None:
        raise RefusedError(f"worker {worker} remembers nothing (idempotency: off): --canary cannot see what came back")
    if dry_run or not decided.chosen:
        return
    confirm(f"Give {len(decided.chosen)} messages back to worker {worker}?", yes=yes)
    fence = queue.operating.fence(queue.worker)
    carrier = Redrive(queue.operating.client("sqs"), queue.worker, fence)
    _carry(
        queue,
        "redrive",
        why,
        decided.chosen,
        carrier,
        rate,
        selection,
        as_json,
        Canary(fence) if canary else None,
        patience_s,
    )


@app.command("drop")
def drop(
    worker: Worker,
    *,
    why: Why,
    group: GroupKey = "",
    ids: Ids = None,
    pattern: PatternText = "",
    rate: Rate = "100/s",
    most: Annotated[int, typer.Option("--max", min=1, max=MOST, help="No more than so many.")] = 10_000,
    undelivered: Undelivered = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    env: Env = LOCAL,
    namespace: Namespace = None,
    services: Services,
    as_json: AsJson = False,
) -> None:
    """Take messages out for good. A copy is kept first, in the bucket of large events' data, for as long as that keeps
    anything.

    Example: fanout dlq drop inventory --group 9f2a10 --why "test orders"
    """
    queue = _Queue.of(env, namespace, services, worker, undelivered=undelivered)
    selection = Selection(group=group, ids=tuple(ids or ()), pattern=pattern)
    _, letters = queue.chosen(selection, MOST)
    bucket = queue.operating.topology.names.claims_bucket(queue.operating.topology.account)
    if not as_json:
        print(f"{len(letters[:most])} messages of {queue.queue.url.rpartition('/')[2]}, with a copy in {bucket}")
    elif dry_run or not letters:
        print(json.dumps({"chosen": len(letters[:most]), "from": queue.queue.url, "copies": bucket}))
    if dry_run or not letters:
        return
    confirm(f"Drop {len(letters[:most])} messages of worker {worker}?", yes=yes)
    carrier = Drop(queue.operating.client("s3"), bucket)
    _carry(queue, "drop", why, tuple(letters[:most]), carrier, rate, selection, as_json, None, 0)


@app.command("edit")
def edit(
    worker: Worker,
    identity: Annotated[str, typer.Argument(metavar="ID", help="A message or event id, or its beginning.")],
    *,
    why: Why,
    data: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="The new data (JSON); $EDITOR opens them unless given."),
    ] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    env: Env = LOCAL,
    namespace: Namespace = None,
    services: Services,
    as_json: AsJson = False,
) -> None:
    """Correct the data of one event, and give it back to its worker; the event keeps its id.

    The data have to fit the contract of the event's version, and today's by the upcasters. An event that the worker has
    handled is not edited: the worker would refuse other data under the same id.

    Example: fanout dlq edit inventory 80b4c862 --why "sku was misspelt"
    """
    queue = _Queue.of(env, namespace, services, worker)
    letter = queue.one(identity)
    [known] = queue.known([letter])
    if reason := editing.refusal(letter, known):
        raise RefusedError(reason)
    project().load_contracts()
    text = data.read_text(encoding="utf-8") if data else _in_editor(editing.written(letter))
    body = editing.edited(letter, text, _fits)
    changes = editing.diff(letter, text)
    if not as_json:
        print(changes or "nothing is changed")
    elif dry_run or not changes:
        print(json.dumps({"event_id": letter.event_id, "changes": changes}))
    if dry_run or not changes:
        return
    confirm(f"Give it back to worker {worker} so?", yes=yes)
    fence = queue.operating.fence(queue.worker)
    carrier = Redrive(queue.operating.client("sqs"), queue.worker, fence, bodies={letter.message_id: body})
    selection = Selection(ids=(letter.message_id,))
    told = {"before": letter.body, "after": body}
    _carry(queue, "edit", why, (letter,), carrier, "1/s", selection, as_json, None, 0, **told)


def _carry(
    queue: _Queue,
    kind: str,
    why: str,
    letters: tuple[DeadLetter, ...],
    carrier: Carrier,
    rate: str,
    selection: Selection,
    as_json: bool,
    trial: Canary | None,
    patience_s: int,
    **told: Any,
) -> None:
    operating = queue.operating
    head = operating.operator.head(
        kind,
        queue.worker.name,
        why,
        now(),
        total=len(letters),
        queue=queue.queue.url,
        rate=rate,
        canary=trial is not None,
        selection=selection.to_json(),
        **told,
    )
    work = operating.carrying(queue.queue, carrier, rate)
    work.trial, work.patience_s = trial, patience_s
    verb = "dropped" if kind == "drop" else f"sent to {queue.worker.queue}"
    try:
        carried(head.operation, lambda: work.start(head, letters), verb=verb, as_json=as_json)
    finally:
        if trial is not None and trial.back:
            _tell_back(queue, trial)


def _tell_back(queue: _Queue, trial: Canary) -> None:
    """Why the events of the last step are in the DLQ again."""
    wanted = {letter.event_id for letter in trial.back}
    letters = [letter for letter in queue.queue.browse(MOST).letters if letter.event_id in wanted]
    for group in groups(letters):
        complain(f"fanout: {group.count} came back: {group.cause}: {group.text}")


def _tell_plan(
    worker: WorkerPlace, decided: Plan, warnings: list[str], rate: str, *, as_json: bool, alone: bool
) -> None:
    told = decided.to_json()
    for text in (*decided.surprises, *warnings):
        complain(f"fanout: {text}")
    if as_json and not alone:
        return  # what becomes of it is the one line
    if as_json:
        print(json.dumps({**told, "surprises": [*told["surprises"], *warnings], "to": worker.queue, "rate": rate}))
        return
    kinds = ", ".join(f"{count} {kind}" for kind, count in told["kinds"].items())
    print(f"{told['chosen']} messages to {worker.queue} at {rate}{f': {kinds}' if kinds else ''}")
    for reason, count in decided.left_out.items():
        print(f"{count} left out: {reason}")


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


def _row(letter: DeadLetter) -> Mapping[str, Any]:
    return {
        "message": letter.message_id,
        "kind": letter.kind.value,
        "event": letter.event,
        "event_id": letter.event_id,
        "tries": letter.tries or None,
        "since": _moment(letter.sent_ms),
        "cause": letter.cause or None,
        "text": letter.text,
        "group": key_of(letter),
    }


def _group_row(group: Group) -> Mapping[str, Any]:
    return {
        "group": group.key,
        "count": group.count,
        "kind": group.kind.value,
        "cause": group.cause or None,
        "text": group.text,
        "first": _moment(group.first_ms),
        "last": _moment(group.last_ms),
        "when": "".join(_sparks(group.per_time)),
        "events": list(group.events),
        "sample": group.sample,
    }


def _sparks(counts: tuple[int, ...]) -> Iterator[str]:
    most = max(counts, default=0) or 1
    yield from (SPARKS[-(-count * (len(SPARKS) - 1) // most)] for count in counts)


def _moment(milliseconds: int) -> str | None:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%d %b %H:%M:%S") if milliseconds else None
