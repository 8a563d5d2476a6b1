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

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from fanout.errors import FanoutError
from fanout.idempotency.store import LOCK_LOST, Completion, Lock, LockState, Release, Request
from fanout.outcomes import Retry

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import (
        BatchStatementRequestTypeDef,
        BatchStatementResponseTypeDef,
        TransactWriteItemTypeDef,
    )

__all__ = ["COMPLETED", "IN_PROGRESS", "RELEASED", "DynamoDBStore", "batch_mark"]

MAX_STATEMENTS = 25
"""Of one BatchExecuteStatement
(https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchExecuteStatement.html)."""

IN_PROGRESS = "INPROGRESS"
RELEASED = "RELEASED"
COMPLETED = "COMPLETED"

CLAIM_PATIENCE_S = 2.0
"""How long locks that were throttled are tried again: a redelivery does the same."""

BACKOFF_BASE_S = 0.05
BACKOFF_CAP_S = 1.0

PERMANENT = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "ConditionalCheckFailed",
        "DuplicateItem",
        "ItemCollectionSizeLimitExceeded",
        "OutOfTime",
        "ResourceNotFound",
        "ResourceNotFoundException",
        "ValidationError",
        "ValidationException",
    }
)
"""Codes of a statement, or of a call, that no repetition changes
(https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchStatementError.html)."""

