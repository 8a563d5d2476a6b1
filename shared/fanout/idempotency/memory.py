"""An idempotency store in this process: for unit tests and benchmarks. It promises what DynamoDB's does."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import orjson

from fanout.idempotency.store import Claim, ClaimState, Completion, Request

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
            result = orjson.loads(item.result)
            return Claim(key=request.key, owner=request.owner, state=ClaimState.COMPLETED, result=result)
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
