"""The statements that write and read idempotency items, in PartiQL.

Every name is quoted: "status", "data" and "owner" are words of PartiQL or DynamoDB.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import orjson

from fanout.idempotency.items import COMPLETED, IN_PROGRESS, RELEASED, batch_mark
from fanout.idempotency.store import Completion, Lock, Release, Request

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import BatchStatementRequestTypeDef

__all__ = ["Statements"]


class Statements:
    """
    :param ttl_s: how long an event is remembered.
    :param clock: seconds since 1970.
    """

    def __init__(self, table: str, ttl_s: float, clock: Callable[[], float] = time.time) -> None:
        self._table = table
        self._ttl_s = ttl_s
        self._clock = clock

    def select(self, key: str) -> BatchStatementRequestTypeDef:
        """The item of a key, read consistently."""
        return {
            "Statement": f'SELECT * FROM "{self._table}" WHERE "id" = ?',
            "Parameters": [{"S": key}],
            "ConsistentRead": True,
        }

    def forget_pending(self, key: str) -> BatchStatementRequestTypeDef:
        """Of a completed event alone: a key that another execution has locked anew is left as it is."""
        statement = f'UPDATE "{self._table}" REMOVE "pending" WHERE "id" = ? AND "status" = ?'
        return {"Statement": statement, "Parameters": [{"S": key}, {"S": COMPLETED}]}

    def insert(self, request: Request, alone: bool, batch: str) -> BatchStatementRequestTypeDef:
        """A lock of an event that the table does not know yet."""
        batch_name, batch_value = (", 'batch': ?", [{"S": batch}]) if batch else ("", [])
        return {
            "Statement": f"INSERT INTO \"{self._table}\" VALUE {{'id': ?, 'owner': ?, 'status': ?, 'validation': ?, "
            f"'in_progress_expiration': ?, 'expiration': ?, 'tries': ?, 'alone': ?{batch_name}}}",
            "Parameters": [{"S": request.key}, *self._held(request, 1, alone), *batch_value],
        }

    def update_owner(self, request: Request, lock: Lock, item: Mapping[str, Any]) -> BatchStatementRequestTypeDef:
        """A lock over an item that was read."""
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
            {"N": self.expiration()},
            {"N": str(tries)},
            {"BOOL": alone},
        ]

    def insert_mark(self, batch: str) -> BatchStatementRequestTypeDef:
        """That all events of a batch are handled."""
        return {
            "Statement": f"INSERT INTO \"{self._table}\" VALUE {{'id': ?, 'status': ?, 'expiration': ?}}",
            "Parameters": [{"S": batch_mark(batch)}, {"S": COMPLETED}, {"N": self.expiration()}],
        }

    def update_completed(self, completion: Completion) -> BatchStatementRequestTypeDef:
        """That an event is handled, with its result."""
        # The owner is of this execution alone: whoever repeats the call, it says the same.
        return {
            "Statement": f'UPDATE "{self._table}" SET "status" = ? SET "data" = ? SET "expiration" = ? '
            'WHERE "id" = ? AND "owner" = ?',
            "Parameters": [
                {"S": COMPLETED},
                {"S": orjson.dumps(completion.result).decode()},
                {"N": self.expiration()},
                {"S": completion.lock.key},
                {"S": completion.lock.owner},
            ],
        }

    def update_released(self, release: Release) -> BatchStatementRequestTypeDef:
        """A lock that is given back."""
        # Not what is completed: a commit may have been carried out whose answer was lost.
        freed = "" if release.held else 'SET "status" = ? SET "in_progress_expiration" = ? '
        return {
            "Statement": f'UPDATE "{self._table}" {freed}SET "tries" = ? SET "shared" = ? '
            'WHERE "id" = ? AND "owner" = ? AND "status" = ?',
            "Parameters": [
                *([] if release.held else [{"S": RELEASED}, {"N": "0"}]),
                {"N": str(release.tries)},
                {"N": str(release.lock.shared if release.tries else 0)},
                {"S": release.lock.key},
                {"S": release.lock.owner},
                {"S": IN_PROGRESS},
            ],
        }

    def expiration(self) -> str:
        """When an item that is written now is to be forgotten, in seconds since 1970."""
        return str(int(self._clock() + self._ttl_s))
