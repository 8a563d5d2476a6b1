"""The function that publishes what transactions wrote, from the stream of the outbox's table.

One event of each partition at a time is under way, so that a retry never lets a later one overtake it. What the bus
does not take for the moment is answered as failed: Lambda then hands out the stream again from the first of them
(https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html). What it can never take is
marked in the table and told in the log, and holds up nothing.
"""

from __future__ import annotations

import logging
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from fanout import aws, telemetry
from fanout.errors import EventError
from fanout.events.envelope import Envelope
from fanout.outbox.items import Written
from fanout.outbox.marks import mark_refused, mark_relayed
from fanout.payloads import ClaimCheck
from fanout.publish import Publisher, Routes

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

__all__ = ["Relay", "handler", "relay_of_environment"]

log = logging.getLogger(__name__)

POISON = frozenset({"InvalidArgument", "MalformedDetail", "NotJson", "TooLarge"})
"""Error codes that are the event's own fault, and stay."""

ROUTES = Path(__file__).with_name("routes.json")
"""What the build knows of the events' ways; not there in the repository."""


@dataclass
class Relay:
    """Publishes batches of stream records."""

    publisher: Publisher
    dynamodb: DynamoDBClient
    table: str
    clock: Callable[[], float] = time.time
    counts: Counter[str] = field(default_factory=Counter)
    """Of the last batch: relayed, held (to come again), refused."""

    def relay(self, records: Iterable[Mapping[str, Any]]) -> list[str]:
        """Publish what stream records tell of; returns the sequence numbers of those that have to come again."""
        written = [Written.from_stream(record) for record in records if record["eventName"] == "INSERT"]
        return [each.sequence_number for each in self.publish(written)]

    def publish(self, written: Sequence[Written]) -> list[Written]:
        """Publish events, of each partition in order; returns those that have to come again."""
        partitions: dict[str, deque[Written]] = {}
        for each in written:
            partitions.setdefault(each.partition, deque()).append(each)
        relayed, refused = list[Written](), dict[Written, str]()
        while heads := [waiting[0] for waiting in partitions.values() if waiting]:
            for head, error in zip(heads, self._publish(heads), strict=True):
                if error is None or error.partition(":")[0] in POISON:
                    partitions[head.partition].popleft()
                    relayed.append(head) if error is None else refused.update({head: error})
                else:
                    log.warning("an event is held: %s", error, extra={"event_id": head.published_id})
                    partitions[head.partition].clear()
        self._settle(relayed, refused)
        done = {*relayed, *refused}
        held = [each for each in written if each not in done]
        self.counts = Counter(relayed=len(relayed), held=len(held), refused=len(refused))
        return held

    def _publish(self, heads: Sequence[Written]) -> list[str | None]:
        """Each event's error, or None."""
        envelopes = [_envelope(head) for head in heads]
        receipts = iter(list(self.publisher.publish_all(e for e in envelopes if isinstance(e, Envelope))))
        return [each if isinstance(each, str) else next(receipts).error for each in envelopes]

    def _settle(self, relayed: Sequence[Written], refused: Mapping[Written, str]) -> None:
        for each, error in refused.items():
            log.error(
                "the bus will never take an event of the outbox: %s", error, extra={"event_id": each.published_id}
            )
        mark_relayed(self.dynamodb, self.table, relayed, now=self.clock())
        mark_refused(self.dynamodb, self.table, refused)


def _envelope(written: Written) -> Envelope | str:
    try:
        return written.envelope
    except EventError as error:
        return f"MalformedDetail: {error}"


RETURN_S = 1.0
"""What is kept of the function's time to return in."""


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """The function's entry: a batch of stream records in, those that have to come again out."""
    aws.finish_by(time.monotonic() + context.get_remaining_time_in_millis() / 1000 - RETURN_S)
    relay = relay_of_environment()
    held = relay.relay(event["Records"])
    telemetry.emit_metrics({"worker": "outbox"}, relay.counts, {})
    return {"batchItemFailures": [{"itemIdentifier": sequence_number} for sequence_number in held]}


@cache
def relay_of_environment() -> Relay:
    """The relay as the function's environment and its packed routes declare it, made once."""
    telemetry.configure()
    routes = Routes.from_json(orjson.loads(ROUTES.read_bytes())) if ROUTES.exists() else Routes()
    claim_check = ClaimCheck(lambda: aws.client("s3"), lambda: os.environ["FANOUT_CLAIMS_BUCKET"])
    publisher = Publisher.connect(os.environ["FANOUT_BUS"], routes=routes, claim_check=claim_check)
    return Relay(publisher, aws.client("dynamodb"), os.environ["FANOUT_OUTBOX_TABLE"])
