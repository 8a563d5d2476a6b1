"""Give events of the archive to one worker once more, behind its fence.

EventBridge replays to rules, and a worker that gets its events by a topic has no rule of its own. So the replay goes to
a rule and a queue made for it alone, named by the operation. What is staged there is an exact count. Of it the worker
gets what its filter selects and its idempotency store does not have as handled; of a time that the store has forgotten,
what the worker's log does not tell as handled. The staging queue is worked off as a dead-letter queue is, so that a
replay that was cut off is carried on where it was.

Its order is not kept. Which time may be replayed: :mod:`fanout_tools.operate.actions.replay_span`.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from fanout.errors import FanoutError
from fanout_tools.declarations.routing import recipients
from fanout_tools.operate.actions.carrying import MOST, Carrying, Result
from fanout_tools.operate.actions.replay_span import FencedBy
from fanout_tools.operate.dead_letters import DeadLetter
from fanout_tools.operate.fence import Fence, Known, State
from fanout_tools.operate.journal import Head, Journal, Status, UnknownOperationError
from fanout_tools.operate.lease import LEASE_S, Ending, Lease
from fanout_tools.operate.sources.dead_letters import DeadLetterQueue
from fanout_tools.operate.topology import Topology, WorkerPlace
from fanout_tools.patterns import EVENTBRIDGE, Pattern

__all__ = ["ENDED", "KIND", "POLL_S", "Replay", "ReplayError", "Staged", "start"]

KIND = "replay"
POLL_S = 2.0
SETTLED = 3
"""So many equal counts in a row of a staging queue whose replay has ended are all of it."""
RETENTION_S = 4 * 86_400
"""Of the staging queue: longer than anybody waits with resuming."""
TARGET = "staging"
_GONE = ("ResourceNotFoundException", "AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")
ENDED = ("COMPLETED", "CANCELLED", "FAILED")


class ReplayError(FanoutError):
    """The replay is refused, or has failed; the text says why."""

    exit_code = 5


@dataclass(frozen=True, slots=True)
class Staged:
    """What the staging queue has, and what the worker would get of it."""

    chosen: tuple[DeadLetter, ...]
    left_out: Mapping[str, int]
    handled: tuple[Known, ...] = ()
    """What the fence has of those that were handled and are chosen all the same: it has to forget them first."""

    @property
    def count(self) -> int:
        return len(self.chosen) + sum(self.left_out.values())

    def to_json(self) -> dict[str, Any]:
        counts = {"staged": self.count, "chosen": len(self.chosen), "handled": len(self.handled)}
        return {**counts, "left_out": dict(self.left_out)}


def start(events: Any, topology: Topology, name: str, head: Head, rules: Sequence[str]) -> None:
    """Have EventBridge replay the time of the head's plan to these rules of the bus, and to no other. One that has
    begun already is left as it is."""
    from botocore.exceptions import ClientError

    place, bus = topology.place, topology.names.bus
    try:
        events.start_replay(
            ReplayName=name,
            EventSourceArn=place.arn("events", f"archive/{topology.names.archive}"),
            EventStartTime=datetime.fromtimestamp(head.plan["begin"], UTC),
            EventEndTime=datetime.fromtimestamp(head.plan["end"], UTC),
            Destination={
                "Arn": place.arn("events", f"event-bus/{bus}"),
                "FilterArns": [place.arn("events", topology.names.rule_path(rule)) for rule in rules],
            },
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceAlreadyExistsException":
            raise


@dataclass(frozen=True)
class Replay:
    """
    :ivar carrying: from the staging queue to the worker's, by the steps of a redrive.
    :ivar logged: the ids of the events that the worker's log tells as handled, from a time on until now.
    :ivar clock: seconds since 1970; with ``sleep``, tests give their own.
    """

    topology: Topology
    worker: WorkerPlace
    events: Any = field(repr=False)
    sqs: Any = field(repr=False)
    scheduler: Any = field(repr=False)
    journal: Journal
    fence: Fence
    carrying: Callable[[DeadLetterQueue], Carrying]
    logged: Callable[[float], Set[str]] = field(repr=False)
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    wait_s: int = 1
    """Of a receive from the staging queue."""

    def stage(self, head: Head) -> Staged:
        """Begin: make rule and queue, replay into them, and look at what has come. The end is arranged first.

        :raises ReplayError: EventBridge has failed to replay.
        :raises LogGapError: the log does not tell of the whole time; nothing has begun.
        """
        logged = self._logged(head)
        self.journal.open(head)
        return self._stage(head, logged)

    def staged(self, head: Head) -> Staged:
        """The same once more: what has been made is not made again.

        :raises ReplayError: EventBridge has failed to replay.
        :raises LogGapError: the log does not tell of the whole time.
        """
        return self._stage(head, self._logged(head))

    def _logged(self, head: Head) -> Set[str]:
        return self.logged(head.plan["begin"]) if head.plan.get("fence") == FencedBy.LOGS else frozenset()

    def _stage(self, head: Head, logged: Set[str]) -> Staged:
        name, lease = self._name(head), self._lease(head)
        lease.begin()
        arn = self._make_queue(name)
        self._make_rule(name, arn)
        start(self.events, self.topology, name, head, [name])
        self._await(head, name, lease)
        return self._look(head, logged)

    def send(self, head: Head, staged: Staged) -> Result:
        """What was chosen goes to the worker; the staging queue and its rule are taken away when all of it has.

        What is to have a second effect is forgotten before anything is sent: who resumes looks again until then, and
        afterwards what the fence has is what came of the sending.

        :raises ReplayError: nobody has sent it in time, and the staging queue is gone.
        """
        for known in staged.handled:
            self.journal.keep(head.operation)
            self.fence.forget(known)
        return self._finish(head, self._work(head).start(_sending(head, len(staged.chosen)), staged.chosen))

    def resume(self, head: Head) -> Result:
        """Carry on what was cut off.

        :raises ReplayError: it was left for too long, and the staging queue is gone.
        """
        self.journal.take(head.operation)
        sending = _sending(head, 0).operation
        try:
            operation = self.journal.read(sending)
        except UnknownOperationError:
            return self.send(head, self.staged(head))
        if set(operation.planned) <= operation.settled:  # the staging queue may be gone, in order
            return self._finish(head, self.carrying(self._queue(head)).resume(sending))
        return self._finish(head, self._work(head).resume(sending))

    def _work(self, head: Head) -> Carrying:
        """Out of the staging queue, whose end moves on for as long as it takes."""
        self._refuse_swept(head)
        lease = self._lease(head)
        lease.begin()
        lease.extend()  # begun it may have been long ago, before a person was asked
        work = self.carrying(self._queue(head))
        work.alive = _Extending(lease, self.clock)
        return work

    def _refuse_swept(self, head: Head) -> None:
        from botocore.exceptions import ClientError

        try:
            self._queue(head).depth()
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise
            raise ReplayError(
                f"{head.operation}: its staging queue was taken away, {LEASE_S // 60} min after it had been left: run "
                "`fanout replay` again; what the worker has handled is left out"
            ) from error

    def end(self, head: Head, **told: Any) -> None:
        """Take rule and queue away."""
        name = self._name(head)
        bus = self.topology.names.bus
        self._unless_gone(self.events.remove_targets, Rule=name, EventBusName=bus, Ids=[TARGET])
        self._unless_gone(self.events.delete_rule, Name=name, EventBusName=bus)
        self._unless_gone(self.sqs.delete_queue, QueueUrl=self.topology.place.queue_url(name))
        self._lease(head).end()
        self.journal.close(head.operation, Status.FINISHED, **told)

    def _finish(self, head: Head, result: Result) -> Result:
        if result.whole:
            self.end(head, **result.to_json())
        else:
            self.journal.close(head.operation, Status.STOPPED, **result.to_json())
        return result

    def _make_queue(self, name: str) -> str:
        place = self.topology.place
        arn, rule = place.arn("sqs", name), place.arn("events", self.topology.names.rule_path(name))
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
        }
        attributes = {
            "MessageRetentionPeriod": str(RETENTION_S),
            "Policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
            **self._key(),
        }
        self.sqs.create_queue(QueueName=name, Attributes=attributes)
        return arn

    def _key(self) -> dict[str, str]:
        """That of the worker's own queue: what is staged are its events."""
        found = self.sqs.get_queue_attributes(QueueUrl=self.worker.queue_url, AttributeNames=["All"])["Attributes"]
        return {"KmsMasterKeyId": found["KmsMasterKeyId"]} if found.get("KmsMasterKeyId") else {}

    def _make_rule(self, name: str, queue_arn: str) -> None:
        bus = self.topology.names.bus
        self.events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(self._pattern(name)))
        target = {"Id": TARGET, "Arn": queue_arn}
        failed = self.events.put_targets(Rule=name, EventBusName=bus, Targets=[target])
        if failed.get("FailedEntryCount"):
            raise ReplayError(f"rule {name}: has no target: {failed['FailedEntries']}")

    def _pattern(self, name: str) -> dict[str, Any]:
        """Of this replay alone, and of what the worker subscribes to; its conditions are looked at afterwards."""
        events = [it.event for it in self.worker.manifest.subscribes]
        pattern: dict[str, Any] = {"replay-name": [name]}
        if "*" not in events:
            pattern["source"] = sorted({event.partition("/")[0] for event in events})
            pattern["detail-type"] = sorted({event.partition("/")[2] for event in events})
        return pattern

    def _await(self, head: Head, name: str, lease: Lease) -> None:
        alive, counts = _Extending(lease, self.clock), list[int]()
        queue = self._queue(head)
        while len(counts) < SETTLED or len(set(counts[-SETTLED:])) > 1:
            state = self.events.describe_replay(ReplayName=name)
            if state["State"] == "FAILED":
                raise ReplayError(f"replay {name}: {state.get('StateReason', 'failed')}")
            counts = [*counts, queue.depth()] if state["State"] in ENDED else []
            self.journal.keep(head.operation)
            alive()
            self.sleep(POLL_S)

    def _look(self, head: Head, logged: Set[str]) -> Staged:
        """What has come, by what becomes of it."""
        letters = self._queue(head).browse(MOST).letters
        pattern = Pattern.parse(head.plan["pattern"], dialect=EVENTBRIDGE) if head.plan.get("pattern") else None
        wanted = [letter for letter in letters if letter.envelope is not None and self._wants(letter, pattern)]
        known = self.fence.look(it.envelope for it in wanted if it.envelope is not None)
        records = {it.key: it for it in known if it.state is State.COMPLETED}
        again = head.plan.get("again", False)
        fresh = [letter for letter, it in zip(wanted, known, strict=True) if again or it.state is not State.COMPLETED]
        unlogged = [letter for letter in fresh if letter.event_id not in logged]
        chosen = _once(unlogged)
        left = Counter(
            {
                "not selected by the worker's subscriptions, or the pattern": len(letters) - len(wanted),
                "handled already": len(wanted) - len(fresh),
                "handled already, as the log tells": len(fresh) - len(unlogged),
                "in the archive twice": len(unlogged) - len(chosen),
            }
        )
        handled = tuple(records.values()) if again else ()
        return Staged(tuple(chosen), {reason: count for reason, count in left.items() if count}, handled)

    def _wants(self, letter: DeadLetter, pattern: Pattern | None) -> bool:
        event = orjson.loads(letter.body)
        if not recipients(event, {self.worker.name: self.worker.manifest}):
            return False
        return pattern is None or pattern.matches(event)

    def _queue(self, head: Head) -> DeadLetterQueue:
        url = self.topology.place.queue_url(self._name(head))
        return DeadLetterQueue(self.sqs, url, self.worker.manifest.queue.max_receives, self.wait_s)

    def _lease(self, head: Head) -> Lease:
        name, bus = self._name(head), self.topology.names.bus
        endings = [
            Ending("eventbridge", "removeTargets", {"Rule": name, "EventBusName": bus, "Ids": [TARGET]}),
            Ending("eventbridge", "deleteRule", {"Name": name, "EventBusName": bus}),
            Ending("sqs", "deleteQueue", {"QueueUrl": self.topology.place.queue_url(name)}),
        ]
        return Lease(self.scheduler, self.topology, head.operation, endings, self.clock)

    def _name(self, head: Head) -> str:
        return self.topology.names.temporary(KIND, head.operation)

    @staticmethod
    def _unless_gone(call: Callable[..., Any], **arguments: Any) -> None:
        from botocore.exceptions import ClientError

        try:
            call(**arguments)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise


@dataclass(eq=False)
class _Extending:
    """Moves a lease's end on, every now and then."""

    lease: Lease
    clock: Callable[[], float]
    _last: float = field(init=False)

    def __post_init__(self) -> None:
        self._last = self.clock()

    def __call__(self) -> None:
        if self.clock() > self._last + LEASE_S / 3:
            self.lease.extend()
            self._last = self.clock()


def _once(letters: Sequence[DeadLetter]) -> list[DeadLetter]:
    """Each event once."""
    return list({(it.event, it.event_id): it for it in letters}.values())


def _sending(head: Head, total: int) -> Head:
    """The second half of a replay has a journal of its own: what it carries is known only when all is staged."""
    return Head(
        operation=f"{head.operation}-send",
        kind="redrive",
        worker=head.worker,
        why=head.why,
        who=head.who,
        host=head.host,
        version=head.version,
        command=head.command,
        started_at=head.started_at,
        total=total,
        plan={"of": head.operation, **{name: head.plan[name] for name in ("queue", "rate") if name in head.plan}},
    )
