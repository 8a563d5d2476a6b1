"""How fast a worker is given back what it has failed at: never at the cost of what comes anew.

What the queue of a worker on AWS and its function tell is a minute behind. An emulator's metrics tell nothing: there
the rate stays as it was chosen.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from fanout_tools.operate.limits import TokenBucket
from fanout_tools.operate.topology import WorkerPlace

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

__all__ = ["LOOK_S", "Load", "Pace", "load_of"]

LOOK_S = 30.0
"""Between two looks: metrics have one point a minute."""
BEHIND_S = 300
"""How far back is looked; the newest point counts."""
SLOWEST = 0.1
"""Messages a second: slower is no progress, and a hold on the queue."""


class Load(NamedTuple):
    """What a worker has to do without us."""

    oldest_s: float
    """The age of the oldest event in its queue."""
    throttles: int
    """Invocations that Lambda refused in the last minute."""


@dataclass(eq=False)
class Pace:
    """A :attr:`~fanout_tools.operate.actions.carrying.Carrying.brake`: the rate halves at each look at which the
    queue's oldest event is over half of ``slo.age_s``, and doubles again, up to what was wanted; where Lambda throttles
    the function, no further step follows.

    :ivar ask: what the worker has to do; None: nobody knows.
    :ivar clock: monotonic seconds; tests give their own.
    """

    worker: WorkerPlace
    rate: float
    """What was wanted, messages a second."""
    ask: Callable[[], Load | None]
    clock: Callable[[], float] = time.monotonic
    _looked: float | None = field(default=None, init=False)

    def __call__(self, bucket: TokenBucket) -> str:
        """Why no further step should follow, or nothing; the bucket's rate is changed."""
        if self._looked is not None and self.clock() < self._looked + LOOK_S:
            return ""
        self._looked = self.clock()
        load = self.ask()
        if load is None:
            return ""
        if load.throttles:
            return f"Lambda throttles {self.worker.function}: {load.throttles} invocations in a minute"
        late = load.oldest_s > self.worker.manifest.slo.age_s / 2
        bucket.rate = max(min(SLOWEST, self.rate), bucket.rate / 2) if late else min(self.rate, bucket.rate * 2)
        return ""


def load_of(client: CloudWatchClient, worker: WorkerPlace, now: float) -> Load:
    """As CloudWatch tells it, in one call."""
    found = client.get_metric_data(
        MetricDataQueries=[
            _query("age", "AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", worker.queue, "Maximum"),
            _query("throttles", "AWS/Lambda", "Throttles", "FunctionName", worker.function, "Sum"),
        ],
        StartTime=datetime.fromtimestamp(now - BEHIND_S, UTC),
        EndTime=datetime.fromtimestamp(now, UTC),
        ScanBy="TimestampDescending",
    )
    newest = {result["Id"]: result["Values"][0] for result in found["MetricDataResults"] if result["Values"]}
    return Load(newest.get("age", 0.0), int(newest.get("throttles", 0)))


def _query(identifier: str, namespace: str, name: str, dimension: str, value: str, stat: str) -> Any:
    metric = {"Namespace": namespace, "MetricName": name, "Dimensions": [{"Name": dimension, "Value": value}]}
    return {"Id": identifier, "MetricStat": {"Metric": metric, "Period": 60, "Stat": stat}}
