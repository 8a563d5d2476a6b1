"""An idempotency store in this process: for unit tests and benchmarks. It promises what DynamoDB's does."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fanout.idempotency.store import Claim, ClaimState, Completion, Request

__all__ = ["MemoryStore"]


@dataclass(slots=True)
class _Item:
    owner: str
    fingerprint: str
    locked_until: float
    expires: float
    completed: bool = False
    result: Any = None


class MemoryStore:
    """
    :param ttl_s: how long a completed event is remembered.
    :param clock: seconds since 1970; tests give their own.
    """

    def __init__(self, *, ttl_s: float = 86_400, clock: Callable[[], float] = time.time) -> None:
        self._ttl_s = ttl_s
        self._clock = clock
        self._items: dict[str, _Item] = {}

    def claim(self, requests: Sequence[Request]) -> list[Claim]:
        return [self._claim(request) for request in requests]

    def _claim(self, request: Request) -> Claim:
        now = self._clock()
        item = self._items.get(request.key)
        if item is not None and item.expires > now:
            if item.fingerprint != request.fingerprint:
                return Claim(key=request.key, owner=request.owner, state=ClaimState.CONFLICT)
            if item.completed:
                return Claim(key=request.key, owner=request.owner, state=ClaimState.COMPLETED, result=item.result)
            if item.locked_until > now:
                return Claim(
                    key=request.key,
                    owner=request.owner,
                    state=ClaimState.IN_PROGRESS,
                    locked_until=item.locked_until,
                )
        self._items[request.key] = _Item(request.owner, request.fingerprint, request.lock_until, now + self._ttl_s)
        return Claim(key=request.key, owner=request.owner, state=ClaimState.CLAIMED)

    def complete(self, completions: Sequence[Completion]) -> list[bool]:
        return [self._complete(completion) for completion in completions]

    def _complete(self, completion: Completion) -> bool:
        item = self._items.get(completion.claim.key)
        if item is None or item.completed or item.owner != completion.claim.owner:
            return False
        item.completed, item.result, item.expires = True, completion.result, self._clock() + self._ttl_s
        return True

    def release(self, claims: Sequence[Claim]) -> None:
        for claim in claims:
            item = self._items.get(claim.key)
            if item is not None and not item.completed and item.owner == claim.owner:
                del self._items[claim.key]
