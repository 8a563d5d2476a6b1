"""The results of parts: to the worker's own gathers, and by a message to those of another worker."""

import asyncio
import contextlib
import dataclasses
import logging
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ConnectionError as LostResponseError

from fanout import Context, Envelope, Outcome, Reject, Worker
from fanout.gather.memory import MemoryGatherStore
from fanout.gather.parts import MAX_REPORT_BYTES, Reference
from fanout.gather.timers import PartWasLate
from fanout.testing import Death, Rig

from .conftest import Square, SquareRequested, SumRequested, make_worker, square


def part_worker(folder: Path, handler: Square = square, *parts_of: str) -> Worker:
    """Another worker, which handles the parts that ``parts_of`` scatter and gathers nothing."""
    worker = make_worker(folder.with_name("squares"), handler, max_receives=2)
    worker.settings = dataclasses.replace(worker.settings, gathers=False, parts_of=parts_of or ("sums",))
    return worker


def scattered(rig: Rig, parts: int = 1) -> list[Envelope]:
    rig.deliver(SumRequested(parts=parts))
    found = [e for e in rig.published if e.name == "SquareRequested"]
    rig.published.clear()
    rig.timers.clear()
    return found


def sums(rig: Rig) -> list[dict[str, Any]]:
    rig.deliver(*[timer for _, timer in rig.timers])
    return [dict(e.data) for e in rig.published if e.name == "SumCounted"]


def test_another_worker_reports_by_a_message(folder: Path) -> None:
    """GIVEN parts that another worker handles WHEN it reports THEN the message goes to the gathering worker, which
    counts it once however often it comes."""
    gatherer, other = Rig(make_worker(folder)), Rig(part_worker(folder))
    other.deliver(*scattered(gatherer, 3))
    assert [worker for worker, _ in other.part_reports] == ["sums"] * 3
    assert other.gather_store.parts("any") == {}

    reports = [report for _, report in other.part_reports]
    deliveries = gatherer.deliver(*reports, *reports)
    assert {d.outcome for d in deliveries} <= {Outcome.HANDLED, Outcome.DUPLICATE}
    assert [s["sum"] for s in sums(gatherer)] == [5]


def test_the_failure_of_another_worker_counts(folder: Path) -> None:
    """GIVEN another worker that fails at its last try WHEN it reports THEN the gather ends with a failed part."""

    def broken(_: SquareRequested, __: Context) -> int:
        raise ZeroDivisionError("broken")

    gatherer, other = Rig(make_worker(folder)), Rig(part_worker(folder, broken))
    [delivery] = other.deliver(*scattered(gatherer))
    assert other.part_reports == []
    other.redeliver(delivery)
    gatherer.deliver(*[report for _, report in other.part_reports])

    assert [s["failed"] for s in sums(gatherer)] == [[0]]


def test_a_part_that_is_dead_lettered_unheard_counts_as_failed(folder: Path) -> None:
    """GIVEN a part that kills its process at each try WHEN it is dead-lettered THEN its gather hears of it and does
    not wait for its deadline."""
    now = [1_000_000.0]
    gatherer = Rig(make_worker(folder))

    def deadly(_: SquareRequested, __: Context) -> int:
        other.die()
        return 0

    other = Rig(part_worker(folder, deadly), clock=lambda: now[0])
    parts = scattered(gatherer)
    for _ in range(3):
        with contextlib.suppress(Death):
            other.deliver(*parts)
        now[0] += 180
    assert len(other.dead_letters) == 1
    gatherer.deliver(*[report for _, report in other.part_reports])

    assert [s["failed"] for s in sums(gatherer)] == [[0]]


def test_a_part_that_stops_the_program_counts_as_failed_at_its_last_try(folder: Path) -> None:
    """GIVEN a part whose handler calls sys.exit WHEN its tries are used up THEN its gather hears of it."""

    def leaves(_: SquareRequested, __: Context) -> int:
        raise SystemExit(2)

    gatherer, other = Rig(make_worker(folder)), Rig(part_worker(folder, leaves))
    [delivery] = other.deliver(*scattered(gatherer))
    other.redeliver(delivery)
    gatherer.deliver(*[report for _, report in other.part_reports])

    assert [s["failed"] for s in sums(gatherer)] == [[0]]


def test_a_coroutine_behind_a_plain_function_is_awaited_for_its_part(folder: Path) -> None:
    """GIVEN a part whose handler is a plain function around a coroutine function, or an object with an async __call__
    WHEN it comes THEN its result is the coroutine's."""

    async def squares(event: SquareRequested, _: Context) -> int:
        await asyncio.sleep(0)
        return event.number + 7

    class Squares:
        async def __call__(self, event: SquareRequested, context: Context) -> int:
            return await squares(event, context)

    handlers: list[Any] = [lambda event, context: squares(event, context), Squares()]
    for handler in handlers:
        gatherer, other = Rig(make_worker(folder)), Rig(part_worker(folder, handler))
        assert [d.outcome for d in other.deliver(*scattered(gatherer))] == [Outcome.HANDLED]
        gatherer.deliver(*[report for _, report in other.part_reports])

        assert [s["sum"] for s in sums(gatherer)] == [7]


