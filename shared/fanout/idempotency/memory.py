"""An idempotency store in this process: for unit tests and benchmarks. It promises what DynamoDB's does."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from fanout.aws import client
from fanout.idempotency.store import LOCK_LOST, Completion, Lock, LockState, Release, Request
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
    tries: int
    shared: int
    alone: bool
    batch: str
    state: LockState = LockState.ACQUIRED
    """ACQUIRED, RELEASED or COMPLETED."""
    result: bytes = b"null"
    """As JSON, for a duplicate gets JSON values."""
    pending: bytes = b"[]"
    """As JSON."""


class MemoryStore:
    """
    :param ttl_s: how long an event is remembered.
    :param one_write: the ``claim`` mode: see :class:`fanout.idempotency.DynamoDBStore`.
    :param clock: seconds since 1970; tests give their own.
    """

    def __init__(
        self, *, ttl_s: float = 18 * 86_400, one_write: bool = False, clock: Callable[[], float] = time.time
    ) -> None:
        self._ttl_s = ttl_s
        self._one_write = one_write
        self._clock = clock
        self._items: dict[str, _Item] = {}
        self._whole: set[str] = set()
        """The batches that were recorded as a whole."""

    def clear(self) -> None:
        """Forget every event."""
        self._items.clear()
        self._whole.clear()

    def acquire(self, requests: Sequence[Request]) -> list[Lock]:
        """As :meth:`Store.acquire`."""
        alone = len(requests) == 1
        batch = requests[0].owner if self._one_write and not alone else ""
        return [self._acquire(request, alone, batch) for request in requests]

    def _acquire(self, request: Request, alone: bool, batch: str) -> Lock:
        item = self._items.get(request.key)
        if item is not None:
            return self._known(request, item)
        return self._hold(request, tries=1, shared=0, alone=alone, batch=batch)

    def take_over(
        self,
        requests: Sequence[Request],
        known: Sequence[Lock],  # noqa: ARG002
        *,
        company: bool = False,
    ) -> list[Lock]:
        """As :meth:`Store.take_over`."""
        alone = len(requests) == 1 and not company
        # Another than of the lock before: the first request may be the same.
        batch = f"{requests[0].owner}/again" if self._one_write and not alone else ""
        return [self._take_over(request, alone, batch) for request in requests]

    def _take_over(self, request: Request, alone: bool, batch: str) -> Lock:
        now = self._known(request, self._items[request.key])
        if now.state not in (LockState.RELEASED, LockState.DIED):
            return now
        in_doubt = now.state is LockState.DIED and not now.alone
        return self._hold(request, tries=now.tries + 1, shared=now.shared + in_doubt, alone=alone, batch=batch)

    def _hold(self, request: Request, *, tries: int, shared: int, alone: bool, batch: str) -> Lock:
        key, owner, data, lock_until = request
        expires = self._clock() + self._ttl_s
        self._items[key] = _Item(owner, data, lock_until, expires, tries, shared, alone, batch)
        return Lock(key, owner, LockState.ACQUIRED, None, (), 0.0, "", tries, shared, alone, batch)

    def _known(self, request: Request, item: _Item) -> Lock:
        now = self._clock()
        lock = Lock(
            key=request.key,
            owner=request.owner,
            state=LockState.RELEASED,
            tries=item.tries,
            shared=item.shared,
            alone=item.alone,
        )
        if item.expires <= now:
            return lock._replace(tries=0, shared=0)
        held = item.state is LockState.ACQUIRED
        conflict = item.fingerprint != request.fingerprint
        if item.state is LockState.COMPLETED or (held and item.batch in self._whole):
            if conflict:
                return lock._replace(state=LockState.CONFLICT)
            result, pending = orjson.loads(item.result), orjson.loads(item.pending)
            return lock._replace(state=LockState.COMPLETED, result=result, pending=pending)
        if item.state is LockState.RELEASED:
            return lock
        if item.owner == request.owner:
            return lock._replace(state=LockState.ACQUIRED, batch=item.batch)
        if item.locked_until <= now:
            return lock._replace(state=LockState.DIED)
        return lock._replace(
            state=LockState.CONFLICT if conflict else LockState.IN_PROGRESS, locked_until=item.locked_until
        )

    def complete(
        self,
        completions: Sequence[Completion],
        *,
        whole: str = "",
        until: float = 0.0,  # noqa: ARG002
    ) -> list[str | None]:
        """As :meth:`Store.complete`."""
        if self._one_write and whole:
            self._whole.add(whole)
            return [None] * len(completions)
        return [self._complete(completion) for completion in completions]

    def _complete(self, completion: Completion) -> str | None:
        item = self._own(completion.lock)
        if item is None:
            return LOCK_LOST
        item.state = LockState.COMPLETED
        if completion.result is not None:
            item.result = orjson.dumps(completion.result)
        item.expires = self._clock() + self._ttl_s
        return None

    def _own(self, lock: Lock) -> _Item | None:
        item = self._items.get(lock.key)
        return item if item is not None and item.owner == lock.owner else None

    def release(self, releases: Sequence[Release], *, until: float = 0.0) -> None:  # noqa: ARG002
        """As :meth:`Store.release`."""
        for release in releases:
            item = self._own(release.lock)
            if item is not None and item.state is LockState.ACQUIRED:
                item.state = item.state if release.held else LockState.RELEASED
                item.tries = release.tries
                item.shared = release.lock.shared if release.tries else 0

    def commit(
        self,
        items: Sequence[TransactWriteItemTypeDef],
        completion: Completion,
        pending: Sequence[Mapping[str, Any]],
    ) -> None:
        """The items go to DynamoDB, which cannot be in one transaction with this process's memory."""
        item = self._own(completion.lock)
        if item is None or item.state is not LockState.ACQUIRED:
            raise Retry(LOCK_LOST)
        if items:
            client("dynamodb").transact_write_items(TransactItems=items)
        item.state = LockState.COMPLETED
        item.result, item.pending = orjson.dumps(completion.result), orjson.dumps(list(pending))
        item.expires = self._clock() + self._ttl_s

    def forget_pending(self, keys: Sequence[str]) -> None:
        """As :meth:`Store.forget_pending`."""
        for key in keys:
            if key in self._items:
                self._items[key].pending = b"[]"
