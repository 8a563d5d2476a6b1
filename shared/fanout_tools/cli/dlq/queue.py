"""One worker's dead-letter queue, for one command; and the options that say what of it is meant."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Self

import typer

from fanout_tools.cli.operating import now, operating_of
from fanout_tools.cli.options import workers
from fanout_tools.cli.output import complain
from fanout_tools.operate.actions.carrying import MOST
from fanout_tools.operate.actions.selection import Selection
from fanout_tools.operate.dead_letters import DeadLetter
from fanout_tools.operate.fence import Fence
from fanout_tools.operate.journal import Head
from fanout_tools.operate.sources.dead_letters import Browsed
from fanout_tools.operate.worker_queue import WorkerQueue

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


class Queue(WorkerQueue):
    """One worker's DLQ, for one command."""

    @classmethod
    def of(cls, env: str, namespace: str | None, services: Path, worker: str, *, undelivered: bool = False) -> Self:
        return cls.at(operating_of(env, namespace, services), worker, undelivered=undelivered)

    @property
    def fence(self) -> Fence:
        """The worker's."""
        return self.operating.fence(self.worker)

    def chosen(self, selection: Selection, sample: int) -> tuple[Browsed, list[DeadLetter]]:
        browsed, letters = super().chosen(selection, sample)
        if not browsed.whole:
            complain(f"fanout: {len(browsed.letters)} of about {browsed.about} messages seen")
        return browsed, letters

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
        """Of an operation on these messages, as ``fanout operations resume`` needs it; others' leftovers go first."""
        self.operating.sweep()
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
