"""What Terraform made, made again, and took away."""

from __future__ import annotations

import pytest

from fanout_tools.declarations import routing
from fanout_tools.declarations.naming import ALIAS
from tests.integration.conftest import EMULATOR
from tests.integration.platform import NAMESPACE, Platform, client


def test_a_second_plan_shows_no_drift(platform: Platform) -> None:
    """GIVEN what was just applied WHEN it is planned again THEN nothing is to change but what the list explains."""
    platform.terraformed.drift(EMULATOR, whole=True)


def test_both_sides_give_the_same_names(platform: Platform) -> None:
    """GIVEN names that Terraform and declarations.naming each make WHEN compared THEN they are the same."""
    outputs, names = platform.outputs(), platform.names

    assert outputs["bus"]["name"] == names.bus
    assert outputs["claims_bucket"] == names.claims_bucket(platform.deployment.account)
    if outbox := outputs.get("outbox"):  # an output of nothing is none
        assert outbox["table"]["name"] == names.outbox_table
    for worker, made in outputs["workers"].items():
        assert made["queue"]["name"] == names.queue(worker)
        assert made["dead_letter_queue"]["name"] == names.dead_letter_queue(worker)
        assert (made["function"]["name"], made["function"]["alias"]) == (names.function(worker), ALIAS)
        assert made["log_group"] == names.log_group(worker)
    for table, made in outputs["tables"].items():
        assert made == names.table(table)
    for bucket, made in outputs["buckets"].items():
        assert made == platform.deployment.bucket(bucket)


def test_both_sides_make_the_same_filters(platform: Platform) -> None:
    """GIVEN patterns that Terraform and declarations.routing each make WHEN compared THEN they are the same."""
    import json

    sns, events = client("sns"), client("events")
    rules = {
        rule["Name"]: json.loads(rule["EventPattern"])
        for rule in events.list_rules(EventBusName=platform.names.bus)["Rules"]
    }
    for worker, manifest in platform.deployment.manifests.items():
        if manifest.via == "bus":
            for pattern in routing.rule_patterns(manifest).values():
                assert pattern in [made for name, made in rules.items() if name.startswith(f"{worker}-")]
            continue
        queue_arn = platform.outputs()["workers"][worker]["queue"]["arn"]
        for source, expected in routing.subscription_filters(manifest).items():
            topic = sns.create_topic(Name=platform.names.topic(source))["TopicArn"]  # answers the ARN of one there is
            [arn] = [
                subscription["SubscriptionArn"]
                for subscription in sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
                if subscription["Endpoint"] == queue_arn
            ]
            made = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
            assert json.loads(made["FilterPolicy"]) == expected
            assert made["FilterPolicyScope"] == "MessageBody"
            assert made["RawMessageDelivery"] == "true"


@pytest.mark.last
def test_destroy_leaves_nothing(platform: Platform) -> None:
    """GIVEN the deployment WHEN it is destroyed THEN nothing of its namespace is left."""
    platform.destroy()

    assert client("sqs").list_queues(QueueNamePrefix=NAMESPACE).get("QueueUrls", []) == []
    assert [t for t in client("sns").list_topics()["Topics"] if NAMESPACE in t["TopicArn"]] == []
    assert [f for f in client("lambda").list_functions()["Functions"] if NAMESPACE in f["FunctionName"]] == []
    assert [t for t in client("dynamodb").list_tables()["TableNames"] if NAMESPACE in t] == []
    assert [b for b in client("s3").list_buckets()["Buckets"] if NAMESPACE in b["Name"]] == []
    assert [b for b in client("events").list_event_buses()["EventBuses"] if NAMESPACE in b["Name"]] == []
    assert [r for r in client("iam").list_roles()["Roles"] if NAMESPACE in r["RoleName"]] == []
    groups = client("logs").describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{NAMESPACE}")["logGroups"]
    assert groups == []
    assert client("cloudwatch").describe_alarms(AlarmNamePrefix=NAMESPACE)["MetricAlarms"] == []
    assert client("events").list_archives(NamePrefix=NAMESPACE)["Archives"] == []
