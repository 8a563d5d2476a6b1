"""An idempotency store in this process: for unit tests and benchmarks. It promises what DynamoDB's does."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from fanout.aws import client
from fanout.idempotency.store import COMMITTED, LOCK_LOST, Claim, ClaimState, Completion, Request
from fanout.outcomes import Retry

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

__all__ = ["MemoryStore"]


@dataclass(slots=True)
class _Item:
    owner: str
    fingerprint: str
    locked_until: float
    expires: float
    completed: bool
    result: bytes = b"null"
    """As JSON, for a duplicate gets JSON values."""
    pending: bytes = b"[]"
    """As JSON."""


class MemoryStore:
    """
    :param ttl_s: how long a completed event is remembered.
    :param one_write: the ``claim`` mode: see :class:`fanout.idempotency.DynamoDBStore`.
    :param clock: seconds since 1970; tests give their own.
    """

    def __init__(
        self, *, ttl_s: float = 86_400, one_write: bool = False, clock: Callable[[], float] = time.time
    ) -> None:
        self._ttl_s = ttl_s
        self._one_write = one_write
        self._clock = clock
        self._items: dict[str, _Item] = {}

    def claim(self, requests: Sequence[Request]) -> list[Claim]:
        return [self._claim(request) for request in requests]

    def _claim(self, request: Request) -> Claim:
        item = self._items.get(request.key)
        if item is None or self._free(request, item):
            self._items[request.key] = _Item(
                owner=request.owner,
                fingerprint=request.fingerprint,
                locked_until=request.lock_until,
                expires=self._clock() + self._ttl_s,
                completed=self._one_write,
            )
            return Claim(key=request.key, owner=request.owner, state=ClaimState.CLAIMED)
        if item.fingerprint != request.fingerprint:
            return Claim(key=request.key, owner=request.owner, state=ClaimState.CONFLICT)
        if item.completed:
            return Claim(
                key=request.key,
                owner=request.owner,
                state=ClaimState.COMPLETED,
                result=orjson.loads(item.result),
                pending=orjson.loads(item.pending),
            )
        return Claim(key=request.key, owner=request.owner, state=ClaimState.IN_PROGRESS, locked_until=item.locked_until)

    def _free(self, request: Request, item: _Item) -> bool:
        """Whether the item no longer stands against a claim: forgotten, its holder's lock run out, or our own."""
        now = self._clock()
        if item.expires <= now:
            return True
        if item.completed:
            return self._one_write and item.owner == request.owner
        return item.owner == request.owner or item.locked_until <= now

    def complete(self, completions: Sequence[Completion]) -> list[bool]:
        if self._one_write:
            return [True] * len(completions)
        return [self._complete(completion) for completion in completions]

    def _complete(self, completion: Completion) -> bool:
        item = self._items.get(completion.claim.key)
        if item is None or item.completed or item.owner != completion.claim.owner:
            return False
        item.completed, item.result = True, orjson.dumps(completion.result)
        item.expires = self._clock() + self._ttl_s
        return True

    def release(self, claims: Sequence[Claim]) -> None:
        for claim in claims:
            item = self._items.get(claim.key)
            if item is not None and item.completed is self._one_write and item.owner == claim.owner:
                del self._items[claim.key]

    def commit(
        self,
        items: Sequence[TransactWriteItemTypeDef],
        completion: Completion,
        pending: Sequence[Mapping[str, Any]],
    ) -> None:
        """The items go to DynamoDB, which cannot be in one transaction with this process's memory."""
        item = self._items.get(completion.claim.key)
        if item is None or item.owner != completion.claim.owner or item.completed is not self._one_write:
            raise Retry(LOCK_LOST)
        if items:
            client("dynamodb").transact_write_items(TransactItems=items)
        item.owner, item.completed = COMMITTED, True
        item.result, item.pending = orjson.dumps(completion.result), orjson.dumps(list(pending))
        item.expires = self._clock() + self._ttl_s

    def forget_pending(self, keys: Sequence[str]) -> None:
        for key in keys:
            if key in self._items:
                self._items[key].pending = b"[]"
