"""The formulas: what events cost, and what the month costs whatever comes.

docs/reference/cost.md explains each, and where AWS states what it charges for.

Free tiers, discounts, taxes and data transfer are left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Final

from fanout.outcomes import Outcome
from fanout_tools.cost import web
from fanout_tools.cost.fixed import Forwarder
from fanout_tools.cost.inventory import Inventory, Topic, Worker
from fanout_tools.cost.mix import Mix, Traffic
from fanout_tools.cost.prices import DAYS, GB, HOURS, MONTH_S, Line, Prices, line
from fanout_tools.declarations.worker import IdempotencyMode

__all__ = ["Load", "bill", "loads", "upkeep"]

CHUNK: Final = 64 * 1024
"""EventBridge, SNS and SQS charge a payload by such chunks, each as one event or request."""
POLLERS: Final = 5
"""https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html: Lambda starts with five."""
POLL_S: Final = 20
"""The longest that a receive may wait for a message."""
RECEIVED: Final = 10
"""The most messages that one receive or one delete takes."""
ITEM_OVERHEAD: Final = 100
"""Bytes that DynamoDB's storage adds to each item:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html"""
WRITES: Final = {IdempotencyMode.STRICT: 2, IdempotencyMode.CLAIM: 1, IdempotencyMode.OFF: 0}
"""Writes a record: :mod:`fanout.idempotency.dynamodb`. Each statement of a batch is charged as a write of its own."""
METRICS: Final = len(Outcome) + 2
"""A worker's in CloudWatch: one an outcome, records received, milliseconds a batch (:mod:`fanout.worker`)."""
REUSE_S: Final = 300
"""How long SQS and SNS use a data key before they ask KMS for the next."""
CANARY_S: Final = 15
"""A run in which all is well, with cold starts."""
FORWARD_S: Final = 0.1
"""An invocation that sends spans to a collector: an assumption, of which the collector's answer is the most."""
CANARY_METRICS: Final = 3
""":mod:`fanout_tools.canary.scheduled`."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """What a worker has to do in a month."""

    worker: Worker
    records: dict[str, float]
    """Messages in its queue, by event."""
    bytes: float
    """Of a record, in the mean."""
    fill: float
    """Records a batch."""
    received: float
    """Records that its function gets: those that are tried again count again."""

    @property
    def batches(self) -> float:
        return self.received / self.fill


def chunks(size: float) -> int:
    """How often a payload of so many bytes is charged."""
    return max(1, ceil(size / CHUNK))


def bill(inventory: Inventory, traffic: Traffic, mix: Mix, prices: Prices) -> list[Line]:
    """Every line that events cause; :func:`fanout_tools.cost.model.upkeep` has the month's."""
    lines = [it for event in traffic.events for it in _published(inventory, traffic, prices, event)]
    for load in loads(inventory, traffic, mix):
        own = [*_queue(load, prices), *_function(load, mix, prices), *_stores(load, mix, prices)]
        lines += _shared(load, [*own, *_traced(load, inventory.fixed.forwarder, prices)])
        lines += _sent(load, traffic, prices)
    return lines


def loads(inventory: Inventory, traffic: Traffic, mix: Mix) -> list[Load]:
    """What each worker has to do."""
    return [_load(inventory, traffic, mix, it) for it in inventory.workers.values()]


def _load(inventory: Inventory, traffic: Traffic, mix: Mix, worker: Worker) -> Load:
    records: dict[str, float] = {}
    own = mix.worker(worker.name)
    for way in inventory.ways:
        if way.worker == worker.name and way.event in traffic.events:
            match = own.match if way.conditional else 1.0
            records[way.event] = records.get(way.event, 0.0) + traffic.events[way.event] * match
    total = sum(records.values())
    size = sum(count * traffic.bytes[event] for event, count in records.items()) / total if total else 0.0
    received = total * (1 + mix.retries)
    fill = _fill(worker, received / (mix.active_hours * 3600), own.batch_fill)
    return Load(worker=worker, records=records, bytes=size, fill=fill, received=received)


def _fill(worker: Worker, rate: float, stated: float | None) -> float:
    """Records a batch: the one that opens it, and those that come in its window; never more than it holds."""
    expected = 1 + rate * worker.window_s if stated is None else stated
    return min(expected, worker.batch_size)


def _published(inventory: Inventory, traffic: Traffic, prices: Prices, event: str) -> Iterator[Line]:
    """The bus, its archives, and the topics that the event enters."""
    count, size = traffic.events[event], traffic.bytes[event]
    charged = count * chunks(size)
    if event.startswith("aws."):
        yield line(prices, "events.aws_opt_in", "AWS's own events", charged, event=event)
        yield line(prices, "events.between_buses", "default bus to ours", charged, event=event)
    else:
        yield line(prices, "events.custom", "events published", charged, event=event)
    if event in inventory.piped:
        yield line(prices, "events.pipe", "taken from a queue", charged, event=event)
    if elsewhere := inventory.leaving.get(event):
        yield line(prices, "events.between_buses", "to buses elsewhere", charged * elsewhere, event=event)
    for days in inventory.archives:
        yield line(prices, "events.archive_gb", "archived", count * size / GB, event=event)
        kept = days / (HOURS / 24) if days else 1.0  # for ever: what one month adds
        yield line(prices, "events.archive_gb_month", "archive kept", count * size / GB * kept, event=event)
    for topic in inventory.topics.get(event, ()):
        yield from _topic(topic, prices, event, count, size)


