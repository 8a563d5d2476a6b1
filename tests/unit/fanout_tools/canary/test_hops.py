"""The hop that is not as it should be is named, with its cause and the fix."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from moto import mock_aws

from fanout_tools.canary.faults import Fault, Hop
from fanout_tools.canary.hops import fault, missing_grant
from fanout_tools.canary.planning import Canary, plan
from fanout_tools.declarations.naming import Names

from .conftest import MANIFESTS, Lambda, Stage


def canary(stage: Stage, worker: str) -> Canary:
    now = datetime.now(UTC)
    made = plan(stage.declared, "0a1b", now, now, lambda bucket: stage.names.bucket(bucket, "123456789012"))
    [found] = [it for it in made if isinstance(it, Canary) and it.pair.worker == worker]
    return found


def told(stage: Stage, worker: str) -> Fault | None:
    return fault(stage.deployed, MANIFESTS[worker], canary(stage, worker))


@pytest.mark.parametrize("worker", MANIFESTS)
def test_a_way_that_is_as_declared_has_no_fault(stage: Stage, worker: str) -> None:
    assert told(stage, worker) is None
    assert missing_grant(stage.deployed, MANIFESTS[worker], canary(stage, worker)) is None


@pytest.mark.parametrize("bus", ["shared", "default"])
def test_a_way_by_an_existing_bus_has_no_fault(bus: str) -> None:
    """GIVEN a deployment on a bus that others use too WHEN its ways are looked at THEN its rules there are found by
    their names, and on the default bus none is asked for that brings events over."""
    with mock_aws():
        stage = Stage(Names("fanout-test", bus), Lambda())
        stage.build()

        assert [told(stage, worker) for worker in MANIFESTS] == [None, None]


def _no_rule(stage: Stage, bus: str, rule: str) -> None:
    _no_target(stage, bus, rule)
    stage.client("events").delete_rule(Name=rule, EventBusName=bus)


def _no_target(stage: Stage, bus: str, rule: str) -> None:
    stage.client("events").remove_targets(Rule=rule, EventBusName=bus, Ids=["one"])


def _pattern(stage: Stage, rule: str, pattern: dict[str, Any]) -> None:
    stage.client("events").put_rule(Name=rule, EventBusName="fanout-test", EventPattern=json.dumps(pattern))


def _resubscribed(stage: Stage, **changes: str) -> None:
    sns = stage.client("sns")
    for each in sns.list_subscriptions()["Subscriptions"]:
        sns.unsubscribe(SubscriptionArn=each["SubscriptionArn"])
    if changes:
        stage.subscribe(**changes)


def _mapping(stage: Stage, worker: str, **changes: Any) -> None:
    mapping = stage.functions.mappings[stage.deployed.arn("sqs", f"fanout-test-{worker}")]
    mapping.update(changes)


TOPIC_RULE, OWN_RULE, FORWARD = "topic-shop-orders", "thumbs-a09ff4", "fanout-test-aws-s3"
BUCKET = "fanout-test-uploads-123456789012"


@pytest.mark.parametrize(
    ("worker", "sabotage", "hop", "said"),
    [
        ("billing", lambda s: _no_rule(s, "fanout-test", TOPIC_RULE), Hop.RULE, "no such rule"),
        ("billing", lambda s: _no_target(s, "fanout-test", TOPIC_RULE), Hop.TARGET, "has no target arn:aws:sns"),
        (
            "billing",
            lambda s: s.client("events").disable_rule(Name=TOPIC_RULE, EventBusName="fanout-test"),
            Hop.RULE,
            "the rule is disabled; `aws events enable-rule --event-bus-name fanout-test --name topic-shop-orders`",
        ),
        ("billing", lambda s: _pattern(s, TOPIC_RULE, {"source": ["shop.order"]}), Hop.RULE, "pattern does not take"),
        (
            "billing",
            lambda s: s.client("sns").delete_topic(TopicArn=s.deployed.arn("sns", "fanout-test-shop-orders")),
            Hop.TOPIC,
            "there is no such topic",
        ),
        ("billing", lambda s: _resubscribed(s), Hop.SUBSCRIPTION, "not subscribed"),
        ("billing", lambda s: _resubscribed(s, RawMessageDelivery="false"), Hop.SUBSCRIPTION, "no raw delivery"),
        ("billing", lambda s: _resubscribed(s, FilterPolicy='{"detail-type": ["Other"]}'), Hop.FILTER, "filter policy"),
        ("billing", lambda s: s.functions.mappings.clear(), Hop.MAPPING, "no event source mapping"),
        ("billing", lambda s: _mapping(s, "billing", State="Disabled"), Hop.MAPPING, "--uuid u-1 --enabled"),
        ("billing", lambda s: _mapping(s, "billing", FunctionArn="arn:other:live"), Hop.MAPPING, "no event source"),
        (
            "billing",
            lambda s: s.functions.answers.update({"fanout-test-billing:3": "No module named 'x'"}),
            Hop.FUNCTION,
            "Runtime.ImportModuleError: No module named 'x'",
        ),
        ("billing", lambda s: s.functions.missing.add("fanout-test-billing"), Hop.FUNCTION, "has no alias live"),
        (
            "billing",
            lambda s: s.client("sqs").delete_queue(QueueUrl=s.deployed.queue_url("fanout-test-billing")),
            Hop.QUEUE,
            "there is no such queue",
        ),
        ("thumbs", lambda s: _no_rule(s, "fanout-test", OWN_RULE), Hop.RULE, "no such rule"),
        ("thumbs", lambda s: _no_target(s, "fanout-test", OWN_RULE), Hop.TARGET, "has no target arn:aws:sqs"),
        ("thumbs", lambda s: _pattern(s, OWN_RULE, {"source": ["aws.s3"], "detail": {"a": [1]}}), Hop.FILTER, "take"),
        ("thumbs", lambda s: _pattern(s, OWN_RULE, {"detail": {"a": [1]}}), Hop.FILTER, "take"),
        ("thumbs", lambda s: _no_rule(s, "default", FORWARD), Hop.FORWARD_RULE, "bus default has no such rule"),
        ("thumbs", lambda s: _no_target(s, "default", FORWARD), Hop.FORWARD_TARGET, "has no target arn:aws:events"),
        ("thumbs", lambda s: s.client("s3").notifications[BUCKET].clear(), Hop.BUCKET, "EventBridge"),
        ("thumbs", lambda s: s.client("s3").notifications.clear(), Hop.BUCKET, "no such bucket"),
    ],
)
def test_the_hop_that_is_gone_is_named(
    stage: Stage, worker: str, sabotage: Callable[[Stage], object], hop: Hop, said: str
) -> None:
    """GIVEN one hop of a way sabotaged WHEN it is looked at THEN that hop is named, and the other way is well."""
    sabotage(stage)

    found = told(stage, worker)

    assert found is not None
    assert found.hop is hop
    assert said in str(found)
    [other] = MANIFESTS.keys() - {worker}
    assert told(stage, other) is None or not stage.functions.mappings


def test_a_mapping_that_is_being_made_is_no_fault(stage: Stage) -> None:
    """GIVEN a mapping right after its deployment WHEN looked at THEN it is waited for."""
    _mapping(stage, "billing", State="Enabling")

    assert told(stage, "billing") is None


def test_a_missing_grant_is_named_but_not_where_a_role_says_it(stage: Stage) -> None:
    """GIVEN a topic, and a queue, that let nobody in WHEN asked for grants THEN the first is named; with a role on the
    rule's target the topic's own policy does not matter."""
    way = (stage.deployed, MANIFESTS["billing"], canary(stage, "billing"))
    topic = stage.deployed.arn("sns", "fanout-test-shop-orders")
    nobody = json.dumps({"Version": "2012-10-17", "Statement": []})
    url = stage.deployed.queue_url("fanout-test-billing")
    stage.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": nobody})
    queue_fault = missing_grant(*way)
    assert queue_fault is not None
    assert str(queue_fault).startswith(
        "queue fanout-test-billing: its policy does not let sns.amazonaws.com sqs:SendMessage: the grant is gone"
    )

    stage.client("sns").set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=nobody)
    found = missing_grant(*way)
    assert found is not None
    assert (found.hop, found.name) == (Hop.TOPIC, "fanout-test-shop-orders")

    target = {"Id": "one", "Arn": topic, "RoleArn": "arn:aws:iam::123456789012:role/rule"}
    stage.client("events").put_targets(Rule=TOPIC_RULE, EventBusName="fanout-test", Targets=[target])
    assert missing_grant(*way) == queue_fault
