"""Measure what a doctor asks of a deployment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from fanout import aws
from fanout_tools.deploy.packages.targets import AWS_PYTHON
from fanout_tools.operate.fast import Fast
from fanout_tools.operate.sources import depths, functions, metrics
from fanout_tools.operate.sources.metrics import Window
from fanout_tools.operate.topology import Topology
from fanout_tools.operate.views.health import Symptoms

__all__ = ["TEMPORARY", "measure"]

T = TypeVar("T")

TEMPORARY: Final = ("tail", "replay", "tune")
"""What follows the namespace in the names of things that a command makes for itself, and removes."""


async def measure(topology: Topology) -> Symptoms:
    """All of it, at once."""
    now = time.time()
    workers = list(topology.workers.values())
    urls = [url for it in workers for url in (it.queue_url, it.dead_letter_queue_url)]
    slow = asyncio.gather(
        asyncio.to_thread(_caller),
        asyncio.to_thread(_known, lambda: sorted(leftovers(topology))),
        asyncio.to_thread(_known, lambda: _subscribers(topology)),
        asyncio.to_thread(_known, lambda: _runtimes(topology)),
    )
    async with Fast.reached(topology.place) as fast:
        seen, mapped, ages = await asyncio.gather(
            depths.depths(fast, urls), functions.mappings(fast, topology, workers), _ages(fast, topology, now)
        )
    (identity, skew_s), left, told, runtimes = await slow
    return Symptoms(
        caller=identity,
        skew_s=skew_s,
        now=now,
        depths=seen,
        mapped=mapped,
        ages_s=ages,
        leftovers=left,
        subscribers=told[0] if told else None,
        unconfirmed=told[1] if told else 0,
        runtimes=runtimes or {},
        built_for=None if topology.place.endpoint else f"python{AWS_PYTHON}",
    )


async def _ages(fast: Fast, topology: Topology, now: float) -> Mapping[str, float] | None:
    if topology.place.endpoint:
        return None
    queues = [queue for it in topology.workers.values() for queue in (it.queue, it.dead_letter_queue)]
    return (await metrics.health(fast, topology, queues, Window(now - 900, now))).ages_s


def _known(ask: Callable[[], T]) -> T | None:
    """None where AWS refuses to tell."""
    try:
        return ask()
    except (ClientError, BotoCoreError):
        return None


def _caller() -> tuple[str | None, float | None]:
    """Who asks, and by how much this machine's clock is ahead of AWS's, in seconds."""
    answer = _known(lambda: aws.client("sts").get_caller_identity())
    if answer is None:
        return None, None
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    skew_s = (datetime.now(UTC) - parsedate_to_datetime(date)).total_seconds() if date else None
    return answer["Arn"], skew_s


def leftovers(topology: Topology) -> Iterator[str]:
    """Queues and rules that a command made for itself, and did not remove."""
    for kind in TEMPORARY:
        prefix = f"{topology.names.namespace}-{kind}-"
        for queues in aws.client("sqs").get_paginator("list_queues").paginate(QueueNamePrefix=prefix):
            yield from (f"queue {url.rpartition('/')[2]}" for url in queues.get("QueueUrls", ()))
        rules = aws.client("events").get_paginator("list_rules")
        for page in rules.paginate(EventBusName=topology.names.bus, NamePrefix=prefix):
            yield from (f"rule {rule['Name']}" for rule in page["Rules"])


def _subscribers(topology: Topology) -> tuple[int, int]:
    """Of the alarms' topic: who has confirmed, and who has not."""
    topic = topology.place.arn("sns", f"{topology.names.namespace}-alarms")
    pages = aws.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
    arns = [it["SubscriptionArn"] for page in pages for it in page["Subscriptions"]]
    waiting = sum(arn == "PendingConfirmation" for arn in arns)
    return len(arns) - waiting, waiting


def _runtimes(topology: Topology) -> Mapping[str, str]:
    """Of each worker's function; a page of Lambda's list has 50."""
    names = {it.function: it.name for it in topology.workers.values()}
    pages = aws.client("lambda").get_paginator("list_functions").paginate()
    found: Iterator[Any] = (it for page in pages for it in page["Functions"])
    return {names[it["FunctionName"]]: it.get("Runtime", "image") for it in found if it["FunctionName"] in names}
