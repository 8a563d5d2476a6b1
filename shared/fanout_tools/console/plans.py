"""What each change would do, and how it begins: composed of the engine's actions, as the commands compose them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from fanout.errors import ContractError
from fanout.events.envelope import Envelope
from fanout.events.event import Event, contract_of
from fanout.events.upcasting import read as read_event
from fanout_tools.console import schema_form
from fanout_tools.console.console import Console
from fanout_tools.console.entries import FormError
from fanout_tools.console.letters import options_of, selection_of
from fanout_tools.operate.actions import edit as editing
from fanout_tools.operate.actions.carrying import MOST, Carrier
from fanout_tools.operate.actions.pause import KIND as PAUSE
from fanout_tools.operate.actions.pause import open_pauses
from fanout_tools.operate.actions.redrive import Canary
from fanout_tools.operate.actions.replay_span import FencedBy, Span, refusal
from fanout_tools.operate.dead_letters import DeadLetter
from fanout_tools.operate.journal import Status
from fanout_tools.operate.limits import parse_rate
from fanout_tools.operate.operating import RefusedError, require_resumable
from fanout_tools.operate.windows import seconds_of
from fanout_tools.operate.worker_queue import WorkerQueue

__all__ = ["Planned", "carry_on", "drop", "edit", "edit_form", "pause", "redrive", "replay", "resume"]

DEFAULT_RATE = "20/s"


@dataclass(frozen=True, kw_only=True)
class Planned:
    """What a person decides on.

    :ivar what: it in one sentence.
    :ivar count: how many things it concerns; what is confirmed is this number.
    :ivar begin: begins it, and says where its progress is shown; takes the reason.
    """

    worker: str
    what: str
    count: int
    command: str
    begin: Callable[[str], str] = field(repr=False)
    rows: Sequence[tuple[str, str]] = ()
    warnings: Sequence[str] = ()
    diff: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    """Of the form, beside those that it came with."""

    def to_json(self) -> dict[str, Any]:
        return {
            "worker": self.worker,
            "what": self.what,
            "count": self.count,
            "rows": dict(self.rows),
            "surprises": list(self.warnings),
        }


def redrive(console: Console, form: Mapping[str, str], address: Mapping[str, Any]) -> Planned:
    """Messages back to their worker."""
    queue, selection = WorkerQueue.at(console.operating, address["worker"]), selection_of(form)
    rate, canary, handled = form.get("rate") or DEFAULT_RATE, "canary" in form, "handled" in form
    parse_rate(rate)
    if canary and queue.worker.records_table is None:
        raise RefusedError(
            f"worker {queue.worker.name} remembers nothing (idempotency: off): a canary cannot see what came back"
        )
    _, letters = queue.chosen(selection, MOST)
    decided, warnings = queue.redrive_plan(letters, now=console.clock(), again=handled)
    told = decided.to_json()
    words = ["dlq", "redrive", queue.worker.name, *options_of(selection), "--rate", rate]
    words += [option for option, wanted in (("--canary", canary), ("--handled", handled)) if wanted]
    command = console.command(*words, "--why", "…")

    def begin(why: str) -> str:
        acting = console.acting(command)
        carrier = acting.redrive(queue.worker)
        trial = Canary(carrier.fence) if canary else None
        return _carry(
            console, queue, "redrive", why, command, decided.chosen, carrier, rate, trial, selection.to_json()
        )

    return Planned(
        worker=queue.worker.name,
        what=f"{len(decided.chosen)} messages to {queue.worker.queue} at {rate}{', by canary steps' if canary else ''}",
        count=len(decided.chosen),
        command=command,
        begin=begin,
        rows=[*((kind, str(count)) for kind, count in told["kinds"].items()), *_left(decided.left_out)],
        warnings=[*decided.surprises, *warnings],
    )


def _left(left_out: Mapping[str, int]) -> list[tuple[str, str]]:
    return [(f"left out: {reason}", str(count)) for reason, count in left_out.items()]


def _carry(
    console: Console,
    queue: WorkerQueue,
    kind: str,
    why: str,
    command: str,
    letters: Sequence[DeadLetter],
    carrier: Carrier,
    rate: str,
    trial: Canary | None,
    selection: Mapping[str, Any],
    **told: Any,
) -> str:
    """Begin it; its head is in the journal before this returns."""
    acting = console.acting(command)
    head = acting.operator.head(
        kind,
        queue.worker.name,
        why,
        console.clock(),
        total=len(letters),
        queue=queue.queue.url,
        rate=rate,
        canary=trial is not None,
        selection=dict(selection),
        **told,
    )
    to = None if kind == "drop" else queue.worker
    work = acting.carrying(queue.queue, carrier, rate, to=to)
    work.trial = trial
    console.begin(head.operation, lambda: work.start(head, letters))
    return f"/o/{head.operation}"


def drop(console: Console, form: Mapping[str, str], address: Mapping[str, Any]) -> Planned:
    """Messages away for good, after a copy."""
    queue, selection = WorkerQueue.at(console.operating, address["worker"]), selection_of(form)
    _, letters = queue.chosen(selection, MOST)
    command = console.command("dlq", "drop", queue.worker.name, *options_of(selection), "--why", "…")
    rate = "100/s"

    def begin(why: str) -> str:
        carrier = console.acting(command).dropping()
        return _carry(console, queue, "drop", why, command, letters, carrier, rate, None, selection.to_json())

    return Planned(
        worker=queue.worker.name,
        what=f"{len(letters)} messages of {queue.name} are taken away for good",
        count=len(letters),
        command=command,
        begin=begin,
        rows=[("a copy of each in", console.operating.copies_bucket)],
    )


def edit_form(console: Console, worker: str, identity: str) -> dict[str, Any]:
    """What the page that corrects an event shows.

    :raises RefusedError: the event cannot be edited.
    """
    queue, letter = _editable(console, worker, identity)
    assert letter.envelope is not None
    contract = _contract(letter.envelope)
    fields = schema_form.fields(contract.model_json_schema(), console.masking.of(letter)) if contract else ()
    return {
        "worker": queue.worker,
        "letter": letter,
        "contract": contract and str(contract.contract),
        "fields": tuple(fields),
        "text": editing.written(letter, console.masking),
    }


def _editable(console: Console, worker: str, identity: str) -> tuple[WorkerQueue, DeadLetter]:
    queue = WorkerQueue.at(console.operating, worker)
    letter = queue.one(identity)
    [known] = queue.known([letter])
    if reason := editing.refusal(letter, known):
        raise RefusedError(reason)
    return queue, letter


def _contract(envelope: Envelope) -> type[Event] | None:
    """Of the event's own version; None: it is older than the classes, or its contract is not at hand."""
    try:
        return contract_of(envelope.identifier, envelope.metadata.schema_version)
    except ContractError:
        return None


