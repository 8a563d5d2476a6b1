"""The bus in this process: who gets an event is decided by the declared rules and filters, and by the pattern engine
that checks them."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import uuid4

from fanout_tools.declarations.routing import patterns_of
from fanout_tools.dev.sqs import LocalSqs
from fanout_tools.operate.topology import Topology
from fanout_tools.patterns import Pattern

__all__ = ["LocalBus", "Sent"]

MOST_SENT = 1_000
MAX_BYTES = 1024 * 1024
"""Of an entry (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html)."""
UNHEARD_SOURCES = ("fanout.ops", "canary.")
"""Of events that the rules for events without a worker leave out."""


class Sent(NamedTuple):
    """An event that the bus took."""

    at: float
    event: Mapping[str, Any]
    """As EventBridge delivers it."""
    recipients: tuple[str, ...]
    """The workers whose queues have it."""

    @property
    def name(self) -> str:
        """``<source>/<Name>``."""
        return f"{self.event['source']}/{self.event['detail-type']}"

    @property
    def event_id(self) -> str:
        """Of the envelope; of what has none, EventBridge's."""
        metadata = self.event["detail"].get("metadata") if isinstance(self.event["detail"], dict) else None
        found = metadata.get("event_id") if isinstance(metadata, dict) else None
        return str(found or self.event["id"])


@dataclass(eq=False)
class LocalBus:
    """
    :ivar topology: of the workers as they are declared now.
    :ivar told: is told of every event that the bus takes.
    """

    topology: Topology
    sqs: LocalSqs = field(repr=False)
    clock: Callable[[], float] = field(repr=False)
    told: Callable[[Sent], None] = field(default=lambda _: None, repr=False)
    sent: deque[Sent] = field(default_factory=lambda: deque(maxlen=MOST_SENT), init=False, repr=False)
    """The last ones, in order."""
    _patterns: dict[tuple[str, str], list[Pattern]] = field(default_factory=dict, init=False, repr=False)

    def declare(self, topology: Topology) -> None:
        """Route by these declarations from here on."""
        self.topology = topology
        self._patterns.clear()

    def put_events(self, *, Entries: Iterable[Mapping[str, Any]], **_: Any) -> dict[str, Any]:  # noqa: N803 - boto3's
        """As EventBridge's PutEvents."""
        answers = [self._put(entry) for entry in Entries]
        return {"FailedEntryCount": sum("ErrorCode" in it for it in answers), "Entries": answers}

    def _put(self, entry: Mapping[str, Any]) -> dict[str, str]:
        source, text = str(entry.get("Source", "")), str(entry.get("Detail", ""))
        if source.startswith("aws."):
            return _refused("NotAuthorizedForSourceException", f"{source}: aws. is for AWS's own events")
        if len(text.encode()) > MAX_BYTES:
            return _refused("InvalidArgument", f"over {MAX_BYTES} bytes")
        try:
            detail = json.loads(text)
        except ValueError:
            detail = None
        if not isinstance(detail, dict) or not entry.get("DetailType") or not source:
            return _refused("MalformedDetail", "Detail is malformed.")
        return {"EventId": self.deliver(source, str(entry["DetailType"]), detail).event["id"]}

    def deliver(self, source: str, name: str, detail: Mapping[str, Any]) -> Sent:
        """Put an event into the queue of every worker that is to get it; AWS's own too."""
        now = self.clock()
        event = {
            "version": "0",
            "id": str(uuid4()),
            "detail-type": name,
            "source": source,
            "account": self.topology.account,
            "time": datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": self.topology.region,
            "resources": [],
            "detail": detail,
        }
        sent = Sent(now, event, tuple(self._recipients(event)))
        self.sent.append(sent)
        self.told(sent)
        self._enqueue(sent)
        return sent

    def _recipients(self, event: Mapping[str, Any]) -> Iterable[str]:
        identifier = f"{event['source']}/{event['detail-type']}"
        for name, place in self.topology.workers.items():
            if (name, identifier) not in self._patterns:
                self._patterns[name, identifier] = patterns_of(place.manifest, identifier)
            if any(pattern.matches(event) for pattern in self._patterns[name, identifier]):
                yield name

    def _enqueue(self, sent: Sent) -> None:
        body = json.dumps(sent.event)
        for name in sent.recipients:
            place = self.topology.workers[name]
            # The rule gives all events of a FIFO worker one group, and the queue tells them apart by their content.
            more = {"MessageGroupId": name, "MessageDeduplicationId": body} if place.fifo else {}
            self.sqs.send_message(QueueUrl=place.queue_url, MessageBody=body, **more)
        source, _, event = sent.name.partition("/")
        if not self.topology.subscribers(source, event) and not source.startswith(UNHEARD_SOURCES):
            self.sqs.send_message(QueueUrl=self.topology.names.unmatched_queue, MessageBody=body)


def _refused(code: str, message: str) -> dict[str, str]:
    return {"ErrorCode": code, "ErrorMessage": message}
