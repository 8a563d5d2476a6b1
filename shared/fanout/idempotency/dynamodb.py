"""The idempotency store of production: a DynamoDB table of the worker's own.

The item's attributes are those of Powertools' idempotency (``id``, ``status``, ``expiration``,
``in_progress_expiration``, ``data``, ``validation``), and beside them:

``owner``    the delivery in the execution that wrote it last: unique, so that a repeated call is known as one's own
``tries``    how often the event's handler has begun
``shared``   how many of these are in doubt, because the process died while it held several events
``alone``    whether the last lock was for this event alone
``batch``    of claim mode: what the events locked by one call have in common

A batch of n records costs ceil(n / 25) BatchExecuteStatement calls to lock and as many to complete. Each statement
of such a call has a response of its own, which BatchWriteItem's conditionless puts and TransactWriteItems'
all-or-nothing cannot give. Only records that turn out to be known cost a read, and a write where they are taken over.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import orjson

from fanout.idempotency.calls import Calls, Error, error_of
from fanout.idempotency.items import (
    COMPLETED,
    IN_PROGRESS,
    RELEASED,
    Item,
    batch_mark,
    expiration_s,
    locked_until_s,
    number,
    text,
)
from fanout.idempotency.statements import Statements
from fanout.idempotency.store import LOCK_LOST, Completion, Lock, LockState, Release, Request
from fanout.outcomes import Retry

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

__all__ = ["DynamoDBStore"]

CLAIM_PATIENCE_S = 2.0
"""How long locks that were throttled are tried again: a redelivery does the same."""

_GONE: Final[Error] = ("Gone", "the item is not there")


class DynamoDBStore:
    """
    :param ttl_s: how long an event is remembered.
    :param one_write: the ``claim`` mode: the lock is the only write of a record; a batch whose records were all
        handled is recorded by one item more, the batch's mark.
    :param clock: seconds since 1970; tests give their own.
    :param sleep: how to wait between attempts; tests give their own.
    """

    def __init__(
        self,
        client: DynamoDBClient,
        table: str,
        *,
        ttl_s: float,
        one_write: bool = False,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._table = table
        self._one_write = one_write
        self._clock = clock
        self._statements = Statements(table, ttl_s, clock)
        self._calls = Calls(client, clock, sleep)

    def acquire(self, requests: Sequence[Request]) -> list[Lock]:
        """As :meth:`Store.acquire`."""
        alone = len(requests) == 1
        batch = requests[0].owner if self._one_write and not alone else ""
        errors = self._calls.execute(
            [self._statements.insert(request, alone, batch) for request in requests], self._lock_until()
        )
        locks: dict[str, Lock] = {}
        known: list[Request] = []
        for request, error in zip(requests, errors, strict=True):
            if error is None:
                locks[request.key] = _acquired(request, tries=1, shared=0, alone=alone, batch=batch)
            elif error[0] == "DuplicateItem":
                known.append(request)
            else:
                locks[request.key] = _unavailable(request, error)
        if known:
            locks |= {lock.key: lock for lock in self._look_up(known)}
        return [locks[request.key] for request in requests]

    def take_over(self, requests: Sequence[Request], known: Sequence[Lock], *, company: bool = False) -> list[Lock]:
        """As :meth:`Store.take_over`."""
        alone = len(requests) == 1 and not company
        # Another than of the lock before: the first request may be the same.
        batch = f"{requests[0].owner}/again" if self._one_write and not alone else ""
        wanted = [_taken_over(request, lock, alone, batch) for request, lock in zip(requests, known, strict=True)]
        statements = [
            self._statements.update_owner(request, lock, before.item or {})
            for request, lock, before in zip(requests, wanted, known, strict=True)
        ]
        errors = self._calls.execute(statements, self._lock_until())
        lost = [r for r, error in zip(requests, errors, strict=True) if error and error[0] == "ConditionalCheckFailed"]
        # Lost to another execution, or our own: the client has repeated a call whose answer was lost.
        found = {lock.key: _not_free(lock) for lock in self._look_up(lost)} if lost else {}
        return [
            lock if error is None else found.get(request.key) or _unavailable(request, error)
            for request, lock, error in zip(requests, wanted, errors, strict=True)
        ]

    def complete(self, completions: Sequence[Completion], *, whole: str = "", until: float = 0.0) -> list[str | None]:
        """As :meth:`Store.complete`."""
        if self._one_write and whole:
            [error] = self._calls.execute([self._statements.insert_mark(whole)], until)
            # Nobody else writes this mark: a duplicate is our own call, repeated by the client.
            recorded = error is None or error[0] == "DuplicateItem"
            return [None if recorded or error is None else _told(error)] * len(completions)
        errors = self._calls.execute(
            [self._statements.update_completed(completion) for completion in completions], until
        )
        return [
            None if error is None else LOCK_LOST if error[0] == "ConditionalCheckFailed" else _told(error)
            for error in errors
        ]

    def release(self, releases: Sequence[Release], *, until: float = 0.0) -> None:
        """As :meth:`Store.release`."""
        self._calls.execute([self._statements.update_released(release) for release in releases], until)

    def commit(
        self,
        items: Sequence[TransactWriteItemTypeDef],
        completion: Completion,
        pending: Sequence[Mapping[str, Any]],
    ) -> None:
        """As :meth:`Store.commit`."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._client.transact_write_items(TransactItems=[*items, self._committed(completion, pending)])
        except (BotoCoreError, ClientError) as error:
            # Asked of the table: a transaction that was repeated is told "condition failed" by its own success.
            if self._has_committed(completion.lock):
                return  # the answer was lost, and the client has repeated the call or given up
            # The completion is the last item of the transaction, and so is its reason.
            reasons = getattr(error, "response", {}).get("CancellationReasons") or [{}]
            if reasons[-1].get("Code") == "ConditionalCheckFailed":
                raise Retry(LOCK_LOST) from error
            raise

    def forget_pending(self, keys: Sequence[str]) -> None:
        """As :meth:`Store.forget_pending`."""
        self._calls.execute([self._statements.forget_pending(key) for key in keys], self._lock_until())

    def _has_committed(self, lock: Lock) -> bool:
        [found] = self._read([lock.key])
        return not isinstance(found, tuple) and (text(found, "owner"), text(found, "status")) == (
            lock.owner,
            COMPLETED,
        )

    def _committed(self, completion: Completion, pending: Sequence[Mapping[str, Any]]) -> TransactWriteItemTypeDef:
        names = ("owner", "status", "data", "pending", "expiration")
        return {
            "Update": {
                "TableName": self._table,
                "Key": {"id": {"S": completion.lock.key}},
                "UpdateExpression": "SET #status = :completed, #data = :data, #pending = :pending, "
                "#expiration = :expiration",
                "ConditionExpression": "#owner = :owner AND #status = :locked",
                "ExpressionAttributeNames": {f"#{name}": name for name in names},
                "ExpressionAttributeValues": {
                    ":completed": {"S": COMPLETED},
                    ":data": {"S": orjson.dumps(completion.result).decode()},
                    ":pending": {"S": orjson.dumps(list(pending)).decode()},
                    ":expiration": {"N": self._statements.expiration()},
                    ":owner": {"S": completion.lock.owner},
                    ":locked": {"S": IN_PROGRESS},
                },
            }
        }

    # Records that the table knows already.

    def _look_up(self, requests: Sequence[Request]) -> list[Lock]:
        """What the table says of each request's event."""
        items = self._read([request.key for request in requests])
        batches = {text(item, "batch") for item in items if not isinstance(item, tuple) and self._may_be_whole(item)}
        recorded = self._recorded(sorted(batches))
        return [
            _unavailable(request, item) if isinstance(item, tuple) else self._known(request, item, recorded)
            for request, item in zip(requests, items, strict=True)
        ]

    def _may_be_whole(self, item: Item) -> bool:
        return text(item, "status") == IN_PROGRESS and bool(text(item, "batch"))

    def _recorded(self, batches: Sequence[str]) -> dict[str, bool | Error]:
        """Whether each batch has its mark; why that could not be read, where it could not."""
        found = self._read([batch_mark(batch) for batch in batches]) if batches else []
        return {
            batch: (item if item != _GONE else False) if isinstance(item, tuple) else True
            for batch, item in zip(batches, found, strict=True)
        }

    def _known(self, request: Request, item: Item, recorded: Mapping[str, bool | Error]) -> Lock:
        now, status, owner = self._clock(), text(item, "status"), text(item, "owner")
        lock = Lock(
            key=request.key,
            owner=request.owner,
            state=LockState.RELEASED,
            tries=number(item, "tries"),
            shared=number(item, "shared"),
            alone=bool(item.get("alone", {}).get("BOOL", True)),
            item=item,
        )
        # DynamoDB deletes what has expired within days, not at once: the record begins anew, over the old item.
        if expiration_s(item) <= now:
            return lock._replace(tries=0, shared=0)
        conflict = text(item, "validation") not in ("", request.fingerprint)
        mark = recorded.get(text(item, "batch"), False) if status == IN_PROGRESS else status == COMPLETED
        if isinstance(mark, tuple):
            return _unavailable(request, mark)
        if mark:
            if conflict:
                return lock._replace(state=LockState.CONFLICT)
            return lock._replace(
                state=LockState.COMPLETED,
                result=orjson.loads(text(item, "data") or b"null"),
                pending=orjson.loads(text(item, "pending") or b"[]"),
            )
        if status == RELEASED:
            return lock
        if owner == request.owner:  # our own, repeated by the client
            return lock._replace(state=LockState.ACQUIRED, batch=text(item, "batch"))
        locked_until = locked_until_s(item)
        if locked_until <= now:
            return lock._replace(state=LockState.DIED)
        return lock._replace(state=LockState.CONFLICT if conflict else LockState.IN_PROGRESS, locked_until=locked_until)

    def _read(self, keys: Sequence[str]) -> list[Item | Error]:
        """The items of the keys, read consistently; in place of one that could not be read, why."""
        statements = [self._statements.select(key) for key in keys]
        responses = self._calls.responses(statements, self._lock_until())
        return [error_of(response) or response.get("Item") or _GONE for response in responses]

    def _lock_until(self) -> float:
        return self._clock() + CLAIM_PATIENCE_S


def _told(error: Error) -> str:
    return f"{error[0]}: {error[1]}"


def _acquired(request: Request, *, tries: int, shared: int, alone: bool, batch: str) -> Lock:
    return Lock(request.key, request.owner, LockState.ACQUIRED, tries=tries, shared=shared, alone=alone, batch=batch)


def _taken_over(request: Request, known: Lock, alone: bool, batch: str) -> Lock:
    """The lock as it will be: one try more, and one more in doubt if an execution died that held several events."""
    in_doubt = known.state is LockState.DIED and not known.alone
    return _acquired(request, tries=known.tries + 1, shared=known.shared + in_doubt, alone=alone, batch=batch)


def _not_free(lock: Lock) -> Lock:
    """What a take-over that failed says: another execution has been at the event meanwhile."""
    if lock.state in (LockState.RELEASED, LockState.DIED):
        return lock._replace(state=LockState.IN_PROGRESS)
    return lock


def _unavailable(request: Request, error: Error) -> Lock:
    return Lock(key=request.key, owner=request.owner, state=LockState.UNAVAILABLE, reason=_told(error))