Error = tuple[str, str]
"""Code and message."""
Item = dict[str, Any]
Statement = Any


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
        self._ttl_s = ttl_s
        self._one_write = one_write
        self._clock = clock
        self._sleep = sleep

    def acquire(self, requests: Sequence[Request]) -> list[Lock]:
        """As :meth:`Store.acquire`."""
        alone = len(requests) == 1
        batch = requests[0].owner if self._one_write and not alone else ""
        errors = self._execute([self._insert(request, alone, batch) for request in requests], self._lock_until())
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
            self._update_owner(request, lock, before.item or {})
            for request, lock, before in zip(requests, wanted, known, strict=True)
        ]
        errors = self._execute(statements, self._lock_until())
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
            [error] = self._execute([self._insert_mark(whole)], until)
            # Nobody else writes this mark: a duplicate is our own call, repeated by the client.
            recorded = error is None or error[0] == "DuplicateItem"
            return [None if recorded or error is None else _told(error)] * len(completions)
        errors = self._execute([self._update_completed(completion) for completion in completions], until)
        return [
            None if error is None else LOCK_LOST if error[0] == "ConditionalCheckFailed" else _told(error)
            for error in errors
        ]

    def release(self, releases: Sequence[Release], *, until: float = 0.0) -> None:
        """As :meth:`Store.release`."""
        self._execute([self._update_released(release) for release in releases], until)

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
        # Of completed events alone: a key that another execution has locked anew is left as it is.
        statement = f'UPDATE "{self._table}" REMOVE "pending" WHERE "id" = ? AND "status" = ?'
        self._execute(
            [{"Statement": statement, "Parameters": [{"S": key}, {"S": COMPLETED}]} for key in keys],
            self._lock_until(),
        )

    def _has_committed(self, lock: Lock) -> bool:
        [found] = self._read([lock.key])
        return not isinstance(found, tuple) and (_text(found, "owner"), _text(found, "status")) == (
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
                    ":expiration": {"N": self._expiration()},
                    ":owner": {"S": completion.lock.owner},
                    ":locked": {"S": IN_PROGRESS},
                },
            }
        }

    # Records that the table knows already.

    def _look_up(self, requests: Sequence[Request]) -> list[Lock]:
        """What the table says of each request's event."""
        items = self._read([request.key for request in requests])
        batches = {_text(item, "batch") for item in items if not isinstance(item, tuple) and self._may_be_whole(item)}
        recorded = self._recorded(sorted(batches))
        return [
            _unavailable(request, item) if isinstance(item, tuple) else self._known(request, item, recorded)
            for request, item in zip(requests, items, strict=True)
        ]

    def _may_be_whole(self, item: Item) -> bool:
        return _text(item, "status") == IN_PROGRESS and bool(_text(item, "batch"))

    def _recorded(self, batches: Sequence[str]) -> dict[str, bool | Error]:
        """Whether each batch has its mark; why that could not be read, where it could not."""
        found = self._read([batch_mark(batch) for batch in batches]) if batches else []
        return {
            batch: (item if item != _GONE else False) if isinstance(item, tuple) else True
            for batch, item in zip(batches, found, strict=True)
        }

    def _known(self, request: Request, item: Item, recorded: Mapping[str, bool | Error]) -> Lock:
        now, status, owner = self._clock(), _text(item, "status"), _text(item, "owner")
        lock = Lock(
            key=request.key,
            owner=request.owner,
            state=LockState.RELEASED,
            tries=_number(item, "tries"),
            shared=_number(item, "shared"),
            alone=bool(item.get("alone", {}).get("BOOL", True)),
            item=item,
        )
        # DynamoDB deletes what has expired within days, not at once: the record begins anew, over the old item.
        if _expiration_s(item) <= now:
            return lock._replace(tries=0, shared=0)
        conflict = _text(item, "validation") not in ("", request.fingerprint)
        mark = recorded.get(_text(item, "batch"), False) if status == IN_PROGRESS else status == COMPLETED
        if isinstance(mark, tuple):
            return _unavailable(request, mark)
        if mark:
            if conflict:
                return lock._replace(state=LockState.CONFLICT)
            return lock._replace(
                state=LockState.COMPLETED,
                result=orjson.loads(_text(item, "data") or b"null"),
                pending=orjson.loads(_text(item, "pending") or b"[]"),
            )
        if status == RELEASED:
            return lock
        if owner == request.owner:  # our own, repeated by the client
            return lock._replace(state=LockState.ACQUIRED, batch=_text(item, "batch"))
        locked_until = _locked_until_s(item)
        if locked_until <= now:
            return lock._replace(state=LockState.DIED)
        return lock._replace(state=LockState.CONFLICT if conflict else LockState.IN_PROGRESS, locked_until=locked_until)

    def _read(self, keys: Sequence[str]) -> list[Item | Error]:
        """The items of the keys, read consistently; in place of one that could not be read, why."""
        statements: list[Statement] = [
            {
                "Statement": f'SELECT * FROM "{self._table}" WHERE "id" = ?',
                "Parameters": [{"S": key}],
                "ConsistentRead": True,
            }
            for key in keys
        ]
        responses = self._responses_until(statements, self._lock_until())
        return [_error(response) or response.get("Item") or _GONE for response in responses]

    # Statements. Every name is quoted: "status", "data" and "owner" are words of PartiQL or DynamoDB.

    def _insert(self, request: Request, alone: bool, batch: str) -> BatchStatementRequestTypeDef:
        batch_name, batch_value = (", 'batch': ?", [{"S": batch}]) if batch else ("", [])
        return {
            "Statement": f"INSERT INTO \"{self._table}\" VALUE {{'id': ?, 'owner': ?, 'status': ?, 'validation': ?, "
            f"'in_progress_expiration': ?, 'expiration': ?, 'tries': ?, 'alone': ?{batch_name}}}",
            "Parameters": [{"S": request.key}, *self._held(request, 1, alone), *batch_value],
        }

    def _update_owner(self, request: Request, lock: Lock, item: Mapping[str, Any]) -> BatchStatementRequestTypeDef:
        # Compare-and-set on what was read, so that of several that found the lock expired one gets it. An item of
        # Powertools' has not all of these.
        read = [n for n in ("owner", "status", "expiration", "in_progress_expiration") if n in item]
        return {
            "Statement": f'UPDATE "{self._table}" SET "owner" = ? SET "status" = ? SET "validation" = ? '
            'SET "in_progress_expiration" = ? SET "expiration" = ? SET "tries" = ? SET "alone" = ? '
            'SET "shared" = ? SET "batch" = ? WHERE "id" = ?' + "".join(f' AND "{name}" = ?' for name in read),
            "Parameters": [
                *self._held(request, lock.tries, lock.alone),
                {"N": str(lock.shared)},
                {"S": lock.batch},
                {"S": request.key},
                *(item[name] for name in read),
            ],
        }

    def _held(self, request: Request, tries: int, alone: bool) -> list[Any]:
        return [
            {"S": request.owner},
            {"S": IN_PROGRESS},
            {"S": request.fingerprint},
            {"N": str(int(request.lock_until * 1000))},
            {"N": self._expiration()},
            {"N": str(tries)},
            {"BOOL": alone},
        ]

    def _insert_mark(self, batch: str) -> BatchStatementRequestTypeDef:
        return {
            "Statement": f"INSERT INTO \"{self._table}\" VALUE {{'id': ?, 'status': ?, 'expiration': ?}}",
            "Parameters": [{"S": batch_mark(batch)}, {"S": COMPLETED}, {"N": self._expiration()}],
        }

    def _update_completed(self, completion: Completion) -> BatchStatementRequestTypeDef:
        # The owner is of this execution alone: whoever repeats the call, it says the same.
        return {
            "Statement": f'UPDATE "{self._table}" SET "status" = ? SET "data" = ? SET "expiration" = ? '
            'WHERE "id" = ? AND "owner" = ?',
            "Parameters": [
                {"S": COMPLETED},
                {"S": orjson.dumps(completion.result).decode()},
                {"N": self._expiration()},
                {"S": completion.lock.key},
                {"S": completion.lock.owner},
            ],
        }

    def _update_released(self, release: Release) -> BatchStatementRequestTypeDef:
        # Not what is completed: a commit may have been carried out whose answer was lost.
        return {
            "Statement": f'UPDATE "{self._table}" SET "status" = ? SET "tries" = ? SET "shared" = ? '
            'SET "in_progress_expiration" = ? WHERE "id" = ? AND "owner" = ? AND "status" = ?',
            "Parameters": [
                {"S": RELEASED},
                {"N": str(release.tries)},
                {"N": str(release.lock.shared if release.tries else 0)},
                {"N": "0"},
                {"S": release.lock.key},
                {"S": release.lock.owner},
                {"S": IN_PROGRESS},
            ],
        }

    def _expiration(self) -> str:
        return str(int(self._clock() + self._ttl_s))

    def _lock_until(self) -> float:
        return self._clock() + CLAIM_PATIENCE_S

    # Calls.

    def _execute(self, statements: Sequence[Statement], until: float) -> list[Error | None]:
        """Each statement's error as (code, message), or None; those that may pass are tried again until then."""
        return [_error(response) for response in self._responses_until(statements, until)]

    def _responses_until(self, statements: Sequence[Statement], until: float) -> list[BatchStatementResponseTypeDef]:
        responses = list(self._responses(statements))
        attempt = 0
        while again := [i for i, response in enumerate(responses) if _may_pass(response)]:
            attempt += 1
            pause = random.uniform(0, min(BACKOFF_CAP_S, BACKOFF_BASE_S * 2.0 ** min(attempt, 10)))
            if self._clock() + pause >= until:
                break
            self._sleep(pause)
            for index, response in zip(again, self._responses([statements[i] for i in again]), strict=True):
                responses[index] = response
        return responses

    def _responses(self, statements: Sequence[Statement]) -> Iterator[BatchStatementResponseTypeDef]:
        for start in range(0, len(statements), MAX_STATEMENTS):
            chunk = statements[start : start + MAX_STATEMENTS]
            try:
                yield from self._client.batch_execute_statement(Statements=chunk)["Responses"]
            except Exception as error:
                if not _is_of_aws(error):
                    raise
                # The client has retried; the records of this call have one answer, and will be redelivered.
                code = getattr(error, "code", None) or type(error).__name__
                response = getattr(error, "response", None) or {}
                code = response.get("Error", {}).get("Code", code)
                failed: Any = {"Error": {"Code": code, "Message": str(error)}}
                yield from [failed] * len(chunk)


