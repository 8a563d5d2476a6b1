"""One deployment as whoever operates it reaches it: what every face of the engine composes its parts from."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from fanout import aws
from fanout.errors import FanoutError
from fanout_tools.operate.actions.carrying import Carrier, Carrying, Result
from fanout_tools.operate.actions.drop import Drop, Forget
from fanout_tools.operate.actions.move import KIND as MOVE
from fanout_tools.operate.actions.move import Move
from fanout_tools.operate.actions.pacing import Load, Pace, load_of
from fanout_tools.operate.actions.pause import Mapping as SourceMapping
from fanout_tools.operate.actions.pause import Pause
from fanout_tools.operate.actions.redrive import Canary, Redrive
from fanout_tools.operate.actions.replay import KIND as REPLAY
from fanout_tools.operate.actions.replay import Replay
from fanout_tools.operate.actions.replay_all import ALL, Reach, ReplayAll
from fanout_tools.operate.actions.replay_all import KIND as REPLAY_ALL
from fanout_tools.operate.actions.replay_span import FencedBy, Span
from fanout_tools.operate.announcing import Announcer
from fanout_tools.operate.fast import Fast
from fanout_tools.operate.fence import Fence
from fanout_tools.operate.journal import Head, Journal, Status
from fanout_tools.operate.limits import TokenBucket, parse_rate
from fanout_tools.operate.operations import Operator, journal_of
from fanout_tools.operate.sources.dead_letters import DeadLetterQueue
from fanout_tools.operate.sources.handled import handled
from fanout_tools.operate.sources.metrics import Window
from fanout_tools.operate.sweeping import sweep
from fanout_tools.operate.topology import Topology, WorkerPlace

__all__ = ["NOT_FOUND", "REFUSED", "NotFoundError", "Operating", "RefusedError", "require_resumable"]

NOT_FOUND, REFUSED = 3, 5
PERSONAL = "personal"
"""The kind of an operation that changed nothing: somebody saw personal values."""
RESUMABLE = frozenset({"redrive", "drop", "edit", REPLAY, REPLAY_ALL, MOVE})

Told = Callable[[int, int], None]
Said = Callable[[str], None]
Client = Callable[..., Any]


def _client(service: Any) -> Any:
    return aws.client(service)


class RefusedError(FanoutError):
    """A guard refuses; the text says what would let it through."""

    exit_code = REFUSED


class NotFoundError(FanoutError):
    """What was asked for is not there."""

    exit_code = NOT_FOUND


def _unheard(text: str) -> None:
    del text


def _nobody(done: int, total: int) -> None:
    del done, total


@dataclass(frozen=True)
class Operating:
    """One deployment.

    :ivar client: makes the client of a service.
    :ivar told: is told of an operation's progress: how many of how many.
    :ivar said: is told what does not end an operation, and should be known.
    """

    topology: Topology
    client: Client = field(default=_client, repr=False)
    told: Told = _nobody
    said: Said = _unheard

    @cached_property
    def journal(self) -> Journal:
        announcer = Announcer(lambda: self.client("events"), self.topology.names.bus, self.said)
        return journal_of(self.topology, self.client("dynamodb"), announce=announcer)

    @cached_property
    def operator(self) -> Operator:
        return Operator.present(self.client("sts"))

    def by(self, command: str) -> Operating:
        """The same deployment, for an operation that the journal is to know by this command line."""
        made = replace(self)
        vars(made).update(journal=self.journal, operator=replace(self.operator, command=command))
        return made

    def show_personal(self, worker: str, why: str, now: float, ids: Sequence[str] = ()) -> None:
        """Write down that the caller is about to see personal values: before they do, so that who may not write into
        the journal does not see them.

        :param ids: of the messages, where it is known which.
        :raises RefusedError: there is no reason, or the caller may not write.
        """
        from botocore.exceptions import ClientError

        if not why.strip():
            raise RefusedError("say why personal values are to be seen: --why, for whoever reads the journal")
        head = self.operator.head(PERSONAL, worker, why, now, total=len(ids))
        try:
            self.journal.open(head, list(ids))
            self.journal.close(head.operation, Status.FINISHED)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            raise RefusedError(f"personal values are for those who may operate: the journal says {code}") from error

    def sweep(self) -> None:
        """Take away what earlier operations left that did not end; whoever may not does without."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            for name in sweep(self.topology, self.client, time.time()):
                self.said(f"{name} was left of a command that did not end: it is gone")
        except (BotoCoreError, ClientError) as error:
            self.said(f"what earlier commands may have left stays: {error}")

    def dead_letters(self, worker: WorkerPlace, *, undelivered: bool = False) -> DeadLetterQueue:
        """A worker's DLQ; of a FIFO worker, if asked for, the one of what could not be delivered to its queue."""
        url = worker.dead_letter_queue_url
        if undelivered and worker.undelivered_queue:
            url = self.topology.place.queue_url(worker.undelivered_queue)
        return DeadLetterQueue(self.client("sqs"), url, worker.manifest.queue.max_receives, told=self.told)

    def fence(self, worker: WorkerPlace) -> Fence:
        return Fence(self.client("dynamodb"), worker)

    def mapping(self, worker: WorkerPlace) -> SourceMapping:
        return SourceMapping(self.client("lambda"), self.topology.place.arn("sqs", worker.queue))

    def pausing(self, worker: WorkerPlace) -> Pause:
        return Pause(self.topology, worker, self.mapping(worker), self.journal, self.client("scheduler"))

    def oldest_s(self, worker: WorkerPlace, now: float) -> float:
        """The age of the oldest message in a worker's queue: a metric has it alone, a minute late; 0 where it says
        nothing."""
        dimensions = [{"Name": "QueueName", "Value": worker.queue}]
        metric = {"Namespace": "AWS/SQS", "MetricName": "ApproximateAgeOfOldestMessage", "Dimensions": dimensions}
        found = self.client("cloudwatch").get_metric_data(
            MetricDataQueries=[{"Id": "age", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Maximum"}}],
            StartTime=datetime.fromtimestamp(now - 900, UTC),
            EndTime=datetime.fromtimestamp(now, UTC),
            ScanBy="TimestampDescending",
        )
        values = [value for result in found["MetricDataResults"] for value in result["Values"]]
        return float(values[0]) if values else 0.0

    def carrying(
        self, queue: DeadLetterQueue, carrier: Carrier, rate: str, *, to: WorkerPlace | None = None
    ) -> Carrying:
        """
        :param to: the worker that gets the messages: what it has to do without them slows them down.
        """
        per_s = parse_rate(rate)
        work = Carrying(self.journal, queue, carrier, TokenBucket(per_s), told=self.told)
        if to is not None:
            work.brake = Pace(to, per_s, lambda: self._load(to))
        return work

    def moving(self, worker: WorkerPlace) -> Move:
        """SQS's own way from a worker's DLQ to its queue."""
        arn = self.topology.place.arn
        source, destination = arn("sqs", worker.dead_letter_queue), arn("sqs", worker.queue)
        return Move(self.client("sqs"), self.journal, source, destination, self.told)

    def _load(self, worker: WorkerPlace) -> Load | None:
        """None on an emulator, and for whoever may not see metrics."""
        from botocore.exceptions import BotoCoreError, ClientError

        if self.topology.place.endpoint:
            return None
        try:
            return load_of(self.client("cloudwatch"), worker, time.time())
        except (BotoCoreError, ClientError):
            return None

    def redrive(self, worker: WorkerPlace, *, bodies: Mapping[str, str] | None = None, again: bool = False) -> Redrive:
        return Redrive(self.client("sqs"), worker, self.fence(worker), bodies=bodies or {}, again=again)

    @property
    def copies_bucket(self) -> str:
        """Where what is dropped is kept."""
        return self.topology.names.claims_bucket(self.topology.account)

    def dropping(self, *, copies: bool = True) -> Carrier:
        """
        :param copies: keep a copy of what is dropped.
        """
        return Drop(self.client("s3"), self.copies_bucket) if copies else Forget()

    def replay(self, worker: WorkerPlace, rate: str) -> Replay:
        carrier = self.redrive(worker)

        def logged(begin: float) -> frozenset[str]:
            return asyncio.run(self._handled(worker, Window(begin, time.time())))

        return Replay(
            self.topology,
            worker,
            self.client("events"),
            self.client("sqs"),
            self.client("scheduler"),
            self.journal,
            carrier.fence,
            lambda queue: self.carrying(queue, carrier, rate, to=worker),
            logged,
        )

    async def _handled(self, worker: WorkerPlace, window: Window) -> frozenset[str]:
        async with Fast.reached(self.topology.place) as fast:
            return await handled(fast, self.topology, worker, window)

    def replay_head(
        self,
        worker: WorkerPlace,
        span: Span,
        why: str,
        now: float,
        *,
        rate: str,
        pattern: Mapping[str, Any] | None,
        fence: FencedBy = FencedBy.RECORDS,
        again: bool = False,
    ) -> Head:
        """Of a new replay; its plan names the staging queue.

        :param again: those too that the worker has handled: it forgets them first.
        """
        chosen = {"begin": span.begin, "end": span.end, "pattern": pattern and dict(pattern), "again": again}
        head = self.operator.head(REPLAY, worker.name, why, now, rate=rate, fence=str(fence), **chosen)
        queue = self.topology.place.queue_url(self.topology.names.temporary(REPLAY, head.operation))
        return replace(head, plan={**head.plan, "queue": queue})

    def replay_all(self) -> ReplayAll:
        return ReplayAll(self.topology, self.client("events"), self.journal)

    def replay_all_head(self, reach: Reach, span: Span, why: str, now: float) -> Head:
        """Of a new replay to all workers."""
        return self.operator.head(REPLAY_ALL, ALL, why, now, begin=span.begin, end=span.end, **reach.to_json())

    def paused_and_idle_since(self, worker: WorkerPlace, failed_ms: int) -> list[str]:
        """What speaks against a redrive at this moment."""
        told = []
        if self.mapping(worker).paused:
            told.append(f"worker {worker.name} is paused: what is sent waits until `fanout resume {worker.name}`")
        function = self.client("lambda").get_function_configuration(FunctionName=worker.function)
        modified = _seconds(str(function.get("LastModified", "")))
        if failed_ms and modified and modified * 1000 < failed_ms:
            told.append("nothing has been deployed since the last of these failures: they may well fail again")
        return told

    def resumed(self, head: Head, *, again: bool = False) -> Result:
        """Carry on an operation that was cut off, or that stopped by itself.

        :param again: send again what may have been sent, though no fence keeps a second effect.
        :raises RefusedError: it is of a kind that is not resumed.
        """
        require_resumable(head)
        if head.kind == REPLAY_ALL:
            return self.replay_all().resume(head)
        worker = self.topology.worker(head.worker)
        if head.kind == REPLAY:
            return self.replay(worker, head.plan["rate"]).resume(head)
        if head.kind == MOVE:
            return self.moving(worker).resume(head)
        queue = DeadLetterQueue(self.client("sqs"), head.plan["queue"], worker.manifest.queue.max_receives)
        to = None if head.kind == "drop" else worker
        work = self.carrying(queue, self._carrier(head, worker, again=again), head.plan["rate"], to=to)
        work.trial = Canary(self.fence(worker)) if head.plan.get("canary") else None
        return work.resume(head.operation)

    def _carrier(self, head: Head, worker: WorkerPlace, *, again: bool) -> Carrier:
        if head.kind == "drop":
            return self.dropping(copies=bool(head.plan.get("copies", True)))
        bodies: Mapping[str, str] = {}
        if head.kind == "edit":
            bodies = dict.fromkeys(self.journal.read(head.operation).planned, head.plan["after"])
        return self.redrive(worker, bodies=bodies, again=again)


def require_resumable(head: Head) -> None:
    """
    :raises RefusedError: the operation is of a kind that is not resumed.
    """
    if head.kind not in RESUMABLE:
        raise RefusedError(
            f"{head.operation}: a {head.kind} is not resumed; for a pause there is `fanout resume WORKER`"
        )


def _seconds(moment: str) -> float:
    try:
        return datetime.fromisoformat(moment.replace("+0000", "+00:00")).timestamp()
    except ValueError:
        return 0.0
