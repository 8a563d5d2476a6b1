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
    """S3 cannot append to an object; a batch becomes an object of its own, in a folder per hour. Its name follows
    from the events in it, so that the same batch, written again after a crash, replaces itself."""
    lines = [
        orjson.dumps(
            {
                "source": envelope.source,
                "name": envelope.name,
                "metadata": envelope.metadata.to_json(),
                "data": envelope.data,
            }
        )
        for envelope in envelopes
    ]
    identities = "\n".join(sorted(envelope.metadata.event_id for envelope in envelopes))
    name = blake2b(identities.encode(), digest_size=16).hexdigest()
    client("s3").put_object(
        Bucket=bucket("audit"),
        Key=f"events/{datetime.now(UTC):%Y/%m/%d/%H}/{name}.jsonl",
        Body=b"\n".join(lines) + b"\n",
        ContentType="application/jsonl",
    )


handler = worker.lambda_handler
