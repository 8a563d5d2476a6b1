import json
from types import SimpleNamespace
from typing import Any

import pytest
from localstack.aws.api import CommonServiceException, ServiceException
from localstack.services.sns.provider import SnsProvider
from localstack.services.sqs.provider import SqsProvider

from fanout_localstack.fixes import resource_policies
from fanout_localstack.fixes.resource_policies import allows

QUEUE = "arn:aws:sqs:us-east-1:000000000000:billing"
TOPIC = "arn:aws:sns:us-east-1:000000000000:orders"
RULE = "arn:aws:events:us-east-1:000000000000:rule/shop/orders"
EVENTS = {"Service": "events.amazonaws.com"}


def policy(*statements: dict[str, Any]) -> str:
    whole = {"Effect": "Allow", "Principal": EVENTS, "Action": "sqs:SendMessage", "Resource": QUEUE}
    return json.dumps({"Version": "2012-10-17", "Statement": [whole | it for it in statements]})


def asked(given: str | None) -> bool:
    return allows(given, "events.amazonaws.com", "sqs:SendMessage", QUEUE, RULE)


@pytest.mark.parametrize(
    "statement",
    [
        {},
        {"Principal": "*"},
        {"Principal": {"Service": ["sns.amazonaws.com", "events.amazonaws.com"]}},
        {"Action": ["sqs:*"]},
        {"Action": "SQS:SendMessage"},
        {"Resource": "*"},
        {"Condition": {"ArnEquals": {"aws:SourceArn": [RULE, "arn:other"]}}},
        {"Condition": {"ArnLike": {"AWS:SourceArn": "arn:aws:events:*:000000000000:rule/shop/*"}}},
        {"Condition": {"StringEquals": {"aws:SourceAccount": "000000000000"}, "Bool": {"aws:SecureTransport": True}}},
        {"Condition": {"StringNotLike": {"aws:SourceArn": "arn:aws:sns:*"}}},
        {"Condition": {"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}}},
        {"Condition": {"Null": {"aws:PrincipalOrgID": "true"}}},
    ],
)
def test_a_grant_lets_the_service_in(statement):
    assert asked(policy(statement))


@pytest.mark.parametrize(
    "statement",
    [
        {"Principal": {"Service": "sns.amazonaws.com"}},
        {"Principal": {"AWS": "arn:aws:iam::000000000000:root"}},
        {"Action": "sqs:ReceiveMessage"},
        {"Resource": f"{QUEUE}-dlq"},
        {"Condition": {"ArnEquals": {"aws:SourceArn": f"{RULE}-other"}}},
        {"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}},
        {"Condition": {"ArnNotEquals": {"aws:SourceArn": RULE}}},
        {"Condition": {"DateGreaterThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}}},
        {"Effect": "Deny"},
    ],
)
def test_anything_else_does_not(statement):
    assert not asked(policy(statement))


def test_a_deny_is_stronger_than_a_grant():
    foreign = {"Effect": "Deny", "Condition": {"ArnNotEqualsIfExists": {"aws:SourceArn": RULE}}}
    plain = {"Effect": "Deny", "Principal": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}

    assert asked(policy({}, foreign, plain))
    assert not asked(policy({}, {"Effect": "Deny"}))


@pytest.mark.parametrize("given", [None, "", "{}"])
def test_without_a_policy_no_service_comes_in(given):
    assert not asked(given)


def called(service: str | None, key: str = "000000000000") -> SimpleNamespace:
    """A call as LocalStack makes it inside."""
    params = {"service_principal": service, "source_arn": RULE} if service else None
    auth = f"AWS4-HMAC-SHA256 Credential={key}/20261128/us-east-1/sqs/aws4_request, Signature=s"
    return SimpleNamespace(internal_request_params=params, request=SimpleNamespace(headers={"Authorization": auth}))


class TakenError(Exception):
    """LocalStack's own method has been reached."""


def _take(*_: object) -> None:
    raise TakenError


@pytest.fixture
def provided(monkeypatch: pytest.MonkeyPatch):
    """A queue without a policy and a topic that EventBridge may publish to, with the fix installed."""
    monkeypatch.setattr(SqsProvider, "send_message", SqsProvider.send_message)
    monkeypatch.setattr(SnsProvider, "publish", SnsProvider.publish)
    resource_policies.install()
    queue = SimpleNamespace(attributes={}, arn=QUEUE)
    topic = {"Attributes": {"Policy": policy({"Action": "sns:Publish", "Resource": TOPIC})}}
    sqs = SimpleNamespace(_resolve_queue=lambda _context, queue_url: queue, _put_message=_take)
    sns = SimpleNamespace(get_topic_attributes=lambda _context, _arn: topic)
    return SimpleNamespace(
        queue=queue,
        send=lambda context: SqsProvider.send_message(sqs, context, "url", "a message"),
        publish=lambda context: SnsProvider.publish(sns, context, "", TOPIC),
    )


@pytest.mark.parametrize(
    "caller", [called(None), called("s3"), called("events", key="LSIA0"), called("sns", key="ASIA0")]
)
def test_nobody_else_is_asked(provided, caller):
    with pytest.raises(TakenError):
        provided.send(caller)


def test_a_queue_takes_what_its_policy_grants(provided):
    with pytest.raises(CommonServiceException, match="not authorized to perform sqs:SendMessage") as refused:
        provided.send(called("events"))
    assert refused.value.code == "AccessDenied"

    provided.queue.attributes["Policy"] = policy({})
    with pytest.raises(TakenError):
        provided.send(called("events"))


def test_a_topic_takes_what_its_policy_grants(provided):
    with pytest.raises(ServiceException, match="Empty message"):  # which LocalStack itself says of it
        provided.publish(called("events"))

    with pytest.raises(CommonServiceException, match=r"sns\.amazonaws\.com is not authorized"):
        provided.publish(called("sns"))
