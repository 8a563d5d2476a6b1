"""The AWS clients of a process: made on first use, shared, kept alive.

boto3 is imported on first use too: it is the heaviest import of a worker, and a heartbeat needs none of it.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, overload

if TYPE_CHECKING:
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

__all__ = ["client", "forget_clients"]

CONNECT_TIMEOUT_S = 3
READ_TIMEOUT_S = 20
POOL_CONNECTIONS = 32

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
    return boto3.session.Session().client(service, config=config)  # type: ignore[call-overload]


def forget_clients() -> None:
    """Make new clients from here on: for tests, which change the environment that clients are made from."""
    _client.cache_clear()