def edit(console: Console, form: Mapping[str, str], address: Mapping[str, Any]) -> Planned:
    """One event with other data."""
    queue, letter = _editable(console, address["worker"], address["identity"])
    assert letter.envelope is not None
    text = form.get("data") or _data_of(form, letter.envelope, console.masking.of(letter))
    body = editing.edited(letter, text, _fits, console.masking)
    changes = editing.diff(letter, text, console.masking)
    command = console.command("dlq", "edit", queue.worker.name, str(address["identity"]), "--why", "…")

    def begin(why: str) -> str:
        carrier = console.acting(command).redrive(queue.worker, bodies={letter.message_id: body})
        selection = {"group": "", "ids": [letter.message_id], "pattern": ""}
        told = {"before": letter.body, "after": body}
        return _carry(console, queue, "edit", why, command, [letter], carrier, "1/s", None, selection, **told)

    return Planned(
        worker=queue.worker.name,
        what=f"{letter.event} {letter.event_id} goes back to {queue.worker.queue} with these data"
        if changes
        else "nothing is changed",
        count=1 if changes else 0,
        command=command,
        begin=begin,
        diff=changes,
        fields={"data": text},
    )


def _data_of(form: Mapping[str, str], envelope: Envelope, shown: Mapping[str, Any]) -> str:
    """The data as the form has them, with the masks that were shown."""
    contract = _contract(envelope)
    if contract is None:
        raise FormError("its contract is not at hand: edit the data as JSON")
    made = schema_form.values(contract.model_json_schema(), form, shown)
    return orjson.dumps(made, option=orjson.OPT_INDENT_2).decode()


def _fits(envelope: Envelope) -> None:
    read_event(contract_of(envelope.identifier), envelope.data, envelope.metadata.schema_version)


def pause(console: Console, form: Mapping[str, str], address: Mapping[str, Any]) -> Planned:
    """A worker stands still for a time."""
    place = console.topology.worker(address["worker"])
    text = form.get("for") or "1h"
    command = console.command("pause", place.name, "--for", text, "--why", "…")
    acting = console.acting(command)
    pausing, seconds = acting.pausing(place), seconds_of(text, "--for")
    clock = pausing.plan(seconds, _age_s(console, acting, place.name))
    earlier = open_pauses(acting.journal, place.name)

    def begin(why: str) -> str:
        now = console.clock()
        head = acting.operator.head(PAUSE, place.name, why, now, until=now + seconds, loses_at=clock.loses_at, total=1)
        console.begin(head.operation, lambda: pausing.apply(head, seconds, instead_of=earlier))
        return f"/o/{head.operation}"

    return Planned(
        worker=place.name,
        what=f"worker {place.name} takes nothing from its queue for {text}",
        count=1,
        command=command,
        begin=begin,
        rows=[("left paused", str(clock)), *(("in place of the pause", name) for name in earlier)],
    )


def _age_s(console: Console, acting: Any, worker: str) -> float:
    if console.topology.place.endpoint is not None:
        return 0.0  # an emulator has no metrics
    return float(acting.oldest_s(console.topology.worker(worker), console.clock()))


