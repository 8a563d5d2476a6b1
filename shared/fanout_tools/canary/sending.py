"""Canaries onto the bus, and objects into buckets; and away again what would stay."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from fanout_tools.canary.deployed import Deployed
from fanout_tools.canary.planning import Canary

__all__ = ["Sending", "sending"]

MAX_ENTRIES = 10
"""Of a call (https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html)."""


@dataclass
class Sending:
    """What was sent, and when."""

    at_s: dict[str, float] = field(default_factory=dict)
    """Seconds since 1970, by the canary's id: just before the call."""
    refused: dict[str, str] = field(default_factory=dict)
    """Why the bus, or the bucket, did not take it."""
    objects: list[tuple[str, str, str | None]] = field(default_factory=list)
    """Bucket, key and version of what was put there."""


@contextmanager
def sending(deployed: Deployed, canaries: Sequence[Canary]) -> Iterator[Sending]:
    """Send them all; at the end their objects are taken away."""
    done = Sending()
    try:
        _put_events(deployed, [it for it in canaries if it.bucket is None], done)
        for canary in canaries:
            if canary.bucket is not None:
                _put_object(deployed, canary, canary.bucket, done)
        yield done
    finally:
        for bucket, key, version in done.objects:
            kept = {"VersionId": version} if version else {}
            deployed.client("s3").delete_object(Bucket=bucket, Key=key, **kept)


def _put_events(deployed: Deployed, canaries: Sequence[Canary], done: Sending) -> None:
    from botocore.exceptions import ClientError

    for start in range(0, len(canaries), MAX_ENTRIES):
        chunk = canaries[start : start + MAX_ENTRIES]
        entries = [
            {
                "EventBusName": deployed.names.bus,
                "Source": it.source,
                "DetailType": it.event["detail-type"],
                "Detail": json.dumps(it.event["detail"]),
            }
            for it in chunk
        ]
        done.at_s |= dict.fromkeys((it.id for it in chunk), time.time())
        try:
            answered = deployed.client("events").put_events(Entries=entries)["Entries"]
        except ClientError as error:
            done.refused |= dict.fromkeys((it.id for it in chunk), str(error))
            continue
        for canary, entry in zip(chunk, answered, strict=True):
            if "ErrorCode" in entry:
                done.refused[canary.id] = f"{entry['ErrorCode']}: {entry.get('ErrorMessage', '')}"


def _put_object(deployed: Deployed, canary: Canary, bucket: str, done: Sending) -> None:
    from botocore.exceptions import ClientError

    done.at_s[canary.id] = time.time()
    try:
        put = deployed.client("s3").put_object(Bucket=bucket, Key=canary.key, Body=b"")
    except ClientError as error:
        done.refused[canary.id] = str(error)
    else:
        done.objects.append((bucket, canary.key, put.get("VersionId")))
