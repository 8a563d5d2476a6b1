"""The errors of the model's clients: botocore's own, so that the core's handling of them is what is tried."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

__all__ = ["EXCEPTIONS", "Exceptions", "refusal"]


class ConditionalCheckFailedException(ClientError):  # noqa: N818 - AWS's name
    pass


class TransactionCanceledException(ClientError):  # noqa: N818
    pass


class NoSuchKey(ClientError):  # noqa: N818
    pass


class Exceptions:
    """As ``client.exceptions`` of boto3."""

    ConditionalCheckFailedException = ConditionalCheckFailedException
    TransactionCanceledException = TransactionCanceledException
    NoSuchKey = NoSuchKey
    ClientError = ClientError


EXCEPTIONS = Exceptions()


def refusal(code: str, operation: str, message: str = "", **fields: Any) -> ClientError:
    """The error that a client raises for a code."""
    kind: type[ClientError] = getattr(EXCEPTIONS, code, ClientError)
    response: Any = {"Error": {"Code": code, "Message": message or code}, **fields}
    return kind(response, operation)
