"""DynamoDB for the one call that every batch makes twice, without boto3.

A worker's cold start has no use for boto3 before its handler has, if that ever has: importing it and making a client
takes longer than the worker core and the contract together. And a call through botocore costs about a millisecond of
CPU, many times what the core needs for a batch. So BatchExecuteStatement is spoken here over one kept-alive connection
per thread; everything else is boto3's."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import local
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

import orjson

from fanout import aws
from fanout.errors import FanoutError

__all__ = ["Credentials", "DynamoDBError", "LeanDynamoDB", "signed_headers"]


class Credentials(NamedTuple):
    access_key: str
    secret_key: str
    session_token: str | None = None

    @classmethod
    def found(cls) -> Self | None:
        """Those that AWS's own tools would take: of the environment, as in Lambda, of a profile, of a role; None: there
        are none."""
        of = os.environ
        if "AWS_ACCESS_KEY_ID" in of and "AWS_SECRET_ACCESS_KEY" in of:
            return cls(of["AWS_ACCESS_KEY_ID"], of["AWS_SECRET_ACCESS_KEY"], of.get("AWS_SESSION_TOKEN"))
        import boto3

        held = boto3.session.Session().get_credentials()
        if held is None:
            return None
        frozen = held.get_frozen_credentials()
        return cls(str(frozen.access_key), str(frozen.secret_key), frozen.token)


def signed_headers(
    credentials: Credentials,
    *,
    service: str,
    region: str,
    host: str,
    headers: Mapping[str, str],
    body: bytes,
    now: float | None = None,
    method: str = "POST",
    path: str = "/",
    query: str = "",
) -> dict[str, str]:
    """The headers of a request to the host, ``POST /`` unless said otherwise, with those that sign it.

    :param headers: the request's own, all of which are signed; their names in lower case.
    :param query: its parameters, sorted and escaped.
    :param now: seconds since 1970; AWS refuses a request that is 15 minutes off.
    """
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    signed = {**headers, "host": host, "x-amz-date": moment}
    if credentials.session_token:
        signed["x-amz-security-token"] = credentials.session_token
    names = ";".join(sorted(signed))
    lines = "".join(f"{name}:{signed[name].strip()}\n" for name in sorted(signed))
    request = f"{method}\n{path}\n{query}\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{credentials.secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    signed["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return signed


TIMEOUT_S = 10
MAX_ATTEMPTS = 4
BACKOFF_BASE_S = 0.05
TRANSIENT = frozenset(
    {
        "InternalServerError",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingException",
    }
)
"""DynamoDB's errors that a repetition may fix
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html)."""


class DynamoDBError(FanoutError):
    """DynamoDB refused the call or did not answer, after all attempts.

    :ivar code: DynamoDB's, or the class of the network's error.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class LeanDynamoDB:
    """A DynamoDB client: BatchExecuteStatement is its own, everything else that of :func:`fanout.aws.client`.

    :param endpoint: its URL; None for AWS's of the region.
    :param sleep: how to wait between attempts; tests give their own.
    """

    def __init__(
        self,
        credentials: Credentials,
        region: str,
        *,
        endpoint: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._credentials = credentials
        self._region = region
        url = urlsplit(endpoint or f"https://dynamodb.{region}.amazonaws.com")
        self._secure = url.scheme == "https"
        self._host = url.netloc
        self._sleep = sleep
        self._thread = local()

    @classmethod
    def from_environment(cls) -> Self | None:
        """With what Lambda puts into a function's environment; None where that is missing, as on a developer's
        machine with a profile."""
        found = os.environ
        region = found.get("AWS_REGION") or found.get("AWS_DEFAULT_REGION")
        if not (region and "AWS_ACCESS_KEY_ID" in found and "AWS_SECRET_ACCESS_KEY" in found):
            return None
        credentials = Credentials(
            found["AWS_ACCESS_KEY_ID"], found["AWS_SECRET_ACCESS_KEY"], found.get("AWS_SESSION_TOKEN")
        )
        return cls(
            credentials, region, endpoint=found.get("AWS_ENDPOINT_URL_DYNAMODB") or found.get("AWS_ENDPOINT_URL")
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(aws.client("dynamodb"), name)

    def batch_execute_statement(self, *, Statements: Sequence[Any]) -> dict[str, Any]:  # noqa: N803 - boto3's name
        """As boto3's.

        :raises DynamoDBError: the call failed as a whole, after all attempts.
        """
        return self._call("BatchExecuteStatement", orjson.dumps({"Statements": Statements}))

    def close(self) -> None:
        """Close this thread's connection; a further call opens another."""
        self._drop_connection()

    def _call(self, operation: str, body: bytes) -> dict[str, Any]:
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                return self._once(operation, body)
            except DynamoDBError as error:
                if error.code not in TRANSIENT or attempt == MAX_ATTEMPTS or not self._pause(attempt):
                    raise
            except (OSError, HTTPException) as error:
                # Also a connection that the other side closed while it was idle: the next attempt has a new one.
                self._drop_connection()
                if attempt == MAX_ATTEMPTS or not self._pause(attempt):
                    raise DynamoDBError(type(error).__name__, f"{self._host}: {error}") from error
        raise AssertionError("unreachable")

    def _pause(self, attempt: int) -> bool:
        """Wait before the next attempt; False when there is no time for it."""
        pause_s, left_s = random.uniform(0, BACKOFF_BASE_S * 2**attempt), aws.remaining_s()
        if left_s is not None and pause_s >= left_s:
            return False
        self._sleep(pause_s)
        return True

    def _once(self, operation: str, body: bytes) -> dict[str, Any]:
        timeout_s = _timeout_s()
        headers = signed_headers(
            self._credentials,
            service="dynamodb",
            region=self._region,
            host=self._host,
            headers={"content-type": "application/x-amz-json-1.0", "x-amz-target": f"DynamoDB_20120810.{operation}"},
            body=body,
        )
        connection = self._connection(timeout_s)
        connection.request("POST", "/", body, headers)
        response = connection.getresponse()
        content = response.read()
        if response.status != 200:
            raise _error(response.status, content)
        try:
            answer: dict[str, Any] = orjson.loads(content)
        except orjson.JSONDecodeError as error:  # the connection ended within an answer that did not say its length
            raise HTTPException(f"half an answer, {len(content)} bytes") from error
        return answer

    def _connection(self, timeout_s: float) -> HTTPConnection:
        connection: HTTPConnection | None = getattr(self._thread, "connection", None)
        if connection is None:
            kind = HTTPSConnection if self._secure else HTTPConnection
            connection = self._thread.connection = kind(self._host, timeout=timeout_s)
        connection.timeout = timeout_s  # of the connection that the first request makes
        if connection.sock is not None:
            connection.sock.settimeout(timeout_s)
        return connection

    def _drop_connection(self) -> None:
        connection = getattr(self._thread, "connection", None)
        if connection is not None:
            connection.close()
            self._thread.connection = None


def _timeout_s() -> float:
    """
    :raises DynamoDBError: no time is left for an attempt. Not :class:`fanout.aws.OutOfTime`, which imports botocore.
    """
    left_s = aws.remaining_s()
    if left_s is None:
        return TIMEOUT_S
    if left_s <= 0:
        raise DynamoDBError("OutOfTime", f"the invocation's time is up ({left_s:.3f} s left)")
    return max(aws.LEAST_TIMEOUT_S, min(TIMEOUT_S, left_s / 2))


def _error(status: int, content: bytes) -> DynamoDBError:
    try:
        answer = json.loads(content)
        code = str(answer["__type"]).rpartition("#")[2]
        message = str(answer.get("message") or answer.get("Message") or "")
    except (ValueError, KeyError, TypeError, AttributeError):
        code, message = ("InternalServerError" if status >= 500 else f"HTTP {status}"), repr(content[:200])
    return DynamoDBError(code, message)
