"""A worker: handlers of events, and the Lambda function made of them::

worker = Worker(__file__)  # reads worker.yaml beside it

@worker.handles(OrderPlaced)
def reserve(event: OrderPlaced, context: Context) -> None: ...

handler = worker.lambda_handler
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from fanout import aws, keep_warm, powertools, telemetry
from fanout.errors import DeclarationError, EventError
from fanout.events import upcasting
from fanout.events.event import Event
from fanout.idempotency import DynamoDBStore, Store
from fanout.idempotency.client import LeanDynamoDB
from fanout.outcomes import Policies, Reject, RejectPolicy, RetryPolicy, single
from fanout.payloads import ClaimCheck
from fanout.processing.accounts import span_lines
from fanout.processing.batch import Processor, summary
from fanout.processing.context import Context
from fanout.processing.delivery import FAILED, Delivery, Invocation, Record, records_of, refusal
from fanout.processing.execution import Execution
from fanout.processing.handlers import BatchHandler, Gatherer, Handlers, is_coroutine, refuse_generator, refuse_uncalled
from fanout.processing.locks import Locks
from fanout.processing.settings import Settings
from fanout.processing.settlement import Settlement
from fanout.processing.timing import Pace, reserve_s

if TYPE_CHECKING:
    from fanout.gather.engine import Aggregator
    from fanout.gather.parts import Gathering
    from fanout.gather.senders import Senders
    from fanout.gather.state import AggregateResult, Part
    from fanout.gather.timers import SqsTimers
    from fanout.invoke.server import Step
    from fanout.metrics import Metrics
    from fanout.publish import Publisher

__all__ = ["Worker"]

E = TypeVar("E", bound=Event)
Handler = Callable[[E, Context], Any]
Combine = Callable[[Any, "AggregateResult"], Event]
Invoked = TypeVar("Invoked", bound=Callable[[Any, Any], Any])
S = TypeVar("S", bound="Step")


class Worker:
    """The handlers of a worker's events, and the Lambda function made of them.

    :param file: the handler module's ``__file__``; ``worker.yaml`` stands beside it.
    """

    def __init__(self, file: str) -> None:
        self.settings = Settings.read(Path(file).with_name("worker.yaml"))
        """Its declaration, as far as the core needs it."""
        self.handlers = Handlers()
        """What the decorators declared."""
        self.policies = Policies()
        """What :meth:`on` declared."""
        self._cold_start = True
        self.invoked: Callable[[Any, Any], Any] | None = None
        """What :meth:`on_invoke` declared."""
        self.steps: dict[str, Step] = {}
        """What :meth:`step` declared, by name."""

    def handles(self, contract: type[E]) -> Callable[[Handler[E]], Handler[E]]:
        """Declare the handler of an event.

        :raises DeclarationError: ``worker.yaml`` does not subscribe to it, it has a handler already, or a step is
            missing among its upcasters.
        """
        upcasting.check(contract)
        identifier = contract.contract.identifier
        if identifier not in self.settings.subscribes and "*" not in self.settings.subscribes:
            raise DeclarationError(f"{self.settings.worker}: handles {identifier}; subscribe to it in worker.yaml")
        if identifier in self.handlers.by_event:
            raise DeclarationError(f"{self.settings.worker}: {identifier} has two handlers; keep one")

        def declare(handler: Handler[E]) -> Handler[E]:
            refuse_generator(self.settings.worker, handler)
            self._refuse_limited_thread(handler)
            self.handlers.by_event[identifier] = (contract, handler)
            return handler

        return declare

    def _refuse_limited_thread(self, handler: Callable[..., Any]) -> None:
        settings = self.settings
        if settings.record_timeout_s is None or settings.concurrency == 1 or is_coroutine(handler):
            return
        name = getattr(handler, "__qualname__", repr(handler))
        raise DeclarationError(
            f"{settings.worker}: {name}: batch.record_timeout_s cannot stop a thread, which batch.concurrency "
            f"{settings.concurrency} runs it in; make it a coroutine function, or leave one of the two out"
        )

    def handles_part(self, contract: type[E]) -> Callable[[Handler[E]], Handler[E]]:
        """Declare the handler of an event that is scattered as parts: what it returns (JSON values) is the part's
        result; a ``Reject``, and any failure of the last delivery, is the part's failure.

        :raises DeclarationError: as :meth:`handles`; or ``worker.yaml`` does not say ``gathers: true``.
        """
        if not self.settings.gathers and not self.settings.parts_of:
            raise DeclarationError(
                f"{self.settings.worker}: handles parts, {contract.contract.identifier}; write gathers: true in "
                "worker.yaml, or parts_of with the worker that gathers them"
            )

        def declare(handler: Handler[E]) -> Handler[E]:
            from fanout.gather.parts import reporting

            self.handles(contract)(reporting(handler, self._gives_up))
            self.handlers.parts.add(contract.contract.identifier)
            return handler

        return declare

    def gathers(
        self, into: type[Event], *, on_failure: Callable[[Any, Part], Event | None] | None = None
    ) -> Callable[[Combine], Combine]:
        """Declare what makes the gathered event: a function of the event that was scattered and what there is of its
        parts. Like ``on_failure`` it may be called again after a crash and has to answer the same then.

        :param on_failure: makes of the scattered event and a part that succeeded the event that undoes that part, or
            None; called when another part failed or is missing.
        :raises DeclarationError: it has such a function already, or ``worker.yaml`` does not say ``gathers: true``.
        """
        identifier = into.contract.identifier
        self._need_gathers(f"gathers {identifier}")
        if identifier in self.handlers.gatherers:
            raise DeclarationError(f"{self.settings.worker}: {identifier} is gathered by two functions; keep one")

        def declare(combine: Combine) -> Combine:
            self.handlers.gatherers[identifier] = Gatherer(combine, on_failure)
            return combine

        return declare

    def _need_gathers(self, what: str) -> None:
        if not self.settings.gathers:
            raise DeclarationError(f"{self.settings.worker}: {what}; write gathers: true in worker.yaml")

    def _gives_up(self, raised: Exception, context: Context) -> bool:
        """Whether the record is not handled again after this."""
        error = single(raised)
        rejected = isinstance(error, Reject | EventError) or isinstance(self.policies.of(error), RejectPolicy)
        return rejected or context.is_last_try

    def handles_batch(self, handler: BatchHandler) -> BatchHandler:
        """Declare the one handler of all events, which gets a batch's envelopes at once, and may be a coroutine
        function. What it raises is the outcome of every record of the batch.

        :raises DeclarationError: it is a generator.
        """
        refuse_generator(self.settings.worker, handler)
        self.handlers.batch = handler
        return handler

    def on(self, exception: type[Exception], policy: RetryPolicy | RejectPolicy) -> None:
        """Declare what an exception of a handler means: :func:`fanout.retry` or :func:`fanout.reject`.

        :raises DeclarationError: it has a policy already.
        """
        self.policies.declare(exception, policy)

    @cached_property
    def metrics(self) -> Metrics:
        """The worker's business metrics, which its handlers count and measure."""
        from fanout.metrics import Metrics  # on first use: most workers have none

        return Metrics()

    def missing_handlers(self) -> list[str]:
        """The subscribed events that nothing here handles."""
        return self.handlers.missing(self.settings.subscribes)

    def on_invoke(self, handler: Invoked) -> Invoked:
        """Declare the function of those who invoke the worker directly, by :func:`fanout.invoke.invoke_all` for
        instance. It gets the payload, which has no key ``Records``, and Lambda's context, and returns JSON values.

        :raises DeclarationError: there is one already, the worker has steps, which are invoked directly too, or a call
            would not run it.
        """
        refuse_uncalled(self.settings.worker, handler)
        if self.invoked is not None or self.steps:
            raise DeclarationError(f"{self.settings.worker}: two functions for direct invocations; keep one")
        self.invoked = handler
        return handler

    def step(self, name: str) -> Callable[[S], S]:
        """Declare a step of a workflow: a function of a payload whose key ``step`` has this name.

        A step may be called again after it was done, and be undone before it was done: it has to bear both. What it
        raises is the error's name in the workflow: ``Retry`` is tried again, ``Reject`` is not.

        :raises DeclarationError: the worker has a step of that name, or an :meth:`on_invoke`, or a call would not run
            the function.
        """
        if name in self.steps or self.invoked is not None:
            raise DeclarationError(f"{self.settings.worker}: two functions for step {name}; keep one")

        def declare(function: S) -> S:
            refuse_uncalled(self.settings.worker, function)
            self.steps[name] = function
            return function

        return declare

    def lambda_handler(self, event: Any, context: Any) -> Any:
        """The function's entry: a batch of SQS records in, the records that failed out
        (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html); or a direct invocation."""
        began = time.monotonic()
        powertools.watch(powertools.METRICS)
        if context is not None:
            aws.finish_by(began + context.get_remaining_time_in_millis() / 1000)
        try:
            batch = records_of(event)
            return self._answer(event, context) if batch is None else self._take(batch, context, began)
        finally:
            aws.finish_by(None)  # the next invocation has a time of its own
            if "metrics" in self.__dict__:
                self.metrics.flush(self.settings.worker)
            powertools.flush_metrics()

    def _take(self, batch: Sequence[Mapping[str, Any]], context: Any, began: float) -> dict[str, Any]:
        cold_start, self._cold_start = self._cold_start, False
        if cold_start:
            telemetry.configure()
            powertools.watch(powertools.LOGGING)
        request_id = context.aws_request_id
        with telemetry.log_fields(service=self.settings.worker, function_request_id=request_id):
            records = [Record.from_lambda(record) for record in batch]
            invocation = Invocation(request_id, lambda: context.get_remaining_time_in_millis() / 1000)
            deliveries = self._processor.process(records, invocation)
        if deliveries or not batch:  # a batch of nothing but canaries is no part of the metrics
            self._report(deliveries, time.monotonic() - began, cold_start=cold_start, function_request_id=request_id)
        failed = [d.record.message_id for d in deliveries if d.outcome in FAILED]
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}

    def _report(self, deliveries: Sequence[Delivery], took_s: float, **fields: Any) -> None:
        """The batch's metrics, and the way of each of its records."""
        first, *more = [*span_lines(deliveries)] or [[]]
        telemetry.emit_metrics(
            {"worker": self.settings.worker},
            {"received": len(deliveries), **summary(deliveries)},
            {"batch_ms": round(took_s * 1000, 3)},
            spans=first,
            **fields,
        )
        for spans in more:
            telemetry.emit_fields(worker=self.settings.worker, spans=spans, **fields)

    def _answer(self, event: Any, context: Any) -> Any:
        if isinstance(event, Mapping) and keep_warm.KEY in event:
            return {"heartbeat": self.settings.worker, "canaries": True, **keep_warm.beat(event)}
        if self.invoked is None and not self.steps:
            raise refusal(self.settings.worker, event)
        return self._direct(event, context)

    @cached_property
    def _direct(self) -> Callable[[Any, Any], Any]:
        # Not before somebody calls: batches need none of it, and a cold start would be longer by asyncio.
        from fanout.invoke.server import by_step, tree_handler

        return tree_handler(self.invoked or by_step(self.steps))

    @cached_property
    def _processor(self) -> Processor:
        if "FANOUT_TUNE" in os.environ:
            from fanout.tuning import processor

            return processor(self.settings, self.handlers, self.policies, self._claim_check)
        # Read now, not when the first record fails: a deployment's mistake is to show at its first batch.
        queue_url, dlq_url = _environment("FANOUT_QUEUE_URL"), _environment("FANOUT_DLQ_URL")
        store, settings = self._store(), self.settings
        settlement = Settlement(
            sqs=lambda: aws.client("sqs"), settings=settings, queue_url=lambda: queue_url, dlq_url=lambda: dlq_url
        )
        return Processor(
            locks=Locks(settings, store) if store else None,
            execution=Execution(
                settings,
                self.handlers,
                self.policies,
                store,
                Pace(reserve_s(settings.timeout_s)),
                self._gathers(queue_url),
                out_of_the_way=settlement.out_of_the_way,
            ),
            settlement=settlement,
            publisher=lambda: self._publisher,
            claim_check=self._claim_check,
            senders=self._senders(),
        )

    @cached_property
    def _publisher(self) -> Publisher:
        from fanout.publish import Publisher, Routes

        routes = Routes.from_json(self.settings.routes)
        return Publisher.connect(_environment("FANOUT_BUS"), routes=routes, claim_check=self._claim_check)

    @cached_property
    def _claim_check(self) -> ClaimCheck:
        return ClaimCheck(lambda: aws.client("s3"), lambda: _environment("FANOUT_CLAIMS_BUCKET"))

    def _gathers(self, queue_url: str) -> Gathering | None:
        if not self.settings.gathers and not self.settings.parts_of:
            return None
        from fanout.gather.parts import Gathering
        from fanout.gather.timers import SqsTimers

        timers = SqsTimers(lambda: aws.client("sqs"))
        queues = orjson.loads(_environment("FANOUT_GATHER_QUEUES")) if self.settings.parts_of else {}
        return Gathering(self.settings.worker, self._aggregator(timers, queue_url), timers, queues)

    def _senders(self) -> Senders | None:
        if not self.settings.gathers:
            return None
        from fanout.gather.senders import Senders

        return Senders(_environment("FANOUT_NAMESPACE"), self.settings.worker)

    def _aggregator(self, timers: SqsTimers, queue_url: str) -> Aggregator | None:
        if not self.settings.gathers:
            return None
        from fanout.gather.dynamodb import DynamoDBGatherStore
        from fanout.gather.engine import Aggregator

        store = DynamoDBGatherStore(aws.client("dynamodb"), _environment("FANOUT_GATHER_TABLE"))
        aggregator = Aggregator(store, timers, self.handlers, queue_url=queue_url)
        self.handlers.by_event.update(aggregator.event_handlers())
        return aggregator

    def _store(self) -> Store | None:
        mode = self.settings.idempotency
        if mode == "off":
            return None
        lean: Any = LeanDynamoDB.from_environment()
        return DynamoDBStore(
            lean or aws.client("dynamodb"),
            _environment("FANOUT_IDEMPOTENCY_TABLE"),
            ttl_s=self.settings.ttl_s,
            one_write=mode == "claim",
        )


def _environment(variable: str) -> str:
    try:
        return os.environ[variable]
    except KeyError:
        raise DeclarationError(
            f"{variable} is not set; was the function deployed by terraform/modules/worker?"
        ) from None
