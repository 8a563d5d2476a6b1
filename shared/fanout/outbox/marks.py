"""What the relay writes to the items of the outbox: that they are published, or never will be.

A mark that cannot be written costs nothing but the item's stay in the table: the stream does not tell of the event
again. Items without a mark are what has not been published.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fanout import aws
from fanout.outbox.items import Written

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import BatchStatementRequestTypeDef

__all__ = ["KEPT_S", "mark_refused", "mark_relayed"]

log = logging.getLogger(__name__)

KEPT_S = 7 * 24 * 3600
"""How long an item stays after its event was published, for whoever looks for it."""

MAX_STATEMENTS = 25
"""https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchExecuteStatement.html"""

MAX_ATTEMPTS = 4
BACKOFF_BASE_S = 0.05
REPEATED = frozenset(
    {"InternalServerError", "ProvisionedThroughputExceeded", "RequestLimitExceeded", "ThrottlingError"}
)
"""Codes of a single statement
(https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchStatementError.html)."""


def mark_relayed(dynamodb: DynamoDBClient, table: str, relayed: Sequence[Written], *, now: float) -> None:
    """Let the items expire.

    :param now: seconds since 1970.
    """
    moment = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
    values = [{"S": moment}, {"N": str(int(now) + KEPT_S)}]
    update = f'UPDATE "{table}" SET "relayed_at" = ? SET "expiration" = ? {_KEY}'
    _execute(dynamodb, [{"Statement": update, "Parameters": [*values, *_key(each)]} for each in relayed])


def mark_refused(dynamodb: DynamoDBClient, table: str, refused: Mapping[Written, str]) -> None:
    """Keep the items, with why the bus does not take them."""
    update = f'UPDATE "{table}" SET "refused" = ? {_KEY}'
    _execute(
        dynamodb,
        [{"Statement": update, "Parameters": [{"S": error}, *_key(each)]} for each, error in refused.items()],
    )


_KEY = 'WHERE "partition" = ? AND "event_id" = ?'


def _key(written: Written) -> list[dict[str, str]]:
    return [{"S": written.partition}, {"S": written.event_id}]


def _execute(dynamodb: DynamoDBClient, statements: Sequence[BatchStatementRequestTypeDef]) -> None:
    for start in range(0, len(statements), MAX_STATEMENTS):
        pending = list(statements[start : start + MAX_STATEMENTS])
        for attempt in range(1, MAX_ATTEMPTS + 1):
            pending = _attempt(dynamodb, pending, last=attempt == MAX_ATTEMPTS or not _time_left())
            if not pending:
                break
            time.sleep(random.uniform(0, BACKOFF_BASE_S * 2**attempt))


def _attempt(
    dynamodb: DynamoDBClient, statements: Sequence[BatchStatementRequestTypeDef], *, last: bool
) -> list[BatchStatementRequestTypeDef]:
    """The statements to repeat: a mark is an update to the same values, which may be made twice."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        responses = dynamodb.batch_execute_statement(Statements=statements)["Responses"]
    except (BotoCoreError, ClientError) as error:
        log.warning("published events could not be marked", extra={"events": len(statements), "error": str(error)})
        return []
    again = []
    for statement, response in zip(statements, responses, strict=True):
        if "Error" not in response:
            continue
        if response["Error"].get("Code") in REPEATED and not last:
            again.append(statement)
        else:
            log.warning("a published event could not be marked", extra={"error": response["Error"]})
    return again


def _time_left() -> bool:
    left_s = aws.remaining_s()
    return left_s is None or left_s > BACKOFF_BASE_S * 2**MAX_ATTEMPTS
