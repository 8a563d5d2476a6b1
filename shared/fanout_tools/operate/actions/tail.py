"""Look at events as they pass the bus: a rule and a queue of one's own, which a lease takes away again.

Nothing of it touches the workers' way: the rule is one more, the queue forgets after a minute.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from fanout.errors import CanaryError, EventError, FanoutError
from fanout.events.envelope import Envelope
from fanout_tools.declarations import routing
from fanout_tools.operate.lease import LEASE_S, Ending, Lease
from fanout_tools.operate.masking import Masking
from fanout_tools.operate.sweeping import remove
from fanout_tools.operate.topology import Topology
from fanout_tools.patterns import EVENTBRIDGE, Pattern

__all__ = ["Seen", "Tail", "TailError", "pattern_of"]

RETENTION_S: Final = 60
"""The shortest that SQS has."""
POLL_S: Final = 1
TARGET: Final = "tail"
KIND: Final = "tail"


class TailError(FanoutError):
    """Nothing can be looked at."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An event that passed."""

    at: str
    """When it was published, as its envelope says."""
    event: str
    """``<source>/<Name>``."""
    event_id: str
    correlation_id: str
    subject: str | None
    bytes: int
    data: Mapping[str, Any]

    def to_json(self, *, data: Masking | None) -> dict[str, Any]:
        """
        :param data: with the event's data, so far as this shows them; None: without.
        """
        told = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "data"}
        return told if data is None else {**told, "data": data.data(self.event, self.data)}


def pattern_of(topology: Topology, about: str) -> dict[str, Any]:
    """The EventBridge pattern of what a person asks for: a worker, ``<source>/<Name>``, ``<source>/*``, ``*``, or a
    pattern in JSON.

    :raises PatternError: EventBridge would refuse it.
    :raises UnknownWorkerError: it is none of these.
    """
    pattern = _pattern_of(topology, about)
    Pattern.parse(pattern, dialect=EVENTBRIDGE)
    return pattern


def _pattern_of(topology: Topology, about: str) -> dict[str, Any]:
    if about.startswith("{"):
        try:
            given: dict[str, Any] = json.loads(about)
        except ValueError as error:
            raise TailError(f"{about}: is no JSON: {error}") from error
        return given
    if about == "*":
        return {"version": ["0"]}
    source, slash, name = about.partition("/")
    if slash:
        return {"source": [source]} | ({} if name == "*" else {"detail-type": [name]})
    patterns = list(routing.rule_patterns(topology.worker(about).manifest).values())
    return patterns[0] if len(patterns) == 1 else {"$or": patterns}


@dataclass(frozen=True)
class Tail:
    """One look.

    :ivar client: makes the client of a service.
    """

    topology: Topology
    pattern: Mapping[str, Any]
    client: Any = field(repr=False)
    operation: str = field(default_factory=lambda: f"{int(time.time()):x}-{secrets.token_hex(2)}")

    @property
    def name(self) -> str:
        """Of the rule and of the queue."""
        return self.topology.names.temporary(KIND, self.operation)

    @property
    def _url(self) -> str:
        return self.topology.place.queue_url(self.name)

    @cached_property
    def lease(self) -> Lease:
        return Lease(self.client("scheduler"), self.topology, self.operation, self._endings)

    @property
    def _endings(self) -> Sequence[Ending]:
        rule = {"EventBusName": self.topology.names.bus}
        return (
            Ending("eventbridge", "removeTargets", {**rule, "Rule": self.name, "Ids": [TARGET]}),
            Ending("eventbridge", "deleteRule", {**rule, "Name": self.name}),
            Ending("sqs", "deleteQueue", {"QueueUrl": self._url}),
        )

    @contextmanager
    def open(self) -> Iterator[None]:
        """Make rule and queue, and take them away at the end, however it comes."""
        self.lease.begin()
        try:
            self._make()
            yield
        finally:
            self.close()

    def _make(self) -> None:
        rule_arn = self.topology.place.arn("events", self.topology.names.rule_path(self.name))
        queue_arn = self.topology.place.arn("sqs", self.name)
        policy = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "events.amazonaws.com"},
                    "Action": "sqs:SendMessage",
                    "Resource": queue_arn,
                    "Condition": {"ArnEquals": {"aws:SourceArn": rule_arn}},
                }
            ],
        }
        attributes = {"MessageRetentionPeriod": str(RETENTION_S), "Policy": json.dumps(policy)}
        self.client("sqs").create_queue(QueueName=self.name, Attributes=attributes)
        events, bus = self.client("events"), self.topology.names.bus
        events.put_rule(Name=self.name, EventBusName=bus, EventPattern=json.dumps(self.pattern))
        answer = events.put_targets(Rule=self.name, EventBusName=bus, Targets=[{"Id": TARGET, "Arn": queue_arn}])
        if answer.get("FailedEntryCount"):
            raise TailError(f"rule {self.name}: {answer['FailedEntries'][0]['ErrorMessage']}")

    def look(self, seconds: float | None = None, clock: Any = time.monotonic) -> Iterator[Seen]:
        """Each event that passes.

        :param seconds: for so long; None: for ever.
        """
        began = extended = clock()
        while seconds is None or clock() - began < seconds:
            if clock() - extended > LEASE_S / 3:
                self.lease.extend()
                extended = clock()
            yield from self._receive()

    def _receive(self) -> Iterator[Seen]:
        sqs = self.client("sqs")
        answer = sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10, WaitTimeSeconds=POLL_S)
        messages = answer.get("Messages", [])
        if messages:
            entries = [{"Id": str(n), "ReceiptHandle": it["ReceiptHandle"]} for n, it in enumerate(messages)]
            sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)
        for message in messages:
            seen = _seen(message["Body"])
            if seen is not None:
                yield seen

    def close(self) -> None:
        """Take rule and queue away, and the lease with them; what is not there is no error."""
        remove(self.client, self.topology, self.name, TARGET)
        self.lease.end()


def _seen(body: str) -> Seen | None:
    """None: a canary, or nothing that this version can read."""
    try:
        envelope = Envelope.decode(body)
    except (CanaryError, EventError):
        return None
    it = envelope.metadata
    return Seen(
        it.published_at, envelope.identifier, it.event_id, it.correlation_id, it.subject, len(body), envelope.data
    )