_GONE: Error = ("Gone", "the item is not there")


def batch_mark(batch: str) -> str:
    """The key of a batch's mark; events' keys begin with the worker's name."""
    return f"#batch#{batch}"


def _is_of_aws(error: Exception) -> bool:
    """Whether a client raised it because AWS refused or did not answer; botocore is loaded only if it may have."""
    from botocore.exceptions import BotoCoreError, ClientError

    return isinstance(error, BotoCoreError | ClientError | FanoutError)


def _error(response: BatchStatementResponseTypeDef) -> Error | None:
    error = response.get("Error")
    return None if error is None else (error.get("Code", "Unknown"), error.get("Message", ""))


def _may_pass(response: BatchStatementResponseTypeDef) -> bool:
    error = response.get("Error")
    return error is not None and error.get("Code", "Unknown") not in PERMANENT


def _told(error: Error) -> str:
    return f"{error[0]}: {error[1]}"


def _text(item: Mapping[str, Any], name: str) -> str:
    return str(item.get(name, {}).get("S", ""))


def _number(item: Mapping[str, Any], name: str) -> int:
    return int(item.get(name, {}).get("N", 0))


def _expiration_s(item: Mapping[str, Any]) -> float:
    """When the item is to be forgotten, in seconds since 1970; an item without it is, like DynamoDB's, for good."""
    return float(item.get("expiration", {}).get("N", "inf"))


def _locked_until_s(item: Mapping[str, Any]) -> float:
    """When an unfinished lock may be taken over, in seconds since 1970; Powertools writes some without a lock."""
    milliseconds = item.get("in_progress_expiration", {}).get("N")
    return _expiration_s(item) if milliseconds is None else float(milliseconds) / 1000


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
