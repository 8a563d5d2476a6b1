"""What the relay writes to the items of the outbox: that they are published, or never will be.

A mark that cannot be written costs nothing but the item's stay in the table: the stream does not tell of the event
again. Items without a mark are what has not been published.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

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
    from botocore.exceptions import BotoCoreError, ClientError

    for start in range(0, len(statements), MAX_STATEMENTS):
        chunk = statements[start : start + MAX_STATEMENTS]
        try:
            responses = dynamodb.batch_execute_statement(Statements=chunk)["Responses"]
        except (BotoCoreError, ClientError) as error:
            log.warning("published events could not be marked", extra={"events": len(chunk), "error": str(error)})
            continue
        for response in responses:
            if "Error" in response:
                log.warning("a published event could not be marked", extra={"error": response["Error"]})