def test_a_part_that_was_not_run_fails(folder: Path) -> None:
    """GIVEN a part whose handler returns a generator in place of running it WHEN its tries are used up THEN its gather
    hears that it failed."""
    handler: Any = lambda *_: (number for number in (1,))  # noqa: E731
    gatherer, other = Rig(make_worker(folder)), Rig(part_worker(folder, handler))
    [delivery] = other.deliver(*scattered(gatherer))
    assert (delivery.outcome, other.part_reports) == (Outcome.RETRIED, [])
    other.redeliver(delivery)
    gatherer.deliver(*[report for _, report in other.part_reports])

    assert [s["failed"] for s in sums(gatherer)] == [[0]]


def test_a_subscriber_that_handles_no_parts_reports_none(folder: Path) -> None:
    """GIVEN a worker that only listens to the events of parts WHEN it rejects one THEN the gather hears nothing."""

    def broken(_: SquareRequested, __: Context) -> int:
        raise Reject("not for me")

    gatherer, worker = Rig(make_worker(folder)), part_worker(folder)
    worker.handlers.by_event.clear()
    worker.handlers.parts.clear()
    worker.handles(SquareRequested)(broken)
    other = Rig(worker)
    assert [d.outcome for d in other.deliver(*scattered(gatherer))] == [Outcome.REJECTED]
    assert other.part_reports == []


def test_a_part_handled_again_with_another_result_is_no_conflict(folder: Path) -> None:
    """GIVEN a part that reports twice, with two results WHEN both reports come THEN both are handled, and the first
    stays."""
    results = iter([1, 2])
    gatherer = Rig(make_worker(folder))
    parts = scattered(gatherer)
    reports = []
    for _ in range(2):
        other = Rig(part_worker(folder, lambda *_: next(results)))
        other.deliver(*parts)
        reports += [report for _, report in other.part_reports]

    assert [d.outcome for d in gatherer.deliver(*reports)] == [Outcome.HANDLED, Outcome.HANDLED]
    assert [s["sum"] for s in sums(gatherer)] == [1]


def test_an_unknown_gatherer_is_rejected_before_the_handler(folder: Path) -> None:
    """GIVEN a part of a worker that is not in parts_of WHEN it comes THEN it is rejected, and its handler not run."""
    ran = []

    def handler(event: SquareRequested, _: Context) -> int:
        ran.append(event)
        return 0

    gatherer = Rig(make_worker(folder))
    other = Rig(part_worker(folder, handler, "elsewhere"))
    [delivery] = other.deliver(*scattered(gatherer))

    assert delivery.outcome is Outcome.REJECTED
    assert "add sums to parts_of in worker.yaml" in str(delivery.cause)
    assert ran == []


@pytest.mark.parametrize("index", ["8", "999", "1000", "-1", "x", "", "1.0", "٣", "00000007"])
@pytest.mark.parametrize("kind", ["plain", "async"])
def test_a_part_that_the_gather_does_not_have_is_rejected_before_the_handler(
    folder: Path, index: str, kind: str
) -> None:
    """GIVEN a gather of eight parts WHEN an event comes as another part of it THEN it is rejected, its handler does not
    run, and the gather is as it was."""
    ran = []

    def handler(event: SquareRequested, _: Context) -> int:
        ran.append(event)
        return 0

    async def coroutine(event: SquareRequested, context: Context) -> int:
        return handler(event, context)

    store = MemoryGatherStore()
    rig = Rig(make_worker(folder, handler if kind == "plain" else coroutine), gather_store=store)  # type: ignore[arg-type]
    part = scattered(rig, 8)[0]
    worker, gather_id, _ = str(part.metadata.gather).split("/")
    gather = store.read(gather_id)
    forged = dataclasses.replace(part.metadata, event_id="forged", gather=f"{worker}/{gather_id}/{index}")
    [delivery] = rig.deliver(dataclasses.replace(part, metadata=forged))

    assert delivery.outcome is Outcome.REJECTED
    assert ran == []
    assert (store.read(gather_id), store.parts(gather_id)) == (gather, {})


def test_a_report_of_a_part_that_the_gather_does_not_have_is_rejected(folder: Path) -> None:
    """GIVEN a gather of eight parts WHEN another worker reports a ninth THEN nothing of it is kept."""
    store = MemoryGatherStore()
    gatherer, other = Rig(make_worker(folder), gather_store=store), Rig(part_worker(folder))
    part = scattered(gatherer, 8)[0]
    worker, gather_id, _ = str(part.metadata.gather).split("/")
    other.deliver(
        dataclasses.replace(part, metadata=dataclasses.replace(part.metadata, gather=f"{worker}/{gather_id}/8"))
    )
    [(_, report)] = other.part_reports
    [delivery] = gatherer.deliver(report)

    assert delivery.outcome is Outcome.REJECTED
    assert "the gather has the parts 0 to 7" in str(delivery.cause)
    assert store.parts(gather_id) == {}


