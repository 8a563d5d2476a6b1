"""One e-mail per order, saying what was ordered."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from aws_lambda_powertools.utilities.circuit_breaker import CircuitBreakerOpenError
from aws_lambda_powertools.utilities.idempotency import IdempotencyConfig
from botocore.exceptions import ClientError
from moto.ses.models import ses_backends

from contracts.orders import OrderPlaced
from fanout import Outcome, aws
from fanout.publish import wrap
from fanout.testing import Rig
from services.notifications import handler, mail

ACCOUNT = "123456789012"
"""moto's."""

Items = Callable[[str], list[dict[str, Any]]]
MakeOrder = Callable[..., OrderPlaced]


@pytest.fixture(autouse=True)
def _sender(worker_aws: None) -> None:
    aws.client("ses").verify_email_identity(EmailAddress=mail.SENDER)
    mail.ses_sender.cache_clear()


def sent() -> list[Any]:
    return list(ses_backends[ACCOUNT]["eu-central-1"].sent_messages)


def test_the_customer_gets_a_confirmation(make_order: MakeOrder) -> None:
    """GIVEN an order WHEN it comes THEN one e-mail goes to its customer, from the shop, with lines, date and
    total."""
    [delivery] = Rig(handler.worker).deliver(make_order())

    assert delivery.outcome is Outcome.HANDLED
    [message] = sent()
    assert (message.source, message.destinations["ToAddresses"]) == (mail.SENDER, ["ann@shop.example"])
    assert message.subject == "Your order o-1"
    assert message.body == (
        "Thank you for your order of 12 January 1997:\n\n  2 x cd-1\n  1 x cd-2\n\nTotal: 25.99 USD\n"
    )


def test_a_duplicate_is_not_confirmed_twice(make_order: MakeOrder) -> None:
    """GIVEN a confirmed order WHEN its event comes again, in this batch or a later one THEN no second e-mail goes."""
    rig, order = Rig(handler.worker), wrap(make_order())
    rig.deliver(order, order)
    rig.deliver(order)

    assert len(sent()) == 1


def test_a_confirmed_order_is_noted(items: Items, make_order: MakeOrder) -> None:
    """GIVEN an order WHEN it is confirmed, and its event comes again THEN there is one note of it."""
    rig, order = Rig(handler.worker), wrap(make_order())
    rig.deliver(order)
    rig.deliver(order)

    [note] = items("confirmations")
    assert note["order_id"] == "o-1"
    assert datetime.fromisoformat(note["confirmed_at"]) <= datetime.now(UTC)


