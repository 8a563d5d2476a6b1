"""The AWS clients of a process: made on first use, shared, kept alive.

boto3 is imported on first use too: it is the heaviest import of a worker, and a keep-warm ping needs none of it.
"""

from __future__ import annotations

import os
import time
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, overload

if TYPE_CHECKING:
    from collections.abc import Callable

    from botocore.exceptions import BotoCoreError
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_ses import SESClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_sts import STSClient

    class OutOfTime(BotoCoreError):  # noqa: N818 - what happened, as botocore's own names
        """Made on first use, because boto3 is imported on first use."""


__all__ = ["BoundedSession", "OutOfTime", "client", "finish_by", "forbid_late_retry", "forget_clients", "remaining_s"]

CONNECT_TIMEOUT_S = 3
READ_TIMEOUT_S = 20
POOL_CONNECTIONS = 32

LEAST_TIMEOUT_S = 0.3
TIMEOUT_STEPS_S = (20, 10, 5, 2, 1, LEAST_TIMEOUT_S)
"""The time-outs of an attempt; steps, because connections are kept alive per time-out."""

_finish_by: float | None = None


def finish_by(monotonic_seconds: float | None) -> None:
    """Bound every attempt of every client by this time of ``time.monotonic()`` from here on; None: no bound.

    An attempt may take half of what is left; with nothing left no attempt is made, and :class:`OutOfTime` is raised.
    """
    global _finish_by
    _finish_by = monotonic_seconds


def remaining_s() -> float | None:
    """Seconds until the time of :func:`finish_by`, negative once it has passed; None without one."""
    return None if _finish_by is None else _finish_by - time.monotonic()


CHECKED_BY_FANOUT = frozenset({"events", "eventbridgev2"})
"""Services whose requests fanout alone makes; botocore's own check of them would be a tenth of a call's CPU."""


@overload
def client(service: Literal["cloudwatch"]) -> CloudWatchClient: ...
@overload
def client(service: Literal["dynamodb"]) -> DynamoDBClient: ...
@overload
def client(service: Literal["events"]) -> EventBridgeClient: ...
@overload
def client(service: Literal["eventbridgev2"]) -> Any: ...
@overload
def client(service: Literal["lambda"]) -> LambdaClient: ...
@overload
def client(service: Literal["logs"]) -> CloudWatchLogsClient: ...
@overload
def client(service: Literal["s3"]) -> S3Client: ...
@overload
def client(service: Literal["secretsmanager"]) -> SecretsManagerClient: ...
@overload
def client(service: Literal["ses"]) -> SESClient: ...
@overload
def client(service: Literal["sns"]) -> SNSClient: ...
@overload
def client(service: Literal["sqs"]) -> SQSClient: ...
@overload
def client(service: Literal["ssm"]) -> SSMClient: ...
@overload
def client(service: Literal["sts"]) -> STSClient: ...
def client(service: str) -> Any:
    """The process's client of a service. Endpoint, region and credentials come from the environment, as for any
    AWS SDK (``AWS_ENDPOINT_URL``, ``AWS_ENDPOINT_URL_DYNAMODB``, ``AWS_REGION`` ...)."""
    return _client(service)


@cache
def _client(service: str) -> Any:
    import boto3
    from botocore.config import Config

    custom_endpoint = "AWS_ENDPOINT_URL" in os.environ or f"AWS_ENDPOINT_URL_{service.upper()}" in os.environ
    config = Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        max_pool_connections=POOL_CONNECTIONS,
        retries={"mode": "standard", "total_max_attempts": 4},
        tcp_keepalive=True,
        parameter_validation=service not in CHECKED_BY_FANOUT,
        # Virtual-hosted bucket names do not resolve on an emulator's loopback address.
        s3={"addressing_style": "path" if custom_endpoint else "auto"},
    )
    made = boto3.session.Session().client(service, config=config)  # type: ignore[call-overload]
    made._endpoint.http_session = BoundedSession(made._endpoint.http_session)
    # As specific as botocore's own handler, which otherwise would be asked first.
    service_id = made.meta.service_model.service_id.hyphenize()
    made.meta.events.register_first(f"needs-retry.{service_id}", forbid_late_retry)
    return made


def _like(like: Any, step: float) -> Any:
    """A session like the given one, with a shorter time-out."""
    from botocore.httpsession import URLLib3Session

    timeout: Any = (min(CONNECT_TIMEOUT_S, step), step)  # a pair, which the stubs do not know
    cert = (like._cert_file, like._key_file) if like._cert_file and like._key_file else like._cert_file
    return URLLib3Session(
        verify=like._verify,
        proxies=like._proxy_config._proxies,
        proxies_config=like._proxy_config.settings,
        timeout=timeout,
        max_pool_connections=like._max_pool_connections,
        socket_options=like._socket_options,
        client_cert=cert,
    )


class BoundedSession:
    """A client's HTTP session: sends each request within the time that is left.

    In place of the session, not as a ``before-send`` handler: that would send what another handler has answered.

    :param make: makes a session like the given one with a time-out in seconds; tests give their own.
    """

    def __init__(self, unbounded: Any, make: Callable[[Any, float], Any] = _like) -> None:
        self._unbounded = unbounded
        self._make = make
        self._bounded: dict[float, Any] = {}

    def send(self, request: Any) -> Any:
        left = remaining_s()
        if left is None:
            return self._unbounded.send(request)
        if left <= 0:
            raise _out_of_time()(left=left)
        step = next((step for step in TIMEOUT_STEPS_S if step <= left / 2), LEAST_TIMEOUT_S)
        return self._session(step).send(request)

    def close(self) -> None:
        for session in (self._unbounded, *self._bounded.values()):
            session.close()

    def _session(self, step: float) -> Any:
        if step >= READ_TIMEOUT_S:
            return self._unbounded
        if step not in self._bounded:  # two threads may each make one; one of the two is kept
            self._bounded.setdefault(step, self._make(self._unbounded, step))
        return self._bounded[step]


def forbid_late_retry(attempts: int, **_: Any) -> bool | None:
    """False, which ends botocore's attempts, when its pause (at most 2 ** (attempts - 1) s) could outlast the time."""
    left = remaining_s()
    return False if left is not None and left <= min(2 ** (attempts - 1), 20) else None


@cache
def _out_of_time() -> type[BotoCoreError]:
    from botocore.exceptions import BotoCoreError

    class OutOfTime(BotoCoreError):  # noqa: N818 - what happened, as botocore's own names
        """The time of :func:`finish_by` has passed; nothing was sent. botocore does not repeat it."""

        fmt = "the invocation's time is up ({left:.3f} s left): the request was not sent"

    OutOfTime.__module__, OutOfTime.__qualname__ = __name__, "OutOfTime"
    return OutOfTime


def __getattr__(name: str) -> Any:
    if name == "OutOfTime":
        return _out_of_time()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def forget_clients() -> None:
    """Make new clients from here on: for tests, which change the environment that clients are made from."""
    _client.cache_clear()
