"""Keeps every event of the bus: one JSON Lines object in S3 per batch."""

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import blake2b

import orjson

from fanout import Envelope, Worker
from fanout.aws import client
from fanout.resources import bucket

worker = Worker(__file__)


@worker.handles_batch
def append(envelopes: Sequence[Envelope]) -> None:
    """S3 cannot append to an object; a batch becomes an object of its own, in a folder per hour of receipt. Its name
    follows from the events in it alone, so that the same batch, written again in the same hour, replaces itself; later,
    and after a crash, when events are written one by one, an event has a line more: a reader takes each source and
    ``event_id`` once."""
    lines = [orjson.dumps(envelope.pack()) for envelope in envelopes]
    identities = "\n".join(sorted(envelope.metadata.event_id for envelope in envelopes))
    name = blake2b(identities.encode(), digest_size=16).hexdigest()
    client("s3").put_object(
        Bucket=bucket("audit"),
        Key=f"events/{_hour()}/{name}.jsonl",
        Body=b"\n".join(lines) + b"\n",
        ContentType="application/jsonl",
    )


def _hour() -> str:
    """``2026/11/21/03``, in UTC: the time in an event is its publisher's word, and one false one would misfile all."""
    return datetime.now(UTC).strftime("%Y/%m/%d/%H")


handler = worker.lambda_handler