def test_a_crash_before_the_note_sends_no_second_mail(
    items: Items, make_order: MakeOrder, crash: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GIVEN a process that died between SES's answer and its note WHEN the order comes again at once THEN it waits;
    WHEN the lock has run out THEN it is noted, and no second e-mail goes."""

    rig = Rig(handler.worker, store=crash.store, clock=crash.clock)
    with monkeypatch.context() as dying:
        dying.setattr(crash.store, "commit", lambda *_: rig.die())
        [order] = crash.killed(rig, make_order())
    [again] = rig.deliver(order)
    assert (again.outcome, len(sent()), items("confirmations")) == (Outcome.RETRIED, 1, [])

    crash.recover()
    assert rig.redeliver(again).outcome is Outcome.HANDLED
    assert (len(sent()), len(items("confirmations"))) == (1, 1)


def test_an_order_told_under_two_ids_is_confirmed_once(make_order: MakeOrder) -> None:
    """GIVEN one order under two event ids WHEN both come THEN both are handled, and one e-mail goes."""
    deliveries = Rig(handler.worker).deliver(make_order(), make_order())

    assert [delivery.outcome for delivery in deliveries] == [Outcome.HANDLED] * 2
    assert len(sent()) == 1


def test_ses_is_left_alone_while_it_is_down(make_order: MakeOrder, monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN SES that refuses everything WHEN seven orders come THEN it is called five times, and the others come again
    after the breaker's pause."""
    calls: list[str] = []

    def refuse(**arguments: Any) -> None:
        calls.append(arguments["Source"])
        raise ClientError({"Error": {"Code": "ServiceUnavailable"}}, "SendEmail")

    monkeypatch.setattr(aws.client("ses"), "send_email", refuse)
    rig = Rig(handler.worker)
    deliveries = rig.deliver(*(make_order(order_id=f"o-{number}") for number in range(7)))

    assert [delivery.outcome for delivery in deliveries] == [Outcome.RETRIED] * 7
    assert len(calls) == mail.FAILURES
    assert [str(delivery.cause) for delivery in deliveries[5:]] == ["SES is down"] * 2
    assert [backoff["VisibilityTimeout"] for backoff in rig.backoffs[5:]] == [mail.PAUSE_S] * 2


def test_the_pauses_grow_while_ses_is_down(make_order: MakeOrder, monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN an open circuit WHEN an order comes again and again THEN each pause is longer, and all tries together last
    for more than two hours."""

    def refuse(**_: Any) -> None:
        raise CircuitBreakerOpenError("open")

    monkeypatch.setattr(mail, "ses_sender", lambda: (refuse, IdempotencyConfig()))
    rig = Rig(handler.worker)
    [delivery] = rig.deliver(make_order())
    while delivery.outcome is Outcome.RETRIED:
        delivery = rig.redeliver(delivery)

    pauses = [backoff["VisibilityTimeout"] for backoff in rig.backoffs]
    assert pauses[:6] == [30, 60, 120, 240, 480, 900]
    assert sum(pauses) > 2 * 3_600
    assert (delivery.outcome, len(rig.dead_letters)) == (Outcome.REJECTED, 1)


@pytest.mark.parametrize("code", sorted(mail.REFUSED))
def test_an_address_that_ses_never_takes_is_rejected_and_opens_no_circuit(
    make_order: MakeOrder, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    """GIVEN more orders with a bad address than the breaker bears failures WHEN they come THEN each is in the DLQ at
    once with SES's words, and the next good one is sent."""
    ses = aws.client("ses")
    send = ses.send_email

    def strict(**arguments: Any) -> Any:
        if arguments["Destination"]["ToAddresses"] == ["bad@shop.example"]:
            raise ses.exceptions.ClientError({"Error": {"Code": code, "Message": "no"}}, "SendEmail")
        return send(**arguments)

    monkeypatch.setattr(ses, "send_email", strict)
    bad = [make_order(order_id=f"o-{number}", email="bad@shop.example") for number in range(mail.FAILURES + 1)]
    rig = Rig(handler.worker)
    deliveries = rig.deliver(*bad, make_order(order_id="good"))

    assert [delivery.outcome for delivery in deliveries] == [Outcome.REJECTED] * len(bad) + [Outcome.HANDLED]
    assert "SES does not take its e-mail" in str(deliveries[0].cause)
    assert len(sent()) == 1


def test_sent_mails_are_counted_and_logged_once(make_order: MakeOrder, monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN an order told twice WHEN it is confirmed THEN MailsSent counts the one e-mail."""
    counted: list[dict[str, Any]] = []
    monkeypatch.setattr(mail.metrics, "add_metric", lambda **metric: counted.append(metric))
    Rig(handler.worker).deliver(make_order(), make_order())

    assert counted == [{"name": "MailsSent", "unit": "Count", "value": 1}]


def test_a_mail_that_ses_does_not_take_is_tried_again(make_order: MakeOrder, monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN SES that throttles once WHEN the order comes again THEN the e-mail goes."""
    ses = aws.client("ses")
    send, refusals = ses.send_email, [ClientError({"Error": {"Code": "Throttling"}}, "SendEmail")]

    def throttled(**arguments: Any) -> Any:
        if refusals:
            raise refusals.pop()
        return send(**arguments)

    monkeypatch.setattr(ses, "send_email", throttled)
    rig = Rig(handler.worker)
    [first] = rig.deliver(make_order())
    assert (first.outcome, sent()) == (Outcome.RETRIED, [])

    assert rig.redeliver(first).outcome is Outcome.HANDLED
    assert len(sent()) == 1


def test_the_mail_is_tagged_with_its_event(make_order: MakeOrder, monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN an event whose id has characters that SES takes in no tag WHEN confirmed THEN the tag has - in their
    place, and the e-mail goes."""
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(aws.client("ses"), "send_email", lambda **arguments: calls.append(arguments))
    Rig(handler.worker).deliver(wrap(make_order(), event_id="order:1/é"))

    assert calls[0]["Tags"] == [{"Name": "event_id", "Value": "order-1--"}]
