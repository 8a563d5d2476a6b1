"""What the console has asked of AWS, and about what that has cost at list prices."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fanout_tools.cost.prices import load

__all__ = ["Ledger"]

BY_SERVICE: Final = {"sqs": "sqs.standard", "dynamodb": "dynamodb.read", "s3": "s3.put"}
"""The price of a call, by boto3's name of the service; what is not here costs nothing."""
USD_A_METRIC: Final = 0.01 / 1_000
"""That GetMetricData reads (https://aws.amazon.com/cloudwatch/pricing/)."""
METRICS: Final = "cloudwatch:metrics"
"""Of the calls: how many metrics were read, each of which is paid for."""


@dataclass(eq=False)
class Ledger:
    """Calls, by service and operation."""

    calls: Counter[str] = field(default_factory=Counter)
    clock: Callable[[], float] = time.monotonic
    began: float = field(init=False)

    def __post_init__(self) -> None:
        self.began = self.clock()

    def add(self, calls: Mapping[str, int]) -> None:
        """What was asked elsewhere."""
        self.calls.update(calls)

    def watch(self, client: Any) -> Any:
        """The same client of boto3's, whose calls are counted from now on."""
        service = client.meta.service_model.service_name
        # By the mark a client that is shared is not counted twice.
        client.meta.events.register("before-send", lambda **_: self.add({f"{service}:call": 1}), "fanout-console")
        return client

    @property
    def count(self) -> int:
        return sum(number for name, number in self.calls.items() if name != METRICS)

    @property
    def usd(self) -> float:
        """So far, at list prices."""
        return cost_of(self.calls)

    @property
    def usd_an_hour(self) -> float:
        """At the rate since the console began, and of a minute at least."""
        return self.usd * 3600 / max(60.0, self.clock() - self.began)


def cost_of(calls: Mapping[str, int]) -> float:
    """Of calls by service and operation, in US dollars."""
    prices = load()
    total = calls.get(METRICS, 0) * USD_A_METRIC
    for name, number in calls.items():
        price = BY_SERVICE.get(name.partition(":")[0])
        total += number * prices[price].each if price else 0.0
    return total
