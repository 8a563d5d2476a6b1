"""One worker's dead-letter queue, for one command; and the options that say what of it is meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from fanout_tools.cli.endpoint import topology_of
from fanout_tools.cli.operating import NotFoundError, Operating, now
from fanout_tools.cli.options import workers
from fanout_tools.cli.output import complain
from fanout_tools.operate.actions.carrying import MOST
from fanout_tools.operate.actions.selection import Selection
from fanout_tools.operate.dead_letters import DeadLetter
from fanout_tools.operate.fence import UNKNOWN, Fence, Known
from fanout_tools.operate.journal import Head
from fanout_tools.operate.sources.dead_letters import Browsed, DeadLetterQueue
from fanout_tools.operate.topology import WorkerPlace
from fanout_tools.operate.views.groups import key_of

__all__ = [
    "GroupKey",
    "Identity",
    "Ids",
    "Most",
    "PatternText",
    "Queue",
    "Undelivered",
    "Where",
    "Worker",
    "moment",
    "row",
]

Worker = Annotated[str, typer.Argument(help="The worker whose queue it is.", autocompletion=workers)]
GroupKey = Annotated[str, typer.Option("--group", help="Only those of a group, as `fanout dlq group` names it.")]
Ids = Annotated[list[str] | None, typer.Option("--id", help="Only these: message or event ids, or their beginnings.")]
PatternText = Annotated[
    str, typer.Option("--pattern", help="Only events that this EventBridge pattern (JSON) matches.")
]
Sample = Annotated[int, typer.Option(min=1, max=MOST, help="Look at no more than so many messages.")]
Undelivered = Annotated[bool, typer.Option("--undelivered", help="Of a FIFO worker: what did not reach its queue.")]
Where = Annotated[
    str,
    typer.Option(
        "--where",
        help="Only where this JMESPath expression over data, metadata, event, kind, cause, text, tries and attributes "
        "is true, such as 'data.total.amount > `25`'.",
    ),
]
Most = Annotated[int, typer.Option("--max", min=1, max=MOST, help="No more than so many.")]
Identity = Annotated[str, typer.Argument(metavar="ID", help="A message or event id, or its beginning.")]


@dataclass(frozen=True)
class Queue:
    """One worker's DLQ, for one command."""

    operating: Operating
    worker: WorkerPlace
    queue: DeadLetterQueue

    @classmethod
    def of(cls, env: str, namespace: str | None, services: Path, worker: str, *, undelivered: bool = False) -> Queue:
        operating = Operating(topology_of(env, namespace, services))
        place = operating.topology.worker(worker)
        return cls(operating, place, operating.dead_letters(place, undelivered=undelivered))

    @property
    def fence(self) -> Fence:
        """The worker's."""
        return self.operating.fence(self.worker)

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
        found = self.fence.look(it.envelope for it in readable if it.envelope is not None)
        by_id = {letter.message_id: known for letter, known in zip(readable, found, strict=True)}
        return [by_id.get(letter.message_id, UNKNOWN) for letter in letters]

    def head(
        self,
        kind: str,
        why: str,
        letters: Sequence[DeadLetter],
        *,
        selection: Selection,
        rate: str,
        **plan: Any,
    ) -> Head:
        """Of an operation on these messages, as ``fanout operations resume`` needs it."""
        return self.operating.operator.head(
            kind,
            self.worker.name,
            why,
            now(),
            total=len(letters),
            queue=self.queue.url,
            rate=rate,
            selection=selection.to_json(),
            **plan,
        )


def row(letter: DeadLetter) -> Mapping[str, Any]:
    """Of a table, without the payload."""
    return {
        "message": letter.message_id,
        "kind": letter.kind.value,
        "event": letter.event,
        "event_id": letter.event_id,
        "tries": letter.tries or None,
        "since": moment(letter.sent_ms),
        "cause": letter.cause or None,
        "text": letter.text,
        "group": key_of(letter),
    }


def moment(milliseconds: int) -> str | None:
    """As a person reads it."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%d %b %H:%M:%S") if milliseconds else None
