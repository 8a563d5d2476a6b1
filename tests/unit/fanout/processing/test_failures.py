"""The fields of a failed record's log line name the place in the worker's own code."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from fanout import Context, Outcome
from fanout.processing.accounts import failure_fields
from fanout.processing.delivery import Delivery
from fanout.publish import wrap
from fanout.testing import Rig, record, record_of

from ..conftest import MakeWorker, ThingHappened


def failed(error: BaseException | Callable[[], Any]) -> Delivery:
    """A record whose handler raised that."""
    delivery = Delivery.of(record_of(ThingHappened(number=1)))
    delivery.begun = True
    try:
        if isinstance(error, BaseException):
            raise error
        error()
    except BaseException as raised:  # noqa: BLE001 - as the core does
        delivery.retry(raised)
    return delivery


def own_line() -> int:
    """The line below which the worker's own code fails."""
    return own_code.__code__.co_firstlineno


def own_code() -> None:
    json.loads("{")


def test_what_a_failed_record_tells(make_worker: MakeWorker) -> None:
    """GIVEN a handler that fails WHEN its record is retried THEN outcome, tries, class, place and trace are told."""
    worker = make_worker()

    @worker.handles(ThingHappened)
    def handle(event: ThingHappened, _: Context) -> None:
        raise ZeroDivisionError

    envelope = wrap(ThingHappened(number=1))
    rig = Rig(worker)
    [first] = rig.deliver(envelope)
    fields = failure_fields(rig.redeliver(first))

    assert fields == {
        "outcome": Outcome.RETRIED,
        "tries": 2,
        "error_type": "ZeroDivisionError",
        "error_at": f"processing/test_failures.py:{handle.__code__.co_firstlineno + 2}",
        "trace_id": str(envelope.metadata.traceparent).split("-")[1],
    }


def test_the_place_is_in_the_workers_code_not_in_a_library() -> None:
    """GIVEN a library that raises, called by the worker's code WHEN told THEN the place is that of
    the call."""
    assert failure_fields(failed(own_code))["error_at"] == f"processing/test_failures.py:{own_line() + 1}"


def test_of_library_code_alone_the_innermost_line_is_told() -> None:
    """GIVEN a failure in whose traceback nothing is the worker's WHEN told THEN the place is the innermost line."""
    delivery = failed(own_code)
    assert delivery.cause is not None
    delivery.cause.__traceback__ = _without_own(delivery.cause.__traceback__)

    assert failure_fields(delivery)["error_at"].startswith("json/decoder.py:")


def _without_own(traceback: Any) -> Any:
    while traceback.tb_frame.f_code.co_filename == __file__:
        traceback = traceback.tb_next
    return traceback


def test_what_is_not_known_is_left_out() -> None:
    """GIVEN a record that is no event, or a cause that was never raised WHEN told THEN place and trace are left out."""
    unreadable = Delivery.of(record("junk"))
    assert set(failure_fields(unreadable)) == {"outcome", "tries", "error_type", "error_at"}

    postponed = Delivery.of(record_of(ThingHappened(number=1)))
    postponed.postpone()
    assert set(failure_fields(postponed)) == {"outcome", "tries", "error_type", "trace_id"}


@pytest.mark.parametrize("error", [SystemExit(2), KeyboardInterrupt()])
def test_what_ends_programs_is_told_like_any_other(error: BaseException) -> None:
    """GIVEN an exception that is no Exception WHEN told THEN its class is there."""
    assert failure_fields(failed(error))["error_type"] == type(error).__name__
