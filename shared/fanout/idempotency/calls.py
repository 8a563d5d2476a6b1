"""BatchExecuteStatement: statements in as few calls as there may be, and those that may pass tried again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from fanout.errors import FanoutError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import BatchStatementRequestTypeDef, BatchStatementResponseTypeDef

__all__ = ["Calls", "Error", "error_of"]

MAX_STATEMENTS = 25
"""Of one BatchExecuteStatement
(https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchExecuteStatement.html)."""

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


class Calls:
    """
    :param clock: seconds since 1970.
    :param sleep: how to wait between attempts.
    """

    def __init__(
        self,
        client: DynamoDBClient,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._clock = clock
        self._sleep = sleep

    def execute(self, statements: Sequence[BatchStatementRequestTypeDef], until: float) -> list[Error | None]:
        """Each statement's error as (code, message), or None; those that may pass are tried again until then."""
        return [error_of(response) for response in self.responses(statements, until)]

    def responses(
        self, statements: Sequence[BatchStatementRequestTypeDef], until: float
    ) -> list[BatchStatementResponseTypeDef]:
        """Each statement's response; those that may pass are tried again until then."""
        responses = list(self._once(statements))
        attempt = 0
        while again := [i for i, response in enumerate(responses) if _may_pass(response)]:
            attempt += 1
            pause = random.uniform(0, min(BACKOFF_CAP_S, BACKOFF_BASE_S * 2.0 ** min(attempt, 10)))
            if self._clock() + pause >= until:
                break
            self._sleep(pause)
            for index, response in zip(again, self._once([statements[i] for i in again]), strict=True):
                responses[index] = response
        return responses

    def _once(self, statements: Sequence[BatchStatementRequestTypeDef]) -> Iterator[BatchStatementResponseTypeDef]:
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


def error_of(response: BatchStatementResponseTypeDef) -> Error | None:
    """Why a statement was refused; None: it was not."""
    error = response.get("Error")
    return None if error is None else (error.get("Code", "Unknown"), error.get("Message", ""))


def _may_pass(response: BatchStatementResponseTypeDef) -> bool:
    error = response.get("Error")
    return error is not None and error.get("Code", "Unknown") not in PERMANENT


def _is_of_aws(error: Exception) -> bool:
    """Whether a client raised it because AWS refused or did not answer; botocore is loaded only if it may have."""
    from botocore.exceptions import BotoCoreError, ClientError

    return isinstance(error, BotoCoreError | ClientError | FanoutError)