def _topic(topic: Topic, prices: Prices, event: str, count: float, size: int) -> Iterator[Line]:
    gb = count * size / GB
    if topic.fifo:
        yield line(prices, "sns.fifo_publish", "published", count, event=event)
        yield line(prices, "sns.fifo_publish_gb", "published, by size", gb, event=event)
        yield line(prices, "sns.fifo_delivery", "delivered", count * topic.subscriptions, event=event)
        yield line(prices, "sns.fifo_delivery_gb", "delivered, by size", gb * topic.subscriptions, event=event)
    else:
        yield line(prices, "sns.publish", "published", count * chunks(size), event=event)
    if topic.filters:
        yield line(prices, "sns.filter_gb", "filters by body", gb * topic.filters, event=event)


def _sent(load: Load, traffic: Traffic, prices: Prices) -> Iterator[Line]:
    for event, count in load.records.items():
        quantity = count * chunks(traffic.bytes[event])
        yield line(prices, _sqs(load.worker), "sent", quantity, event=event, worker=load.worker.name)


def _sqs(worker: Worker) -> str:
    return "sqs.fifo" if worker.fifo else "sqs.standard"


def _queue(load: Load, prices: Prices) -> Iterator[Line]:
    price, name = _sqs(load.worker), load.worker.name
    yield line(prices, price, "received", receives(load), worker=name)
    yield line(prices, price, "deleted", load.batches * ceil(load.fill / RECEIVED), worker=name)
    again = load.received - sum(load.records.values())
    if again:
        yield line(prices, price, "delayed for a retry", again, worker=name)


def receives(load: Load) -> float:
    """Receives that bring messages, each chunk of what they bring counted."""
    return load.batches * max(ceil(load.fill / RECEIVED), chunks(load.fill * load.bytes))


def _function(load: Load, mix: Mix, prices: Prices) -> Iterator[Line]:
    worker, own = load.worker, mix.worker(load.worker.name)
    seconds = load.batches * ((own.batch_ms or 0) + load.fill * (own.record_ms or 0)) / 1000
    yield line(prices, "lambda.request", "invocations", load.batches, worker=worker.name)
    yield line(
        prices,
        f"lambda.{worker.architecture}_gb_s",
        "compute",
        seconds * worker.memory_mb / 1024,
        worker=worker.name,
    )


def _traced(load: Load, forwarder: Forwarder | None, prices: Prices) -> Iterator[Line]:
    """At most one invocation for each batch: CloudWatch Logs gathers lines, and not all batches are traced."""
    if forwarder is None:
        return
    name, compute = load.worker.name, load.batches * FORWARD_S * forwarder.memory_mb / 1024
    yield line(prices, "lambda.request", "spans forwarded", load.batches, worker=name)
    yield line(prices, f"lambda.{forwarder.architecture}_gb_s", "spans forwarded", compute, worker=name)


def _stores(load: Load, mix: Mix, prices: Prices) -> Iterator[Line]:
    worker, own = load.worker, mix.worker(load.worker.name)
    units = ceil(mix.item_bytes / 1024)
    records = sum(load.records.values())
    again = load.received - records
    fenced = worker.mode is not IdempotencyMode.OFF
    # A record that is known already costs the refused insert and a read; one that is tried again, its release or
    # takeover beside its claim.
    known = records * mix.duplicates if fenced else 0.0
    claims = WRITES[worker.mode] * (records - known) + known + (2 * again if fenced else 0.0)
    # In claim mode each batch has a mark that records all of its events.
    marks = min(load.batches, records - known) if worker.mode is IdempotencyMode.CLAIM else 0.0
    claims += marks
    name = worker.name
    if claims:
        yield line(prices, "dynamodb.write", "idempotency", claims * units, worker=name)
    if known:
        yield line(prices, "dynamodb.read", "idempotency", known * ceil(mix.item_bytes / 4096), worker=name)
    if fenced:
        yield from _kept(worker, records - known + marks, mix, prices)
    for price, item, each in (
        ("dynamodb.write", "handler's writes", own.writes),
        ("dynamodb.read", "handler's reads", own.reads),
        ("s3.put", "handler's objects", own.puts),
    ):
        if each:
            yield line(prices, price, item, records * each, worker=name)
    written = (load.batches * mix.batch_log_bytes + load.received * own.log_bytes) / GB
    yield line(prices, "cloudwatch.logs_gb", "logs written", written, worker=name)


