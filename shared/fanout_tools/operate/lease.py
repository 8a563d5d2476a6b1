"""A dead man's switch for what an operation makes or changes only for a while.

The schedule that ends it is made first: a one-time schedule of EventBridge Scheduler, whose universal target calls
the API that takes the thing away (https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html)
with the role ``<namespace>.sweeper``. While the command lives it moves the schedules on; when it ends in order it
removes them with the thing. A killed laptop leaves nothing behind for longer than :data:`LEASE_S`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from fanout_tools.operate.topology import Topology

__all__ = ["LEASE_S", "Ending", "Lease"]

LEASE_S = 900
"""From the last extension."""
_GONE = "ResourceNotFoundException"
_THERE = "ConflictException"
_APART_S = 60
"""Between two endings: a rule is deleted after its targets, a queue after the rule."""


class Ending(NamedTuple):
    """One call that takes something away, or back."""

    service: str
    """As universal targets name it, such as ``sqs``."""
    action: str
    """Of its API, such as ``deleteQueue``."""
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Lease:
    """
    :ivar operation: names the schedules.
    :ivar clock: seconds since 1970; tests give their own.
    """

    scheduler: Any = field(repr=False)
    topology: Topology = field(repr=False)
    operation: str
    endings: Sequence[Ending]
    clock: Callable[[], float] = time.time

    def begin(self, until: float | None = None) -> None:
        """Arrange the end, before there is anything to be ended.

        :param until: seconds since 1970; :data:`LEASE_S` from now unless given.
        """
        for number, ending in enumerate(self.endings):
            self._schedule(self.scheduler.create_schedule, number, ending, until or self.clock() + LEASE_S)

    def extend(self, until: float | None = None) -> None:
        """Move the end on."""
        for number, ending in enumerate(self.endings):
            self._schedule(self.scheduler.update_schedule, number, ending, until or self.clock() + LEASE_S)

    def end(self) -> None:
        """The endings have been carried out by hand: their schedules go."""
        from botocore.exceptions import ClientError

        for number in range(len(self.endings)):
            try:
                self.scheduler.delete_schedule(Name=self._name(number), GroupName=self._group)
            except ClientError as error:
                if error.response["Error"]["Code"] != _GONE:
                    raise

    def _schedule(self, call: Callable[..., Any], number: int, ending: Ending, until: float) -> None:
        from botocore.exceptions import ClientError

        moment = datetime.fromtimestamp(until + number * _APART_S, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        place = self.topology.place
        try:
            call(
                Name=self._name(number),
                GroupName=self._group,
                ScheduleExpression=f"at({moment})",
                ScheduleExpressionTimezone="UTC",
                FlexibleTimeWindow={"Mode": "OFF"},
                ActionAfterCompletion="DELETE",
                Target={
                    "Arn": f"arn:{place.partition}:scheduler:::aws-sdk:{ending.service}:{ending.action}",
                    "RoleArn": f"arn:{place.partition}:iam::{place.account}:role/{self.topology.names.sweeper_role}",
                    "Input": json.dumps(dict(ending.arguments)),
                },
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != _THERE:  # made by a call whose answer was lost
                raise

    def _name(self, number: int) -> str:
        return f"{self.operation}-{number}"

    @property
    def _group(self) -> str:
        return self.topology.names.operations_table
