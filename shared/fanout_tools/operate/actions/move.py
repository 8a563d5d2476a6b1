"""Have SQS itself move a whole dead-letter queue back, at up to 500 messages a second, with nobody waiting.

StartMessageMoveTask
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html) chooses nothing
and frees nothing, so that it is for a standard queue alone in which every message is an event for the worker, and none
was left locked by a process that died. The destination is always given: what the worker has sent to its DLQ by itself
has no source that SQS would know of. A second delivery has no effect, by the worker's own store.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from fanout.errors import FanoutError
from fanout_tools.operate.actions.carrying import Result
from fanout_tools.operate.actions.redrive import HANDLED, Plan
from fanout_tools.operate.fence import Known, State
from fanout_tools.operate.journal import Head, Journal, Status
from fanout_tools.operate.topology import WorkerPlace

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

__all__ = ["KIND", "MOST_PER_S", "Move", "MoveError", "refusal"]

KIND = "move"
MOST_PER_S = 500
POLL_S = 2.0
LISTED_S = 30.0
"""For so long a task may not be listed yet."""
TASK = "task"


class MoveError(FanoutError):
    """SQS is not to move this queue, or has no task of ours; the text says why."""

    exit_code = 5


def refusal(worker: WorkerPlace, decided: Plan, known: Sequence[Known]) -> str:
    """Why SQS is not to move this queue, or nothing."""
    if worker.fifo:
        return f"worker {worker.name} has a FIFO queue: SQS would move its messages in the groups of the DLQ"
    others = {reason: count for reason, count in decided.left_out.items() if reason != HANDLED}
    if others:
        told = ", ".join(f"{count} {reason}" for reason, count in others.items())
        return f"SQS would move all of the queue, also what a redrive leaves out: {told}"
    died = sum(it.state is State.DIED for it in known)
    if died:
        return f"{died} were left locked by a process that died: the worker would reject them again without a try"
    return ""


@dataclass(frozen=True)
class Move:
    """
    :ivar told: is told of the progress: how many of how many.
    :ivar clock: seconds since 1970; with ``sleep``, tests give their own.
    """

    sqs: SQSClient = field(repr=False)
    journal: Journal
    source_arn: str
    destination_arn: str
    told: Callable[[int, int], None]
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep

    def start(self, head: Head) -> Result:
        """Begin, and wait for the end; SQS goes on without us.

        :raises MoveError: SQS has no task any more.
        """
        self.journal.open(head)
        self._begin(head)
        return self._watch(head)

    def resume(self, head: Head) -> Result:
        """Wait for the end of what has been begun; begin, if it has not.

        :raises MoveError: SQS has no task any more.
        """
        self.journal.take(head.operation)
        begun = self.journal.read(head.operation).steps
        if not begun or (begun[0].done is None and self._task(head) is None):
            self._begin(head)
        return self._watch(head)

    def _begin(self, head: Head) -> None:
        self.journal.intent(head.operation, 1, [TASK])
        task = self.sqs.start_message_move_task(
            SourceArn=self.source_arn,
            DestinationArn=self.destination_arn,
            MaxNumberOfMessagesPerSecond=int(head.plan["per_s"]),
        )
        self.journal.done(head.operation, 1, task=task["TaskHandle"])

    def _watch(self, head: Head) -> Result:
        until = self.clock() + LISTED_S
        while True:
            task = self._task(head)
            if task is None:
                if self.clock() > until:
                    raise MoveError(f"{head.operation}: SQS has no task any more that began with it; look at the queue")
                self.sleep(POLL_S)
                continue
            moved = int(task.get("ApproximateNumberOfMessagesMoved", 0))
            if task["Status"] not in ("RUNNING", "CANCELLING"):
                return self._ended(head, task, moved)
            self.told(moved, max(moved + 1, int(task.get("ApproximateNumberOfMessagesToMove", 0))))
            self.journal.keep(head.operation)
            self.sleep(POLL_S)

    def _ended(self, head: Head, task: Mapping[str, Any], moved: int) -> Result:
        stopped = "" if task["Status"] == "COMPLETED" else f"{task['Status'].lower()} {task.get('FailureReason', '')}"
        result = Result(carried=moved, stopped=stopped.strip())
        self.journal.close(head.operation, Status.FINISHED, **result.to_json())
        return result

    def _task(self, head: Head) -> Mapping[str, Any] | None:
        """The newest of the queue: SQS runs one at a time. An older one than the operation is somebody else's."""
        found = self.sqs.list_message_move_tasks(SourceArn=self.source_arn, MaxResults=1).get("Results", [])
        began_ms = int(datetime.fromisoformat(head.started_at).timestamp() * 1000)
        mine = [task for task in found if int(task.get("StartedTimestamp", 0)) >= began_ms]
        return dict(mine[0]) if mine else None
