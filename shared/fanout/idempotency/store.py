"""What an idempotency store promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from fanout.errors import EventError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

__all__ = ["Claim", "ClaimState", "Completion", "Request", "Store", "fingerprint"]


COMMITTED = "committed"
"""The owner of what was committed: nobody, so that not even the same message takes its claim over again."""

LOCK_LOST = "the lock expired, and another execution has taken the event over"


class ClaimState(StrEnum):
    """What a store answers to a claim."""

    CLAIMED = "claimed"
    """The caller alone may handle the event, until its lock expires."""
    COMPLETED = "completed"
    """The event has been handled; ``result`` is what its handler returned."""
    IN_PROGRESS = "in progress"
    """Another execution holds the lock, until ``locked_until``."""
    CONFLICT = "conflict"
    """The same event_id came before with other data."""
    UNAVAILABLE = "unavailable"
    """The store could not say; ``reason`` tells why. Nothing was claimed."""


@dataclass(slots=True, kw_only=True)
class Request:
    """The wish to handle one event."""

    key: str
    """``<worker>#<event_id>``."""
    owner: str
    """Who asks: unique to this delivery in this execution (strict), or to the message (claim)."""
    fingerprint: str
    """Of the event's data: see :func:`fingerprint`."""
    lock_until: float
    """When an unfinished claim may be taken over by others, in seconds since 1970."""


@dataclass(slots=True, kw_only=True)
class Claim:
    """The answer to a :class:`Request`."""

    key: str
    owner: str
    state: ClaimState
    result: Any = None
    pending: Sequence[Mapping[str, Any]] = ()
    """Of a completed event: the packed envelopes that were committed with it and may not be published yet."""
    locked_until: float = 0.0
    reason: str = ""


@dataclass(slots=True, kw_only=True)
class Completion:
    """A claim whose event has been handled, with what the handler returned (JSON values)."""

    claim: Claim
    result: Any = None


class Store(Protocol):
    """Claims, completions and releases, each for a whole batch at once.

    The keys within one call are distinct. No method raises for what befalls a single record, or the whole call:
    the answer for that record tells.
    """

    def claim(self, requests: Sequence[Request]) -> list[Claim]:
        """An answer for each request, in order."""

    def complete(self, completions: Sequence[Completion]) -> list[bool]:
        """Whether each completion is recorded, in order; not so when the lock was lost or the store did not answer."""

    def release(self, claims: Sequence[Claim]) -> None:
        """Give claims back, so that a redelivery may be handled at once. A claim that cannot be given back expires."""

    def commit(
        self,
        items: Sequence[TransactWriteItemTypeDef],
        completion: Completion,
        pending: Sequence[Mapping[str, Any]],
    ) -> None:
        """Write a handler's own items and the completion of its claim in one transaction, with the packed envelopes
        that are to be published after it.

        :raises Retry: the claim was lost to another execution, whose effect counts; nothing was written.
        :raises TransactionCanceledException: DynamoDB's, for the handler's own items; nothing was written.
        """

    def forget_pending(self, keys: Sequence[str]) -> None:
        """The events committed with these completions have been published. What cannot be forgotten is published
        again with the next duplicate, under the same event_id."""


def fingerprint(data: Mapping[str, Any]) -> str:
    """The same for equal data, however its keys are ordered: 128 bits of BLAKE2b over its sorted JSON.

    :raises EventError: the data nest deeper than JSON is written here, though not deeper than it is read.
    """
    try:
        written = orjson.dumps(data, option=orjson.OPT_SORT_KEYS)
    except TypeError as error:
        raise EventError(f"detail.data: cannot be written as JSON: {error}") from error
    return blake2b(written, digest_size=16).hexdigest()