@pytest.mark.parametrize("closed", [False, True])
def test_a_part_that_counts_is_not_undone(folder: Path, closed: bool) -> None:
    """GIVEN a part that counts WHEN somebody who may report parts says that it was late THEN it is not undone, be the
    gather open or closed."""
    rig = Rig(make_worker(folder, undo=True))
    parts = scattered(rig, 2)
    rig.deliver(*(parts if closed else parts[:1]))
    if closed:
        rig.deliver(*[timer for delay_s, timer in rig.timers if delay_s == 0])
    rig.published.clear()
    gather_id = str(parts[0].metadata.gather).split("/")[1]
    [delivery] = rig.deliver(PartWasLate(gather_id=gather_id, index=0))

    assert delivery.outcome is Outcome.REJECTED
    assert "it is not late" in str(delivery.cause)
    assert rig.published == []


def test_a_report_too_large_for_a_message_fails_the_part(folder: Path) -> None:
    """GIVEN a result over the limit of a message WHEN it is reported THEN the part is rejected, and the gather hears
    of it."""
    gatherer = Rig(make_worker(folder))
    large: Any = lambda *_: "x" * MAX_REPORT_BYTES  # noqa: E731
    other = Rig(part_worker(folder, large))
    [delivery] = other.deliver(*scattered(gatherer))
    assert delivery.outcome is Outcome.REJECTED
    assert "keep the result in S3" in str(delivery.cause)

    [(_, report)] = other.part_reports
    assert "keep the result in S3" in report.data["error"]


@pytest.mark.parametrize("result", [Decimal(1), {1, 2}, b"x", {1: 2}, 2**70, "\ud800"])
def test_a_result_that_json_cannot_hold_is_null(folder: Path, result: Any, caplog: pytest.LogCaptureFixture) -> None:
    """GIVEN a result that JSON cannot hold WHEN the part is handled THEN it counts with null, and a warning."""
    store = MemoryGatherStore()
    rig = Rig(make_worker(folder, lambda *_: result), gather_store=store)
    with caplog.at_level(logging.WARNING):
        [delivery] = rig.deliver(*scattered(rig))

    assert delivery.outcome is Outcome.HANDLED
    [gather] = store.gathers.values()
    assert store.part(gather.gather_id, 0).result is None  # type: ignore[union-attr]
    assert "the result of a part is kept as null" in caplog.text


def test_a_failure_without_a_text_is_reported(folder: Path) -> None:
    """GIVEN an exception whose text cannot be made WHEN a part raises it THEN the failure counts with its type."""

    class Mute(Reject):
        def __str__(self) -> str:
            raise ValueError

    def handler(_: SquareRequested, __: Context) -> int:
        raise Mute("never read")

    store = MemoryGatherStore()
    rig = Rig(make_worker(folder, handler), gather_store=store)
    parts = scattered(rig)
    with contextlib.suppress(ValueError):  # the core's own reading of the text
        rig.deliver(*parts)
    [gather] = store.gathers.values()
    assert store.part(gather.gather_id, 0).error == "Mute: (its text cannot be read)"  # type: ignore[union-attr]


@pytest.mark.parametrize("text", ["", "a/b", "a/b/c", "a/b/1/2", "a/b/-1", "a/b/1000", "a/b/100000"])
def test_a_malformed_reference_is_rejected(text: str) -> None:
    """GIVEN no reference to a part WHEN it is read THEN it is rejected with the form."""
    with pytest.raises(Reject, match="must be <worker>/<gather id>/<index under 1000>"):
        Reference.parse(text)


@pytest.mark.parametrize("method", ["create", "keep", "mark_done", "close"])
def test_a_lost_answer_is_recognised_when_it_is_repeated(folder: Path, method: str) -> None:
    """GIVEN a write that ran and whose response was lost WHEN the record comes again THEN the gather ends once, without
    its deadline."""

    class Lossy(MemoryGatherStore):
        lost = False

        def __getattribute__(self, name: str) -> Any:
            call = super().__getattribute__(name)
            if name != method or self.lost:
                return call

            def lossy(*arguments: Any) -> Any:
                self.lost = True
                call(*arguments)
                raise LostResponseError(error=TimeoutError("read"))

            return lossy

    rig = Rig(make_worker(folder), gather_store=Lossy())
    pending: list[Any] = [SumRequested(parts=2)]
    while pending:
        [delivery] = rig.deliver(pending.pop())
        while delivery.outcome is Outcome.RETRIED:
            delivery = rig.redeliver(delivery)
        pending += [e for e in rig.published if e.name == "SquareRequested"]
        pending += [timer for delay_s, timer in rig.timers if delay_s == 0]
        rig.timers.clear()
        rig.published[:] = [e for e in rig.published if e.name == "SumCounted"]

    assert [e.data["sum"] for e in rig.published] == [1]