def _kept(worker: Worker, items: float, mix: Mix, prices: Prices) -> Iterator[Line]:
    """The idempotency records of a month for as long as each is kept, and the backups of them."""
    gb_months = items * (mix.item_bytes + ITEM_OVERHEAD) / GB * worker.ttl_s / (HOURS * 3600)
    if gb_months:
        yield line(prices, "dynamodb.gb_month", "idempotency kept", gb_months, worker=worker.name)
        yield line(prices, "dynamodb.pitr_gb_month", "idempotency kept, backups", gb_months, worker=worker.name)


def _shared(load: Load, lines: list[Line]) -> Iterator[Line]:
    """A worker's lines, shared out among its events by their records."""
    total = sum(load.records.values())
    for it in lines:
        for event, count in load.records.items():
            part = count / total if total else 0.0
            yield Line(**{**vars(it), "event": event, "quantity": it.quantity * part, "usd": it.usd * part})


def upkeep(inventory: Inventory, traffic: Traffic, mix: Mix, prices: Prices) -> list[Line]:
    """Every line of the month's own."""
    done = loads(inventory, traffic, mix)
    lines = [it for load in done for it in _worker(load, prices)]
    lines += _kept_logs(inventory, done, mix, prices)
    lines += _watching(inventory, prices)
    lines += _keys(inventory, done, prices)
    lines += web.served(inventory, mix, prices)
    lines += web.routed(inventory, mix, prices)
    lines += _canaries(inventory, prices)
    return [it for it in lines if it.quantity]


def _worker(load: Load, prices: Prices) -> Iterator[Line]:
    """Lambda polls an empty queue as often as a full one, and its receives wait 20 s at most."""
    worker = load.worker
    idle = max(0.0, POLLERS * MONTH_S / POLL_S - receives(load))
    yield line(prices, "sqs.fifo" if worker.fifo else "sqs.standard", "empty receives", idle, worker=worker.name)
    if load.received:
        yield line(prices, "cloudwatch.metric", "metrics", METRICS, worker=worker.name)
    ready = worker.provisioned * worker.memory_mb / 1024 * MONTH_S
    yield line(prices, f"lambda.{worker.architecture}_provisioned_gb_s", "kept ready", ready, worker=worker.name)


def _kept_logs(inventory: Inventory, done: list[Load], mix: Mix, prices: Prices) -> Iterator[Line]:
    months = inventory.fixed.log_retention_days / DAYS or 1.0  # for ever: what one month adds
    for load in done:
        own = mix.worker(load.worker.name)
        written = (load.batches * mix.batch_log_bytes + load.received * own.log_bytes) / GB
        yield line(prices, "cloudwatch.logs_gb_month", "logs kept", written * months, worker=load.worker.name)


def _watching(inventory: Inventory, prices: Prices) -> Iterator[Line]:
    yield line(prices, "cloudwatch.alarm", "alarms", inventory.fixed.alarm_metrics)
    high = inventory.fixed.alarm_metrics_high_resolution
    yield line(prices, "cloudwatch.alarm_high_resolution", "alarms of high resolution", high)
    yield line(prices, "cloudwatch.dashboard", "dashboards", inventory.fixed.dashboards)


def _keys(inventory: Inventory, done: list[Load], prices: Prices) -> Iterator[Line]:
    """A data key is asked for at most once in five minutes by each who writes, and decrypted as often by each who
    writes or reads: AWS's estimate (B / D) x (2 x P + C) with one producer and one consumer a queue, and no consumer
    of its own a topic. Never more than the messages themselves need."""
    yield line(prices, "kms.key", "keys", inventory.fixed.keys)
    periods = MONTH_S / REUSE_S
    for load in done:
        if load.worker.encrypted:
            messages = sum(load.records.values())
            yield line(prices, "kms.request", "queue's keys", 3 * min(periods, messages), worker=load.worker.name)
    if any(load.received for load in done):
        yield line(prices, "kms.request", "topics' keys", 2 * periods * inventory.fixed.encrypted_topics)
        yield line(prices, "kms.request", "tables' keys", periods * inventory.fixed.encrypted_tables)


def _canaries(inventory: Inventory, prices: Prices) -> Iterator[Line]:
    """What a run sends, and the function itself. That the workers see them is a few events more of theirs."""
    canary = inventory.fixed.canary
    if canary is None:
        return
    runs = MONTH_S / canary.every_s
    compute = runs * CANARY_S * canary.memory_mb / 1024
    yield line(prices, "events.custom", "canaries", runs * len(inventory.ways))
    yield line(prices, "lambda.request", "canaries", runs)
    yield line(prices, f"lambda.{canary.architecture}_gb_s", "canaries", compute)
    yield line(prices, "cloudwatch.metric", "canaries' metrics", CANARY_METRICS)
