"""One worker in this process: the core that its Lambda function runs, over queues and stores in memory."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import orjson

from fanout import aws, telemetry
from fanout.gather.engine import Aggregator
from fanout.gather.parts import Gathering
from fanout.gather.timers import SqsTimers
from fanout.payloads import ClaimCheck
from fanout.processing.batch import Processor
from fanout.processing.delivery import FAILED, Delivery, Invocation, Record
from fanout.processing.execution import Execution
from fanout.processing.locks import Locks
from fanout.processing.settlement import Settlement
from fanout.processing.timing import Pace, reserve_s
from fanout.publish import Publisher, Routes
from fanout.worker import Worker
from fanout_tools.declarations import routing
from fanout_tools.dev.bus import LocalBus
from fanout_tools.dev.environment import in_force, of_worker
from fanout_tools.dev.queues import Message, Queue
from fanout_tools.dev.sqs import LocalSqs
from fanout_tools.dev.stores import LocalGathers, LocalRecords
from fanout_tools.operate.topology import WorkerPlace

__all__ = ["Batch", "LocalWorker"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Batch:
    """What a worker did."""

    worker: str
    began_at: float
    ended_at: float
    deliveries: Sequence[Delivery]


@dataclass(eq=False)
class LocalWorker:
    """A worker whose records and queues outlive its code.

    :ivar broken: why its code cannot be run; its events wait meanwhile.
    :ivar paused: nothing is taken from its queue.
    """

    place: WorkerPlace
    bus: LocalBus = field(repr=False)
    sqs: LocalSqs = field(repr=False)
    clock: Callable[[], float] = field(repr=False)
    queue: Queue = field(init=False)
    dead: Queue = field(init=False)
    records: LocalRecords = field(init=False, repr=False)
    gathers: LocalGathers = field(default_factory=LocalGathers, init=False, repr=False)
    loaded_at: float = field(default=0.0, init=False)
    """When it was given the code that it runs."""
    worker: Worker | None = field(default=None, init=False, repr=False)
    broken: str = field(default="", init=False)
    paused: bool = field(default=False, init=False)
    _processor: Processor | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        manifest = self.place.manifest
        self.dead = self._queue(Queue(name=self.place.dead_letter_queue, fifo=self.place.fifo))
        self.queue = self._queue(Queue(name=self.place.queue, fifo=self.place.fifo))
        self.records = LocalRecords(
            ttl_s=manifest.ttl_s, one_write=manifest.idempotency.mode.value == "claim", clock=self.clock
        )
        self._declare()

    def _queue(self, made: Queue) -> Queue:
        return self.sqs.queues.setdefault(made.name, made)

    def _declare(self) -> None:
        manifest = self.place.manifest
        self.queue.visibility_s = manifest.visibility_s
        self.queue.retention_s = manifest.queue.retention_days * 86_400.0
        self.queue.max_receives, self.queue.dead = manifest.backstop, self.dead

    @property
    def environment(self) -> dict[str, str]:
        return of_worker(self.bus.topology, self.place)

    def declare(self, place: WorkerPlace) -> None:
        """Its declaration as it is from here on."""
        self.place = place
        self._declare()

    def run(self, worker: Worker) -> None:
        """The code that handles its events from here on."""
        self.worker, self.broken, self._processor = worker, "", self._core(worker)
        self.loaded_at = self.clock()

    def hold(self, why: str) -> None:
        """Leave its events in the queue."""
        self.worker, self.broken, self._processor = None, why, None

    def step(self) -> Batch | None:
        """Take one batch; None: there is none to be had now."""
        processor = self._processor
        if processor is None or self.paused:
            return None
        messages = self.queue.receive(self.place.manifest.batch.size, self.clock())
        if not messages:
            return None
        began, deadline = self.clock(), time.monotonic() + self.place.manifest.function.timeout_s
        invocation = Invocation(str(uuid4()), lambda: deadline - time.monotonic())
        with in_force(self.environment), telemetry.log_fields(service=self.place.name):
            try:
                deliveries = processor.process([_record(each) for each in messages], invocation)
            except Exception:  # the function fails: SQS hands the batch out again
                log.exception("the batch failed")
                return Batch(self.place.name, began, self.clock(), ())
        failed = {each.record.message_id for each in deliveries if each.outcome in FAILED}
        for message in messages:
            if message.message_id not in failed:
                self.queue.delete(message.receipt)
        return Batch(self.place.name, began, self.clock(), deliveries)

    def invoke(self, payload: Any) -> dict[str, Any]:
        """Call its function directly, as Lambda does; what Lambda would return, without its status."""
        if self.worker is None:
            return _failed(RuntimeError(self.broken))
        # As long as it takes: a debugger may be in it.
        context = SimpleNamespace(aws_request_id=str(uuid4()), get_remaining_time_in_millis=lambda: 900_000)
        try:
            with in_force(self.environment):
                return {"Payload": orjson.dumps(self.worker.lambda_handler(payload, context))}
        except Exception as error:
            log.exception("the invocation failed")
            return _failed(error)

    def _core(self, worker: Worker) -> Processor:
        # One record at a time, in this thread, so that a debugger has the terminal for itself.
        settings = replace(worker.settings, concurrency=1)
        sqs: Any = self.sqs
        store = None if settings.idempotency == "off" else self.records
        settlement = Settlement(
            sqs=lambda: sqs,
            settings=settings,
            queue_url=lambda: self.place.queue_url,
            dlq_url=lambda: self.place.dead_letter_queue_url,
            clock=self.clock,
        )
        bucket = self.bus.topology.names.claims_bucket(self.bus.topology.account)
        claim_check = ClaimCheck(lambda: aws.client("s3"), lambda: bucket)
        publisher = Publisher(self.bus, self.bus.topology.names.bus, routes=self._routes(), claim_check=claim_check)
        execution = Execution(
            settings,
            worker.handlers,
            worker.policies,
            store,
            Pace(reserve_s(settings.timeout_s)),
            self._gathering(worker),
            out_of_the_way=settlement.out_of_the_way,
            clock=self.clock,
        )
        return Processor(
            locks=Locks(settings, store, self.clock) if store else None,
            execution=execution,
            settlement=settlement,
            publisher=lambda: publisher,
            claim_check=claim_check,
            clock=self.clock,
        )

    def _routes(self) -> Routes:
        manifests = {name: place.manifest for name, place in self.bus.topology.workers.items()}
        return routing.routes(self.place.manifest.publishes, manifests)

    def _gathering(self, worker: Worker) -> Gathering | None:
        if not worker.settings.gathers and not worker.settings.parts_of:
            return None
        sqs: Any = self.sqs
        timers, aggregator = SqsTimers(lambda: sqs), None
        if worker.settings.gathers:
            aggregator = Aggregator(
                self.gathers, timers, worker.handlers, queue_url=self.place.queue_url, clock=self.clock
            )
            worker.handlers.by_event.update(aggregator.event_handlers())
        topology = self.bus.topology
        queues = {each: topology.workers[each].queue_url for each in worker.settings.parts_of}
        return Gathering(self.place.name, aggregator, timers, queues)


def _failed(error: Exception) -> dict[str, Any]:
    """https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html"""
    told = {"errorType": type(error).__name__, "errorMessage": str(error)}
    return {"FunctionError": "Unhandled", "Payload": orjson.dumps(told)}


def _record(message: Message) -> Record:
    return Record(
        message_id=message.message_id,
        receipt_handle=message.receipt,
        body=message.body,
        receive_count=message.receives,
        first_received_ms=int(message.first_received_at * 1000),
        group=message.group,
        sent_ms=int(message.sent_at * 1000),
        sequence_number=None if message.group is None else str(message.sequence),
    )
