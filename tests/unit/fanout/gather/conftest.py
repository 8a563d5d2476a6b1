"""A worker that scatters one event into numbered parts, and gathers their squares."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from fanout import AggregateResult, Context, Event, Part, Worker

DEADLINE = timedelta(minutes=30)


class SumRequested(Event, source="test.sums", version=1):
    """Somebody wants the sum of the squares below a number."""

    parts: int


class SquareRequested(Event, source="test.sums", version=1):
    """A part of it."""

    number: int


class SumCounted(Event, source="test.sums", version=1):
    """The sum, and of what it is made."""

    sum: int
    asked: int
    succeeded: list[int]
    failed: list[int]
    missing: list[int]


class SquareUndone(Event, source="test.sums", version=1):
    """A square was counted in vain."""

    number: int


Square = Callable[[SquareRequested, Context], int]


def square(event: SquareRequested, _: Context) -> int:
    return event.number**2


def make_worker(folder: Path, handler: Square = square, *, undo: bool = False, max_receives: int = 5) -> Worker:
    """
    :param handler: of a part.
    :param undo: compensate when the gather is not complete.
    """
    folder.mkdir(parents=True, exist_ok=True)
    declared = {
        "description": "Sums squares",
        "subscribes": [{"event": "test.sums/SumRequested"}, {"event": "test.sums/SquareRequested"}],
        "queue": {"max_receives": max_receives},
        "retry": {"base_s": 0, "cap_s": 0},
        "gathers": True,
    }
    (folder / "worker.yaml").write_text(yaml.safe_dump(declared))
    worker = Worker(str(folder / "handler.py"))

    @worker.handles(SumRequested)
    def split(event: SumRequested, context: Context) -> None:
        context.scatter((SquareRequested(number=n) for n in range(event.parts)), into=SumCounted, deadline=DEADLINE)

    worker.handles_part(SquareRequested)(handler)

    def undone(_: SumRequested, part: Part) -> SquareUndone:
        return SquareUndone(number=part.index)

    @worker.gathers(SumCounted, on_failure=undone if undo else None)
    def count(request: SumRequested, gathered: AggregateResult) -> SumCounted:
        return SumCounted(
            sum=sum(gathered.results),
            asked=request.parts,
            succeeded=[part.index for part in gathered.succeeded],
            failed=[part.index for part in gathered.failed],
            missing=list(gathered.missing),
        )

    return worker


class Mortal:
    """Anything whose every call may be the process's last, before or after its effect."""

    def __init__(self, inner: Any, step: Callable[[], None]) -> None:
        self._inner, self._step = inner, step

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._inner, name)

        def mortal(*args: Any, **kwargs: Any) -> Any:
            self._step()
            answer = call(*args, **kwargs)
            if name == "publish_all":
                answer = list(answer)
            self._step()
            return answer

        return mortal


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "services" / "sums"
