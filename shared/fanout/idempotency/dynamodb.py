"""The idempotency store of production: one DynamoDB table for all workers.

The item's attributes are those of Powertools' idempotency (``id``, ``status``, ``expiration``,
``in_progress_expiration``, ``data``, ``validation``), plus ``owner``, by which a claim knows its own.

A batch of n records costs ceil(n / 25) BatchExecuteStatement calls to claim and as many to complete. Each statement
of such a call answers for itself, which BatchWriteItem's conditionless puts and TransactWriteItems' all-or-nothing
cannot. Only records that turn out to be known cost one more read, and one more write where a dead worker's lock is
taken over.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from fanout.errors import FanoutError
from fanout.idempotency.store import COMMITTED, LOCK_LOST, Claim, ClaimState, Completion, Request
from fanout.outcomes import Retry

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import (
        BatchStatementRequestTypeDef,
        BatchStatementResponseTypeDef,
        TransactWriteItemTypeDef,
    )

__all__ = ["DynamoDBStore"]

MAX_STATEMENTS = 25
"""Of one BatchExecuteStatement
(https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchExecuteStatement.html)."""

IN_PROGRESS = "INPROGRESS"
COMPLETED = "COMPLETED"


class DynamoDBStore:
    """
    :param ttl_s: how long a completed event is remembered.
    :param one_write: the ``claim`` mode: the claim is the only write of a record, and is the message's for good. A
        redelivery of the same message takes it over; any other message with the event_id is a duplicate.
    :param clock: seconds since 1970; tests give their own.
    """

    def __init__(
        self,
        client: DynamoDBClient,
        table: str,
        *,
        ttl_s: float,
        one_write: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._table = table
        self._ttl_s = ttl_s
        self._one_write = one_write
        self._claimed_status = COMPLETED if one_write else IN_PROGRESS
        self._clock = clock

    def claim(self, requests: Sequence[Request]) -> list[Claim]:
        answers = self._execute([self._insert(request) for request in requests])
        claims: dict[str, Claim] = {}
        known: list[Request] = []
        for request, error in zip(requests, answers, strict=True):
            if error is None:
                claims[request.key] = _claimed(request)
            elif error[0] == "DuplicateItem":
                known.append(request)
            else:
                claims[request.key] = _unavailable(request, error)
        if known:
            claims |= self._claim_known(known)
        return [claims[request.key] for request in requests]

    def complete(self, completions: Sequence[Completion]) -> list[bool]:
        if self._one_write:
            return [True] * len(completions)
        answers = self._execute([self._update_completed(completion) for completion in completions])
        return [error is None for error in answers]

    def release(self, claims: Sequence[Claim]) -> None:
        self._execute([self._delete(claim) for claim in claims])

    def commit(
        self,
        items: Sequence[TransactWriteItemTypeDef],
        completion: Completion,
        pending: Sequence[Mapping[str, Any]],
    ) -> None:
        exceptions = self._client.exceptions
        try:
            self._client.transact_write_items(TransactItems=[*items, self._committed(completion, pending)])
        except exceptions.TransactionCanceledException as error:
            reasons = error.response.get("CancellationReasons", [])
            if reasons and reasons[-1].get("Code") == "ConditionalCheckFailed":
                raise Retry(LOCK_LOST) from error
            raise

    def forget_pending(self, keys: Sequence[str]) -> None:
        self._execute(
            [
                {
                    "Statement": f'UPDATE "{self._table}" REMOVE "pending" WHERE "id" = ? AND "owner" = ?',
                    "Parameters": [{"S": key}, {"S": COMMITTED}],
                }
                for key in keys
            ]
        )

    def _committed(self, completion: Completion, pending: Sequence[Mapping[str, Any]]) -> TransactWriteItemTypeDef:
        return {
            "Update": {
                "TableName": self._table,
                "Key": {"id": {"S": completion.claim.key}},
                "UpdateExpression": "SET #owner = :nobody, #status = :completed, #data = :data, "
                "#pending = :pending, #expiration = :expiration",
                "ConditionExpression": "#owner = :owner AND #status = :claimed",
                "ExpressionAttributeNames": {
                    f"#{name}": name for name in ("owner", "status", "data", "pending", "expiration")
                },
                "ExpressionAttributeValues": {
                    ":nobody": {"S": COMMITTED},
                    ":completed": {"S": COMPLETED},
                    ":data": {"S": orjson.dumps(completion.result).decode()},
                    ":pending": {"S": orjson.dumps(list(pending)).decode()},
                    ":expiration": {"N": self._expiration()},
                    ":owner": {"S": completion.claim.owner},
                    ":claimed": {"S": self._claimed_status},
                },
            }
        }

    # Records that the table knows already.

    def _claim_known(self, requests: Sequence[Request]) -> dict[str, Claim]:
        items = self._read([request.key for request in requests])
        claims: dict[str, Claim] = {}
        expired: list[tuple[Request, dict[str, Any]]] = []
        for request in requests:
            item = items[request.key]
            if isinstance(item, tuple):
                claims[request.key] = _unavailable(request, item)
            elif self._free(request, item):
                expired.append((request, item))
            else:
                claims[request.key] = _answer(request, item)
        answers = self._execute([self._take_over(request, item) for request, item in expired])
        for (request, _), error in zip(expired, answers, strict=True):
            claims[request.key] = _claimed(request) if error is None else _lost_race(request, error)
        return claims

    def _free(self, request: Request, item: dict[str, Any]) -> bool:
        """Whether the item no longer stands against a claim: forgotten, its holder's lock run out, or our own."""
        now = self._clock()
        if _expiration_s(item) <= now:
            return True
        own = _text(item, "owner") == request.owner
        if _text(item, "status") == COMPLETED:
            return self._one_write and own
        # Our own: the SDK has repeated a call whose answer was lost.
        return own or _locked_until_s(item) <= now

    def _read(self, keys: Sequence[str]) -> dict[str, dict[str, Any] | tuple[str, str]]:
        """The items of the keys, read consistently; in place of one that could not be read, why."""
        statements: list[BatchStatementRequestTypeDef] = [
            {
                "Statement": f'SELECT * FROM "{self._table}" WHERE "id" = ?',
                "Parameters": [{"S": key}],
                "ConsistentRead": True,
            }
            for key in keys
        ]
        # Not there: released between our insert and our read, and the redelivery will find it free.
        gone = ("Released", "the claim has just been released")
        return {
            key: _error(response) or response.get("Item") or gone
            for key, response in zip(keys, self._responses(statements), strict=True)
        }

    # Statements. Every name is quoted: "status", "data" and "owner" are words of PartiQL or DynamoDB.

    def _insert(self, request: Request) -> BatchStatementRequestTypeDef:
        return {
            "Statement": f"INSERT INTO \"{self._table}\" VALUE {{'id': ?, 'owner': ?, 'status': ?, 'validation': ?, "
            "'in_progress_expiration': ?, 'expiration': ?}",
            "Parameters": [{"S": request.key}, *self._held(request)],
        }

    def _take_over(self, request: Request, item: dict[str, Any]) -> BatchStatementRequestTypeDef:
        # Compare-and-set on what was read, so that of several that found the lock expired one gets it. An item of
        # Powertools' has not all of these.
        read = [n for n in ("owner", "status", "expiration", "in_progress_expiration") if n in item]
        return {
            "Statement": f'UPDATE "{self._table}" SET "owner" = ? SET "status" = ? SET "validation" = ? '
            'SET "in_progress_expiration" = ? SET "expiration" = ? WHERE "id" = ?'
            + "".join(f' AND "{name}" = ?' for name in read),
            "Parameters": [*self._held(request), {"S": request.key}, *(item[name] for name in read)],
        }

    def _held(self, request: Request) -> list[dict[str, str]]:
        return [
            {"S": request.owner},
            {"S": self._claimed_status},
            {"S": request.fingerprint},
            {"N": str(int(request.lock_until * 1000))},
            {"N": self._expiration()},
        ]

    def _update_completed(self, completion: Completion) -> BatchStatementRequestTypeDef:
        return {
            "Statement": f'UPDATE "{self._table}" SET "status" = ? SET "data" = ? SET "expiration" = ? '
            'WHERE "id" = ? AND "owner" = ? AND "status" = ?',
            "Parameters": [
                {"S": COMPLETED},
                {"S": orjson.dumps(completion.result).decode()},
                {"N": self._expiration()},
                {"S": completion.claim.key},
                {"S": completion.claim.owner},
                {"S": IN_PROGRESS},
            ],
        }

    def _delete(self, claim: Claim) -> BatchStatementRequestTypeDef:
        return {
            "Statement": f'DELETE FROM "{self._table}" WHERE "id" = ? AND "owner" = ? AND "status" = ?',
            "Parameters": [{"S": claim.key}, {"S": claim.owner}, {"S": self._claimed_status}],
        }

    def _expiration(self) -> str:
        return str(int(self._clock() + self._ttl_s))

    # Calls.

    def _execute(self, statements: Sequence[BatchStatementRequestTypeDef]) -> list[tuple[str, str] | None]:
        """Each statement's error as (code, message), or None."""
        return [_error(response) for response in self._responses(statements)]

    def _responses(self, statements: Sequence[BatchStatementRequestTypeDef]) -> Iterator[BatchStatementResponseTypeDef]:
        for start in range(0, len(statements), MAX_STATEMENTS):
            chunk = statements[start : start + MAX_STATEMENTS]
            try:
                yield from self._client.batch_execute_statement(Statements=chunk)["Responses"]
            except Exception as error:
                if not _is_of_aws(error):
                    raise
                # The client has retried; the records of this call are answered alike and will be redelivered.
                failed: Any = {"Error": {"Code": type(error).__name__, "Message": str(error)}}
                yield from [failed] * len(chunk)