def resume(console: Console, form: Mapping[str, str], address: Mapping[str, Any]) -> Planned:  # noqa: ARG001
    """A paused worker takes from its queue again."""
    place = console.topology.worker(address["worker"])
    command = console.command("resume", place.name)
    acting = console.acting(command)
    pauses = open_pauses(acting.journal, place.name)

    def begin(why: str) -> str:
        for name in pauses:
            acting.journal.note(name, f"resumed: {why}")
        acting.pausing(place).resume(paused_by=pauses)
        return f"/w/{place.name}"

    return Planned(
        worker=place.name,
        what=f"worker {place.name} takes from its queue again",
        count=1,
        command=command,
        begin=begin,
        rows=[("ends the pause", name) for name in pauses] or [("pauses", "none in the journal")],
    )


def replay(console: Console, form: Mapping[str, str], address: Mapping[str, Any]) -> Planned:  # noqa: ARG001
    """Events of the archive are staged and counted; sending them is the next step, on the operation's page."""
    place = console.topology.worker(form.get("worker", ""))
    span = Span(_moment(form.get("from", ""), "from"), _moment(form.get("to", ""), "to"))
    rate, beyond, again = form.get("rate") or DEFAULT_RATE, "beyond" in form, form.get("again", "").strip()
    parse_rate(rate)
    if again not in ("", place.name):
        raise FormError(f"again: {again}: would have worker {place.name} handle events twice; write its name there")
    fence = FencedBy.LOGS if "logs" in form else FencedBy.RECORDS
    if again and fence is FencedBy.LOGS:
        raise FormError("again: replays what was handled, which the log is asked for to leave it out: choose one")
    if reason := refusal(place, span, console.clock(), beyond_fence=beyond, fence=fence):
        raise RefusedError(reason)
    pattern = _pattern(form.get("pattern", ""))
    times = ["--from", form["from"], "--to", form["to"], "--rate", rate]
    times += ["--pattern", form["pattern"]] if pattern else []
    command = console.command(
        "replay", "--worker", place.name, *times, *(["--beyond-fence"] if beyond else []),
        *(["--fence", fence] if fence is FencedBy.LOGS else []),
        *(["--again", again] if again else []), "--why", "…",
    )  # fmt: skip

    def begin(why: str) -> str:
        acting = console.acting(command)
        head = acting.replay_head(
            place, span, why, console.clock(), rate=rate, pattern=pattern, fence=fence, again=bool(again)
        )

        def stage() -> None:
            staged = acting.replay(place, rate).stage(head)
            acting.journal.note(head.operation, _staged(staged.to_json()))

        console.begin(head.operation, stage)
        return f"/o/{head.operation}"

    return Planned(
        worker=place.name,
        what=f"the archive's events from {form['from']} to {form['to']} (UTC) are staged for {place.name}, and counted",
        count=1,
        command=command,
        begin=begin,
        rows=[("then", f"{_which(place.name, again)} can be sent to {place.queue} at {rate}")],
        warnings=[f"worker {place.name} forgets what it has handled of them: each has a second effect"]
        if again
        else [],
    )


def _which(worker: str, again: str) -> str:
    return "all of them" if again else f"those that {worker} has not handled"


def _staged(told: Mapping[str, Any]) -> str:
    left = "".join(f"; {count} left out: {reason}" for reason, count in told["left_out"].items())
    twice = f", {told['handled']} of them a second time" if told["handled"] else ""
    return f"staged {told['staged']} events, {told['chosen']} to send{twice}{left}; carry it on to send them"


def _moment(text: str, name: str) -> float:
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise FormError(f"{name}: {text}: write a time such as 2026-11-27T10:00") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _pattern(text: str) -> dict[str, Any] | None:
    if not text.strip():
        return None
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise FormError(f"pattern: {error}") from error
    if not isinstance(found, dict):
        raise FormError("pattern: must be a JSON object")
    return found


def carry_on(console: Console, form: Mapping[str, str], address: Mapping[str, Any]) -> Planned:
    """An operation that was cut off or has stopped, or a replay that has been staged."""
    found = console.operating.journal.read(address["operation"])
    head, again = found.head, "again" in form
    require_resumable(head)
    if head.status is Status.FINISHED:
        raise RefusedError(f"{head.operation}: is finished")
    command = console.command("operations", "resume", head.operation, *(["--again"] if again else []))

    def begin(why: str) -> str:
        acting = console.acting(command)
        console.begin(head.operation, lambda: acting.resumed(head, again=again))
        acting.journal.note(head.operation, f"carried on: {why}")
        return f"/o/{head.operation}"

    left = len(found.planned) - len(found.settled)
    return Planned(
        worker=head.worker,
        what=f"{head.kind} {head.operation} is carried on",
        count=1,
        command=command,
        begin=begin,
        rows=[("of its plan are left", str(left)), ("of them may have arrived", str(len(found.doubtful)))],
    )
