"""Send one batch; then again what failed of it, until nothing did or the attempts are used up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fanout import aws
from fanout.payloads.store import ClaimCheck, Deposit
from fanout.publish.buses import Fault, put
from fanout.publish.entries import Entry
from fanout.publish.receipts import Receipt

__all__ = ["Sender"]

MAX_ATTEMPTS = 5
BACKOFF_BASE_S = 0.1
BACKOFF_CAP_S = 5.0

CLAIM_REFUSED = frozenset({"AccessDenied", "EntityTooLarge", "InvalidBucketName", "NoSuchBucket"})
"""Error codes of S3 that no repetition changes."""


@dataclass(slots=True)
class _Sending:
    """An entry on its way."""

    entry: Entry
    attempts: int = 0
    fault: Fault | None = None
    deposited: bool = False

    def receipt(self) -> Receipt:
        error = self.entry.unfit or (str(self.fault) if self.fault else None)
        permanent = self.entry.unfit is not None or (self.fault is not None and self.fault.permanent)
        return Receipt(envelope=self.entry.envelope, attempts=self.attempts, error=error, permanent=permanent)


@dataclass(frozen=True)
class Sender:
    """Sends batches to one bus. Safe to share between threads."""

    client: Any
    bus: str
    claim_check: ClaimCheck | None
    sleep: Callable[[float], None]
    uniform: Callable[[float, float], float]

    def send(self, batch: Sequence[Entry]) -> list[Receipt]:
        """A receipt for each entry, in order."""
        sendings = [_Sending(entry) for entry in batch]
        pending = [sending for sending in sendings if sending.entry.unfit is None]
        for attempt in range(1, MAX_ATTEMPTS + 1):
            self._attempt(pending, attempt)
            pending = [sending for sending in pending if sending.fault and not sending.fault.permanent]
            if not pending or attempt == MAX_ATTEMPTS:
                break
            # Full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
            pause_s = self.uniform(0, min(BACKOFF_CAP_S, BACKOFF_BASE_S * 2**attempt))
            left_s = aws.remaining_s()
            if left_s is not None and pause_s >= left_s:
                break
            self.sleep(pause_s)
        return [sending.receipt() for sending in sendings]

    def _attempt(self, pending: Sequence[_Sending], attempt: int) -> None:
        for sending in pending:
            sending.attempts = attempt
            sending.fault = None if sending.entry.deposit is None else self._deposit(sending, sending.entry.deposit)
        ready = [sending for sending in pending if sending.fault is None]
        if ready:
            faults = put(self.client, self.bus, [sending.entry.request for sending in ready])
            for sending, fault in zip(ready, faults, strict=True):
                sending.fault = fault

    def _deposit(self, sending: _Sending, deposit: Deposit) -> Fault | None:
        """Before the event, so that no subscriber can come too early."""
        from botocore.exceptions import BotoCoreError, ClientError

        if sending.deposited or self.claim_check is None:
            return None
        try:
            self.claim_check.put(deposit)
        except ClientError as error:
            code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
            return Fault("ClaimRefused" if code in CLAIM_REFUSED else "ClaimNotStored", f"{code}: {message}")
        except BotoCoreError as error:
            return Fault("ClaimNotStored", f"{type(error).__name__}: {error}")
        sending.deposited = True
        return None
