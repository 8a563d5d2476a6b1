"""One e-mail for each order, address and subject, and none while SES is down."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Metrics

from contracts.orders import OrderPlaced
from fanout import Context, Reject, Retry
from fanout.aws import client

__all__ = ["SENDER", "send", "send_once", "ses_sender"]

SENDER = "orders@shop.example"

FAILURES, PAUSE_S = 5, 30
"""After so many failures in a row SES is left alone for so long."""

LONGEST_PAUSE_S = 900
"""With queue.max_receives in worker.yaml an outage of SES of more than two hours dead-letters no e-mail."""

REMEMBERED_S = 18 * 86_400

REFUSED = frozenset({"InvalidParameterValue", "MessageRejected"})
"""The codes by which SES says that it never takes this e-mail, such as one to ``a,b@c``
(https://docs.aws.amazon.com/ses/latest/APIReference/API_SendEmail.html, and its common errors)."""

logger = Logger(service="notifications")
metrics = Metrics(namespace="fanout", service="notifications")

Mail = Mapping[str, str]


def send_once(order: OrderPlaced, subject: str, text: str, context: Context) -> None:
    """Send the e-mail unless it has been sent: Powertools' idempotency, keyed by what the customer would see, also
    keeps an order that is published under two event ids to one e-mail.

    :raises Retry: SES is down, or another execution is sending it.
    :raises Reject: SES takes no such e-mail.
    """
    from aws_lambda_powertools.utilities.circuit_breaker import CircuitBreakerOpenError
    from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyAlreadyInProgressError

    sender, config = ses_sender()
    config.register_lambda_context(context)
    mail = {"order_id": order.order_id, "to": order.email, "subject": subject, "text": text, "tag": context.event_id}
    try:
        sender(mail=mail)
    except CircuitBreakerOpenError as error:
        # Each of these is a try: longer pauses, so that the tries last longer than an outage does.
        raise Retry("SES is down", after=min(LONGEST_PAUSE_S, PAUSE_S * 2 ** (context.tries - 1))) from error
    except IdempotencyAlreadyInProgressError as error:
        raise Retry("the e-mail is being sent") from error


def send(mail: Mail) -> None:
    """Hand the e-mail to SES.

    :raises Reject: SES takes no such e-mail, and never will.
    """
    ses = client("ses")
    try:
        ses.send_email(
            Source=SENDER,
            Destination={"ToAddresses": [mail["to"]]},
            Message={"Subject": {"Data": mail["subject"]}, "Body": {"Text": {"Data": mail["text"]}}},
            Tags=[{"Name": "event_id", "Value": _tag(mail["tag"])}],
        )
    except ses.exceptions.ClientError as error:
        if error.response["Error"]["Code"] not in REFUSED:
            raise
        raise Reject(f"order {mail['order_id']}: SES does not take its e-mail: {error}") from error
    metrics.add_metric(name="MailsSent", unit="Count", value=1)
    logger.info("e-mail sent", extra={"order_id": mail["order_id"], "subject": mail["subject"]})


@cache
def ses_sender() -> tuple[Callable[..., Any], Any]:
    """Made on first use: its clients are Powertools' own, which import boto3."""
    from aws_lambda_powertools.utilities.circuit_breaker import CircuitBreakerConfig, circuit_breaker
    from aws_lambda_powertools.utilities.circuit_breaker.persistence import CircuitBreakerDynamoDBPersistence
    from aws_lambda_powertools.utilities.idempotency import (
        DynamoDBPersistenceLayer,
        IdempotencyConfig,
        idempotent_function,
    )

    table = os.environ["FANOUT_IDEMPOTENCY_TABLE"]
    config = IdempotencyConfig(
        event_key_jmespath="[order_id, to, subject]",
        expires_after_seconds=REMEMBERED_S,
        raise_on_no_idempotency_key=True,
    )
    breaker = CircuitBreakerConfig(
        failure_threshold=FAILURES,
        recovery_timeout=PAUSE_S,
        success_threshold=1,
        ignored_exceptions=Reject,  # which says something of the e-mail, and nothing of SES
    )

    @idempotent_function(  # type: ignore[untyped-decorator]
        data_keyword_argument="mail", persistence_store=DynamoDBPersistenceLayer(table_name=table), config=config
    )
    @circuit_breaker(name="ses", persistence_store=CircuitBreakerDynamoDBPersistence(table_name=table), config=breaker)
    def sender(mail: Mail) -> None:
        send(mail)

    return sender, config


def _tag(event_id: str) -> str:
    """Within what SES takes for a tag (https://docs.aws.amazon.com/ses/latest/APIReference/API_MessageTag.html)."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", event_id)[:255]
