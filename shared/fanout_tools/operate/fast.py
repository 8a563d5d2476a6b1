"""AWS's JSON protocols over kept-alive connections, many calls at once, for commands that ask a thousand things.

Through boto3 a thousand calls cost over a second of CPU, by themselves and by its clients' making. What is spoken here
are the services that a page asks; all else is boto3's.
"""

from __future__ import annotations

import asyncio
import os
import random
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote, urlencode, urlsplit

import orjson

from fanout.errors import FanoutError
from fanout.idempotency.client import Credentials, signed_headers
from fanout_tools.operate.connection import Connection
from fanout_tools.operate.identity import credentials
from fanout_tools.operate.topology import Place

__all__ = ["MISSING", "Fast", "FastError", "Service"]


@dataclass(frozen=True)
class Service:
    """How a service is spoken to, as botocore's models have it."""

    name: str
    """Of its endpoint, and to sign for."""
    target: str | None = None
    """What the operation's name follows in ``x-amz-target``; None: REST."""
    version: str = "1.0"
    """Of the JSON protocol."""


SERVICES: Final = {
    "cloudwatch": Service("monitoring", "GraniteServiceVersion20100801"),
    "dynamodb": Service("dynamodb", "DynamoDB_20120810"),
    "lambda": Service("lambda"),
    "logs": Service("logs", "Logs_20140328", "1.1"),
    "sqs": Service("sqs", "AmazonSQS"),
}

THROTTLED: Final = frozenset(
    {
        "BandwidthLimitExceeded", "EC2ThrottledException", "LimitExceededException", "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException", "RequestLimitExceeded", "RequestThrottled",
        "RequestThrottledException", "SlowDown", "ThrottledException", "Throttling", "ThrottlingException",
        "TooManyRequestsException", "TransactionInProgressException",
    }
)  # fmt: skip
"""Codes that say: later (https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html)."""

MISSING: Final = frozenset(
    {"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist", "ResourceNotFoundException", "404"}
)
"""Codes that say: there is no such thing."""

ATTEMPTS: Final = 6
PAUSE_S: Final = 0.1
"""Before the second attempt, at most; it doubles with each."""
TIMEOUT_S: Final = 10.0
CONNECTIONS: Final = 64
CONNECTIONS_OF_AN_EMULATOR: Final = 8
"""One process answers them all: more would only wait there."""


class FastError(FanoutError):
    """AWS refused a call, or did not answer, after all attempts.

    :ivar code: AWS's, or the class of the network's error.
    """

    def __init__(self, code: str, operation: str, message: str) -> None:
        super().__init__(f"{operation}: {code}: {message}")
        self.code = code


