"""What the month costs whatever comes: idle polls, alarms, metrics, keys, the router.

Formulas: docs/reference/cost.md.
"""

from collections.abc import Iterator
from typing import Final

from fanout.outcomes import Outcome
from fanout_tools.cost.inventory import Inventory
from fanout_tools.cost.lines import Line, line
from fanout_tools.cost.mix import Mix, Traffic
from fanout_tools.cost.model import GB, HOURS, POLL_S, POLLERS, Load, loads, receives
from fanout_tools.cost.prices import Prices

__all__ = ["upkeep"]

METRICS: Final = len(Outcome) + 2
"""A worker's in CloudWatch: one an outcome, records received, milliseconds a batch (:mod:`fanout.worker`)."""
REUSE_S: Final = 300
"""How long SQS and SNS use a data key before they ask KMS for the next."""
MONTH_S: Final = HOURS * 3600
DAYS: Final = HOURS / 24


def upkeep(inventory: Inventory, traffic: Traffic, mix: Mix, prices: Prices) -> list[Line]:
    """Every line of the month's own."""
    done = loads(inventory, traffic, mix)
    lines = [it for load in done for it in _worker(load, prices)]
    lines += _kept_logs(inventory, done, mix, prices)
    lines += _watching(inventory, prices)
    lines += _keys(inventory, done, prices)
    lines += _router(inventory, mix, prices)
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


def _router(inventory: Inventory, mix: Mix, prices: Prices) -> Iterator[Line]:
    for task in inventory.fixed.tasks:
        hours, platform = task.tasks * HOURS, f"fargate.{task.architecture}"
        yield line(prices, f"{platform}_vcpu_h", f"{task.name}: processors", hours * task.vcpu)
        yield line(prices, f"{platform}_gb_h", f"{task.name}: memory", hours * task.gb)
    for function in inventory.fixed.web:
        seconds = mix.web.environments * MONTH_S * function.memory_mb / 1024
        yield line(prices, f"lambda.{function.architecture}_gb_s", f"{function.name}: environments", seconds)
    yield line(prices, "elb.hour", "load balancers", inventory.fixed.balancers * HOURS)
    yield line(prices, "elb.lcu_h", "load balancers' work", inventory.fixed.balancers * mix.web.lcu * HOURS)
    yield line(prices, "vpc.nat_h", "NAT gateways", inventory.fixed.nat_gateways * HOURS)
    yield line(prices, "vpc.address_h", "public addresses", inventory.fixed.addresses * HOURS)
    yield line(prices, "vpc.endpoint_h", "interface endpoints", inventory.fixed.endpoints * HOURS)
