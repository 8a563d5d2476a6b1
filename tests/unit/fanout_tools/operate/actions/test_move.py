"""SQS moves a whole DLQ by itself: what it is not given, and that a laptop that dies begins one task alone."""

from __future__ import annotations

from typing import Any

import pytest

from fanout_tools.operate.actions.move import Move, MoveError, refusal
from fanout_tools.operate.actions.redrive import plan
from fanout_tools.operate.fence import Known, State
from fanout_tools.operate.journal import HELD_S, Head, Status
from scripts.reliability.model.errors import refusal as refused
from tests.unit.fanout_tools.operate.mortal import Dead, Deployment, Mortal

HEAD = Head(
    operation="op-1",
    kind="move",
    worker="billing",
    why="a test",
    started_at="1970-01-01T00:00:00+00:00",
    plan={"per_s": 20, "rate": "20/s"},
)


class Tasks:
    """SQS's own: one at a time, in AWS's shapes; the third look finds it ended."""

    def __init__(self, deployment: Deployment, ends: str = "COMPLETED") -> None:
        self.deployment, self.ends = deployment, ends
        self.started: list[dict[str, Any]] = []
        self.looks = 0

    def start_message_move_task(self, **request: Any) -> dict[str, Any]:
        if self.started and self.looks < 3:
            raise refused("AWS.SimpleQueueService.UnsupportedOperation", "StartMessageMoveTask")
        self.started.append(request)
        return {"TaskHandle": f"handle-{len(self.started)}"}

    def list_message_move_tasks(self, **request: Any) -> dict[str, Any]:
        if not self.started:
            return {}
        self.looks += 1
        if self.looks < 3:
            return {"Results": [{"TaskHandle": "handle-1", "Status": "RUNNING", **self._counts(request)}]}
        for message in self.deployment.dlq.receive(100):
            self.deployment.queue.send(message.body)
            self.deployment.dlq.delete(message.receipt)
        return {"Results": [{"Status": self.ends, "FailureReason": "AccessDenied", **self._counts(request)}]}

    def _counts(self, request: Any) -> dict[str, Any]:
        assert request["SourceArn"].endswith(":shop-prod-billing-dlq")
        moved = 2 if self.looks >= 3 else 0
        return {
            "ApproximateNumberOfMessagesMoved": moved,
            "ApproximateNumberOfMessagesToMove": 2,
            "StartedTimestamp": 9,
        }


def move(deployment: Deployment, tasks: Tasks, mortal: Mortal, holder: str = "me") -> Move:
    arn, clock = deployment.topology.place.arn, deployment.clock
    source, destination = arn("sqs", deployment.worker.dead_letter_queue), arn("sqs", deployment.worker.queue)
    journal = deployment.journal(mortal, holder)
    return Move(mortal.wrap(tasks), journal, source, destination, lambda *_: None, clock.time, clock.sleep)


def full() -> Deployment:
    deployment = Deployment()
    deployment.dead_letter(0)
    deployment.dead_letter(1)
    return deployment


def test_all_of_a_queue_goes_to_its_worker() -> None:
    deployment = full()
    tasks = Tasks(deployment)

    result = move(deployment, tasks, Mortal()).start(HEAD)
    deployment.work()

    assert (result.carried, result.whole) == (2, True)
    [request] = tasks.started
    assert request["DestinationArn"].endswith(":shop-prod-billing")
    assert request["MaxNumberOfMessagesPerSecond"] == 20
    assert sorted(deployment.effects) == ["event-0", "event-1"]


def test_a_task_that_fails_says_why() -> None:
    deployment = full()

    result = move(deployment, Tasks(deployment, "FAILED"), Mortal()).start(HEAD)

    assert (result.whole, result.stopped) == (False, "failed AccessDenied")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_laptop_that_dies_at_any_call_begins_one_task(after: bool) -> None:
    alive = Mortal()
    deployment = full()
    move(deployment, Tasks(deployment), alive).start(HEAD)
    for boundary in range(1, len(alive.calls)):
        deployment = full()
        tasks = Tasks(deployment)
        with pytest.raises(Dead):
            move(deployment, tasks, Mortal(boundary, after)).start(HEAD)
        deployment.clock.advance(HELD_S + 1)
        if deployment.journal(Mortal(), "x").read("op-1").head.status is not Status.FINISHED:
            assert move(deployment, tasks, Mortal(), "second").resume(HEAD).whole
        assert len(tasks.started) == 1, alive.calls[boundary]
        assert deployment.where() == ["event-0", "event-1"]


def test_a_task_that_sqs_has_forgotten_is_told() -> None:
    deployment = full()
    tasks = Tasks(deployment)
    tasks.list_message_move_tasks = lambda **_: {}  # type: ignore[method-assign]

    with pytest.raises(MoveError, match="SQS has no task any more"):
        move(deployment, tasks, Mortal()).start(HEAD)


def test_what_a_redrive_would_leave_out_or_free_is_not_moved() -> None:
    deployment = full()
    deployment.dlq.send("hello")
    letters = deployment.dead_letters(Mortal()).browse(10).letters

    def why(states: list[State], worker: Any = deployment.worker) -> str:
        known = [Known(state) for state in states]
        return refusal(worker, plan(worker, letters[: len(known)], known, now=0.0), known)

    assert why([State.ABSENT, State.COMPLETED]) == ""
    assert "1 foreign" in why([State.ABSENT, State.ABSENT, State.UNKNOWN])
    assert "1 were left locked" in why([State.DIED, State.ABSENT])
    assert "FIFO" in why([State.ABSENT], Deployment(fifo=True).worker)