class Fast:
    """The services of one place, asked many things at once; used as ``async with``.

    :ivar calls: how many requests were sent, by service and operation; repetitions count.
    """

    def __init__(
        self,
        place: Place,
        credentials: Credentials,
        *,
        connections: int | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.calls: Counter[str] = Counter()
        self._place = place
        self._credentials = credentials
        self._sleep = sleep
        wanted = connections or (CONNECTIONS_OF_AN_EMULATOR if place.endpoint else CONNECTIONS)
        self._slots = asyncio.Semaphore(wanted)
        self._idle: dict[str, list[Connection]] = {}

    @classmethod
    def reached(cls, place: Place) -> Self:
        """With the credentials that this process's AWS clients have.

        :raises IdentityError: there are none.
        """
        return cls(place, credentials())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        self._idle.clear()

    async def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """One operation of a service that speaks JSON; parameters and answer as boto3's, but for moments: these are
        seconds since 1970.

        :raises FastError: refused, or not answered, after all attempts.
        """
        spoken = SERVICES[service]
        headers = {
            "content-type": f"application/x-amz-json-{spoken.version}",
            "x-amz-target": f"{spoken.target}.{operation}",
        }
        return await self._retried(service, operation, "POST", "/", "", headers, orjson.dumps(parameters))

    async def get(self, service: str, operation: str, path: str, **query: str) -> dict[str, Any]:
        """One operation of a service that speaks REST and JSON.

        :param operation: its name, for the account of calls and for errors.
        :raises FastError: as :meth:`call`.
        """
        return await self._retried(
            service, operation, "GET", path, urlencode(sorted(query.items()), quote_via=quote, safe="-_.~"), {}, b""
        )

    async def pages(
        self, service: str, operation: str, *, token: str = "NextToken", **parameters: Any
    ) -> AsyncIterator[dict[str, Any]]:
        """Each page of an operation's answer.

        :param token: what the mark of the next page is called, in the answer as in the request.
        """
        while True:
            page = await self.call(service, operation, **parameters)
            yield page
            if not page.get(token) or page[token] == parameters.get(token):  # CloudWatch Logs may repeat the last one
                return
            parameters[token] = page[token]

    async def _retried(
        self, service: str, operation: str, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> dict[str, Any]:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                async with self._slots:
                    return await self._once(service, operation, method, path, query, headers, body)
            except FastError as error:
                if not (error.code in THROTTLED or error.code.startswith("5")) or attempt == ATTEMPTS:
                    raise
            except (OSError, TimeoutError) as error:
                if attempt == ATTEMPTS:
                    raise FastError(type(error).__name__, operation, f"{self._url(service)}: {error}") from error
            await self._sleep(random.uniform(0, PAUSE_S * 2**attempt))
        raise AssertionError("unreachable")

    async def _once(
        self, service: str, operation: str, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> dict[str, Any]:
        self.calls[f"{service}:{operation}"] += 1
        host = urlsplit(self._url(service)).netloc
        signed = signed_headers(
            self._credentials,
            service=SERVICES[service].name,
            region=self._place.region,
            host=host,
            headers=headers,
            body=body,
            method=method,
            path=path,
            query=query,
        )
        lines = "".join(f"{name}: {value}\r\n" for name, value in signed.items())
        head = f"{method} {path}{'?' if query else ''}{query} HTTP/1.1\r\n{lines}content-length: {len(body)}\r\n\r\n"
        status, content = await self._exchange(self._url(service), head.encode() + body)
        if status != 200:
            raise _error(status, operation, content)
        return orjson.loads(content) if content else {}

    async def _exchange(self, url: str, request: bytes) -> tuple[int, bytes]:
        idle = self._idle.setdefault(url, [])
        async with asyncio.timeout(TIMEOUT_S):
            connection = idle.pop() if idle else await self._connect(url)
            try:
                answer = await connection.send(request)
            except BaseException:
                connection.close()
                raise
        if connection.transport and not connection.transport.is_closing():
            idle.append(connection)
        return answer

    async def _connect(self, url: str) -> Connection:
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        _, connection = await asyncio.get_running_loop().create_connection(
            Connection, parts.hostname or "", parts.port or (443 if secure else 80), ssl=_tls() if secure else None
        )
        return connection

    def _url(self, service: str) -> str:
        own = os.environ.get(f"AWS_ENDPOINT_URL_{service.upper()}") or self._place.endpoint
        return own or f"https://{SERVICES[service].name}.{self._place.region}.{self._place.domain}"


_context: ssl.SSLContext | None = None


def _tls() -> ssl.SSLContext:
    global _context
    if _context is None:
        _context = ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE"))
    return _context


def _error(status: int, operation: str, content: bytes) -> FastError:
    try:
        answer = orjson.loads(content)
        code = str(answer.get("__type") or answer.get("code") or answer.get("Code") or status).rpartition("#")[2]
        message = str(answer.get("message") or answer.get("Message") or "")
    except (ValueError, AttributeError):
        code, message = str(status), repr(content[:200])
    if status == 429 and code not in THROTTLED:
        code = "TooManyRequestsException"
    return FastError(code if status < 500 or code in THROTTLED else str(status), operation, message)
