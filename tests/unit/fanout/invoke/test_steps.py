"""A worker answers the steps of a workflow by their names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fanout import Reject, Worker
from fanout.errors import DeclarationError

CONTEXT: Any = SimpleNamespace(aws_request_id="r-1", get_remaining_time_in_millis=lambda: 30_000)


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    (tmp_path / "worker.yaml").write_text("description: d\nsubscribes: [{event: shop.orders/OrderPlaced}]\n")
    worker = Worker(str(tmp_path / "handler.py"))
    worker.step("reserve")(lambda payload: {"held": payload["quantity"]})
    worker.step("release")(lambda _: None)
    return worker


def test_a_step_is_answered_by_its_function(worker: Worker) -> None:
    assert worker.lambda_handler({"step": "reserve", "quantity": 2}, CONTEXT) == {"held": 2}
    assert worker.lambda_handler({"step": "release"}, CONTEXT) is None


@pytest.mark.parametrize("payload", [{"step": "charge"}, {}, {"step": None}])
def test_an_unknown_step_names_those_there_are(worker: Worker, payload: dict[str, object]) -> None:
    with pytest.raises(Reject, match="no such step; name one of release, reserve"):
        worker.lambda_handler(payload, CONTEXT)


def test_a_step_has_one_function_and_no_other_answers_for_it(worker: Worker) -> None:
    with pytest.raises(DeclarationError, match="two functions for step reserve; keep one"):
        worker.step("reserve")(lambda _: None)
    with pytest.raises(DeclarationError, match="two functions for direct invocations; keep one"):
        worker.on_invoke(lambda payload, _: payload)


def test_a_function_for_all_invocations_leaves_no_room_for_steps(worker: Worker) -> None:
    worker.steps.clear()
    worker.on_invoke(lambda payload, _: payload)

    with pytest.raises(DeclarationError, match="two functions for step reserve; keep one"):
        worker.step("reserve")


def test_the_schedules_keep_warm_ping_is_no_step(worker: Worker) -> None:
    """GIVEN a worker that is invoked directly WHEN the keep-warm ping of modules/schedule comes THEN it is answered."""
    assert "environment" in worker.lambda_handler({"fanout_heartbeat_s": 0}, CONTEXT)


def test_what_a_call_would_not_run_is_refused(worker: Worker) -> None:
    """GIVEN a coroutine function, or a generator WHEN it is declared for direct invocations THEN the error names it."""
    worker.steps.clear()

    async def later(payload: Any, context: Any = None) -> None: ...

    def yields(payload: Any, context: Any = None) -> Iterator[int]:
        yield 1

    for function, told in ((later, "later: is a coroutine function"), (yields, "yields: is a generator")):
        with pytest.raises(DeclarationError, match=told):
            worker.on_invoke(function)
        with pytest.raises(DeclarationError, match=told):
            worker.step("a")(function)
    assert (worker.invoked, worker.steps) == (None, {})
