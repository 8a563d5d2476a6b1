"""What a worker's function was invoked with: a batch of SQS records, or something else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fanout.errors import DeclarationError

__all__ = ["records_of", "refusal"]

SQS = "aws:sqs"


def records_of(event: Any) -> Sequence[Mapping[str, Any]] | None:
    """The SQS records of a batch, as an event source mapping (``{"Records": [...]}``) or EventBridge Pipes (a list)
    sends them; None for a direct invocation.

    :raises DeclarationError: its records are another service's.
    """
    if isinstance(event, Mapping) and isinstance(event.get("Records"), list):
        records: list[Mapping[str, Any]] = event["Records"]
        for record in records:
            if type(record) is dict and record.get("eventSource") == SQS:
                continue  # as always from a queue: nothing slower for each record of each batch
            if _source(record) != SQS:
                raise DeclarationError(
                    f"the function was invoked with records of {_source(record)}; a worker takes those of its queue: "
                    "send them to the queue, or through the bus"
                )
        return records
    if isinstance(event, list) and event and all(_source(record) == SQS for record in event):
        return event
    return None


def refusal(worker: str, event: Any) -> DeclarationError:
    """What to raise for a direct invocation that nothing in the worker handles."""
    return DeclarationError(
        f"{worker}: invoked with {_what(event)}, which nothing handles; publish events to the bus, or declare a "
        "function with @worker.invoked"
    )


def _source(record: Any) -> str:
    if not isinstance(record, Mapping):
        return f"no service: {type(record).__name__}"
    source = record.get("eventSource") or record.get("EventSource")
    if source is None and "messageId" in record and "receiptHandle" in record:
        return SQS
    return str(source or "an unnamed service")[:100]


def _what(event: Any) -> str:
    if isinstance(event, list):
        return f"a list of {len(event)} values that are not SQS records"
    if not isinstance(event, Mapping):
        return f"a {type(event).__name__}"
    if "detail-type" in event:
        return f"an EventBridge event ({event.get('source')}/{event['detail-type']})"[:200]
    return "an object with the keys " + (", ".join(sorted(map(str, event)))[:200] or "(none)")
