"""What an operator sees of a deployment: its queues and what its workers say in their logs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from fanout import aws
from fanout.errors import FanoutError
from fanout_tools.declarations.naming import Names
from fanout_tools.declarations.worker import Manifest

__all__ = ["Deployment", "DeploymentError", "Depth"]

WORKERS_AT_ONCE = 16

T = TypeVar("T")


class DeploymentError(FanoutError):
    """The deployment is not there, or not as its declarations say."""


@dataclass(frozen=True, slots=True)
class Depth:
    """Messages in a worker's queues; Amazon SQS counts approximately."""

    waiting: int
    in_flight: int
    dead: int

    @property
    def quiet(self) -> bool:
        return self.waiting == self.in_flight == 0


@dataclass(frozen=True)
class Deployment:
    """The workers under one namespace."""

    names: Names
    manifests: Mapping[str, Manifest]

    def depths(self) -> dict[str, Depth]:
        """The depth of every worker's queue and DLQ.

        :raises DeploymentError: a queue is missing.
        """
        return self._for_each(self._depth)

    def counts(self, since_ms: int) -> dict[str, Counter[str]]:
        """The records of every worker by outcome, and ``received``, as its log tells since then (milliseconds since
        1970).

        :raises DeploymentError: a log group is missing.
        """
        return self._for_each(lambda worker: self._count(worker, since_ms))

    def bucket(self, name: str) -> str:
        return self.names.bucket(name, self.account)

    @cached_property
    def account(self) -> str:
        return aws.client("sts").get_caller_identity()["Account"]

    def queue_url(self, worker: str) -> str:
        return self._url(self.names.queue(worker, fifo=self.manifests[worker].queue.fifo))

    def dead_letter_queue_url(self, worker: str) -> str:
        return self._url(self.names.dead_letter_queue(worker, fifo=self.manifests[worker].queue.fifo))

    def _for_each(self, look: Callable[[str], T]) -> dict[str, T]:
        with ThreadPoolExecutor(WORKERS_AT_ONCE) as pool:
            return dict(zip(self.manifests, pool.map(look, self.manifests), strict=True))

    def _url(self, queue: str) -> str:
        sqs = aws.client("sqs")
        try:
            return sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        except sqs.exceptions.QueueDoesNotExist as error:
            raise DeploymentError(
                f"queue {queue} does not exist; is {self.names.namespace} deployed there? Run `make deploy`"
            ) from error

    def _depth(self, worker: str) -> Depth:
        waiting, in_flight = self._messages(self.queue_url(worker))
        dead, dead_in_flight = self._messages(self.dead_letter_queue_url(worker))
        return Depth(waiting, in_flight, dead + dead_in_flight)

    def _messages(self, url: str) -> tuple[int, int]:
        """Those that wait, and those in flight. Delayed ones wait for nothing but a gather's deadline."""
        attributes = aws.client("sqs").get_queue_attributes(
            QueueUrl=url,
            AttributeNames=[
                "ApproximateNumberOfMessages",
                "ApproximateNumberOfMessagesNotVisible",
            ],
        )["Attributes"]
        number = {name.removeprefix("ApproximateNumberOfMessages"): int(value) for name, value in attributes.items()}
        return number[""], number["NotVisible"]

    def _count(self, worker: str, since_ms: int) -> Counter[str]:
        total = Counter[str]()
        for line in self._metric_lines(worker, since_ms):
            total.update({name: value for name, value in line.items() if type(value) is int})
        return total

    def _metric_lines(self, worker: str, since_ms: int) -> Iterable[dict[str, Any]]:
        logs = aws.client("logs")
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=self.names.log_group(worker), startTime=since_ms, filterPattern='"_aws"'
        )
        try:
            for page in pages:
                for event in page["events"]:
                    line = _object(event["message"])
                    # The line's own time decides: an emulator's log stream may not know milliseconds.
                    if line.get("_aws", {}).get("Timestamp", 0) >= since_ms:
                        yield line
        except logs.exceptions.ResourceNotFoundException as error:
            raise DeploymentError(
                f"log group {self.names.log_group(worker)} does not exist; run `make deploy`"
            ) from error


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
