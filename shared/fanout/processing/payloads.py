"""The pass of a batch that puts claimed data back into their events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fanout.errors import EventError
from fanout.events.envelope import DataReference, Envelope
from fanout.payloads import ClaimCheck
from fanout.processing.delivery import Delivery

__all__ = ["fetch_payloads"]

FETCHES_AT_ONCE = 8


def fetch_payloads(deliveries: Sequence[Delivery], claim_check: ClaimCheck) -> None:
    """Give each open delivery its whole event. Data that are gone or are others reject it; an S3 that refuses or does
    not answer has it delivered again."""
    claimed = [
        (delivery, delivery.envelope, delivery.envelope.metadata.claim)
        for delivery in deliveries
        if delivery.envelope is not None and delivery.envelope.metadata.claim is not None and delivery.undecided
    ]
    if len(claimed) == 1:
        _fetch(claim_check, *claimed[0])
    elif claimed:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(min(FETCHES_AT_ONCE, len(claimed)), thread_name_prefix="claim") as pool:
            list(pool.map(lambda each: _fetch(claim_check, *each), claimed))


def _fetch(claim_check: ClaimCheck, delivery: Delivery, envelope: Envelope, reference: DataReference) -> None:
    try:
        data = claim_check.fetch(reference)
    except EventError as error:
        delivery.reject(error)
    except Exception as error:  # noqa: BLE001 - whatever is raised is that record's outcome
        delivery.retry(error)
    else:
        # Whole again: the handler may publish it as it is.
        delivery.envelope = replace(envelope, metadata=replace(envelope.metadata, claim=None), data=data)
