"""Items of DynamoDB by their keys, asked for until all have been given."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from fanout.errors import FanoutError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

__all__ = ["KEYS_A_CALL", "PATIENCE_S", "ThrottledError", "given"]

KEYS_A_CALL = 100
"""Of BatchGetItem (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html)."""

PATIENCE_S = 20.0
BACKOFF_S, LONGEST_PAUSE_S = 0.05, 2.0
"""Between two calls for what DynamoDB had no capacity for."""


class ThrottledError(FanoutError):
    """DynamoDB did not give some items, for all the asking."""


def given(
    client: DynamoDBClient,
    wanted: Mapping[str, Any],
    *,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each item that is there, with its table.

    :param wanted: as ``RequestItems`` of one call.
    :raises ThrottledError: DynamoDB has had no capacity for :data:`PATIENCE_S`.
    """
    asked: Any = wanted
    until, attempt = clock() + PATIENCE_S, 0
    while asked:
        answer = client.batch_get_item(RequestItems=asked)
        for table, items in answer["Responses"].items():
            for item in items:
                yield table, item
        asked = answer.get("UnprocessedKeys")
        if asked:
            attempt += 1
            if clock() > until:
                raise ThrottledError(f"{', '.join(sorted(asked))}: DynamoDB throttles; ask again later")
            sleep(random.uniform(0, min(LONGEST_PAUSE_S, BACKOFF_S * 2.0**attempt)))
