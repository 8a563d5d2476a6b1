"""What canaries ask of AWS: clients, names, and answers that may be missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fanout_tools.declarations.naming import Names

__all__ = ["MISSING", "Deployed", "found"]

MISSING = frozenset(
    {
        "404",
        "AWS.SimpleQueueService.NonExistentQueue",
        "NoSuchBucket",
        "NotFound",
        "NotFoundException",
        "QueueDoesNotExist",
        "ResourceNotFoundException",
    }
)
"""The codes by which AWS's services, and emulators, say that a thing is not there."""


def found(call: Callable[..., Mapping[str, Any]], **arguments: Any) -> Mapping[str, Any] | None:
    """What the call answers; None where the thing is not there."""
    from botocore.exceptions import ClientError

    try:
        return call(**arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] in MISSING:
            return None
        raise


@dataclass(frozen=True)
class Deployed:
    """One deployment, by its names."""

    names: Names
    client: Callable[[str], Any]
    """A client of the service in the deployment's region."""

    @cached_property
    def bus_arn(self) -> str | None:
        """None: there is no such bus."""
        bus = found(self.client("events").describe_event_bus, Name=self.names.bus)
        return str(bus["Arn"]) if bus else None

    def arn(self, service: str, name: str) -> str:
        """Of a thing beside the bus: ``sns`` and ``sqs`` name theirs so."""
        partition, region, account = self._place
        return f"arn:{partition}:{service}:{region}:{account}:{name}"

    @property
    def account(self) -> str:
        return self._place[2]

    @property
    def _place(self) -> tuple[str, str, str]:
        assert self.bus_arn is not None, "without a bus nothing is sent"
        _, partition, _, region, account, _ = self.bus_arn.split(":", 5)
        return partition, region, account

    def queue_url(self, name: str) -> str | None:
        """None: there is no such queue."""
        queue = found(self.client("sqs").get_queue_url, QueueName=name)
        return str(queue["QueueUrl"]) if queue else None