def _is_of_aws(error: Exception) -> bool:
    """Whether a client raised it because AWS refused or did not answer; botocore is loaded only if it may have."""
    from botocore.exceptions import BotoCoreError, ClientError

    return isinstance(error, BotoCoreError | ClientError | FanoutError)


def _error(response: BatchStatementResponseTypeDef) -> tuple[str, str] | None:
    error = response.get("Error")
    return None if error is None else (error.get("Code", "Unknown"), error.get("Message", ""))


def _text(item: dict[str, Any], name: str) -> str:
    return str(item.get(name, {}).get("S", ""))


def _expiration_s(item: dict[str, Any]) -> float:
    """When the item is to be forgotten, in seconds since 1970; an item without it is, like DynamoDB's, for good."""
    return float(item.get("expiration", {}).get("N", "inf"))


def _locked_until_s(item: dict[str, Any]) -> float:
    """When an unfinished claim may be taken over, in seconds since 1970; Powertools writes some without a lock."""
    milliseconds = item.get("in_progress_expiration", {}).get("N")
    return _expiration_s(item) if milliseconds is None else float(milliseconds) / 1000


def _claimed(request: Request) -> Claim:
    return Claim(key=request.key, owner=request.owner, state=ClaimState.CLAIMED)


def _unavailable(request: Request, error: tuple[str, str]) -> Claim:
    return Claim(key=request.key, owner=request.owner, state=ClaimState.UNAVAILABLE, reason=f"{error[0]}: {error[1]}")


def _lost_race(request: Request, error: tuple[str, str]) -> Claim:
    if error[0] == "ConditionalCheckFailed":
        return Claim(
            key=request.key,
            owner=request.owner,
            state=ClaimState.IN_PROGRESS,
            locked_until=request.lock_until,
        )
    return _unavailable(request, error)


def _answer(request: Request, item: dict[str, Any]) -> Claim:
    """What an item that stands against the claim says to it."""
    if _text(item, "validation") not in ("", request.fingerprint):
        return Claim(key=request.key, owner=request.owner, state=ClaimState.CONFLICT)
    if _text(item, "status") == COMPLETED:
        return Claim(
            key=request.key,
            owner=request.owner,
            state=ClaimState.COMPLETED,
            result=orjson.loads(_text(item, "data") or b"null"),
            pending=orjson.loads(_text(item, "pending") or b"[]"),
        )
    locked_until = _locked_until_s(item)
    return Claim(key=request.key, owner=request.owner, state=ClaimState.IN_PROGRESS, locked_until=locked_until)
