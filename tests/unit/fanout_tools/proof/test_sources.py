"""Where AWS names no source, a grant may ask for none: what is encrypted narrows it, and a foreign one is refused."""

import json
from typing import Any

import pytest

from fanout_tools.plans import Plan, Resource, document
from scripts.mutants import sources
from scripts.mutants.fixture import PLANS
from tests.unit.fanout_tools.proof.conftest import Judge

KEY = next(Plan.read(json.loads(PLANS["service"].read_text(encoding="utf-8"))).of("aws_kms_key")).address
TOPIC = 'module.platform.module.topic["shop.orders"].aws_sns_topic.this'
WITHOUT_SOURCE = (
    'grant it without aws:SourceArn and aws:SourceAccount, or give the rule\'s target a role: bus_grants = "role"'
)
LOGS = "module.platform.module.unmatched[0].aws_cloudwatch_log_group.unmatched"


@pytest.fixture(scope="module")
def by_role() -> Plan:
    """The fixture with ``bus_grants = "role"``."""
    return Plan.read(json.loads(PLANS["role"].read_text(encoding="utf-8")))


def _spoilt(plan: Plan, address: str, change: str) -> Plan:
    return next(mutant for it, name, mutant in sources.spoilt(plan) if (it.address, name) == (address, change))


def test_a_key_for_sources_only_is_told_for_topics_and_queues(plan: Plan, judge: Judge) -> None:
    findings = judge(_spoilt(plan, KEY, "for sources only, as it was"))

    assert {(it.address, it.rule) for it in findings} == {(KEY, "key")}
    told = "\n".join(map(str, findings))
    assert f"events.amazonaws.com may not write to {TOPIC}: no kms:GenerateDataKey and no kms:Decrypt without" in told
    assert "allow it for kms:EncryptionContext:aws:sns:topicArn, without aws:SourceArn and aws:SourceAccount" in told
    assert 'or give the rule\'s target a role: bus_grants = "role"' in told
    assert "sns.amazonaws.com may not write to" in told


def test_a_source_condition_on_a_topic_is_told_with_both_ways_out(plan: Plan, judge: Judge) -> None:
    findings = judge(_spoilt(plan, TOPIC, "Rule asks for aws:SourceArn"))

    missing = "no statement lets events.amazonaws.com call sns:Publish without a source, and it may name none"
    assert [str(it) for it in findings] == [f"{TOPIC}: grant: {missing}; {WITHOUT_SOURCE}"]


@pytest.mark.parametrize("address", [KEY, TOPIC])
def test_a_foreign_source_has_to_be_refused(plan: Plan, judge: Judge, address: str) -> None:
    findings = judge(_spoilt(plan, address, "ForeignSource removed"))

    assert {(it.address, it.rule) for it in findings} == {(address, "scope")}
    assert "add a Deny for an aws:SourceAccount that is there and is not this account" in str(findings[0])


def test_a_refusal_of_calls_without_a_source_refuses_everything(plan: Plan, judge: Judge) -> None:
    findings = judge(_spoilt(plan, TOPIC, "ForeignSource without a source too"))

    assert {(it.address, it.rule) for it in findings} == {(TOPIC, "grant")}


def test_logs_take_no_source_and_no_role(plan: Plan, judge: Judge) -> None:
    policy = "module.platform.module.unmatched[0].aws_cloudwatch_log_resource_policy.events"
    with_source = judge(_spoilt(plan, policy, "Events asks for aws:SourceArn"))
    target = next(it for it, name, _ in sources.spoilt(plan) if name == "a role")
    with_role = judge(_spoilt(plan, target.address, "a role"))

    assert {(it.address, it.rule) for it in with_source} == {(LOGS, "grant")}
    assert "has a role, which EventBridge does not take for log groups; remove role_arn" in " ".join(
        map(str, with_role)
    )


def test_a_second_policy_for_logs_is_one_of_ten(plan: Plan, judge: Judge) -> None:
    policy = "module.platform.module.unmatched[0].aws_cloudwatch_log_resource_policy.events"

    told = [str(it) for it in judge(_spoilt(plan, f"{policy}_more", "a second policy for logs")) if it.rule == "grant"]

    assert told == [
        f"{policy}_more: grant: is a further one of the ten policies that an account has; put it into {policy}"
    ]


def test_a_role_per_domain_leaves_nothing_to_the_service(by_role: Plan, judge: Judge) -> None:
    assert judge(by_role) == []
    for topic in by_role.of("aws_sns_topic"):
        assert "events.amazonaws.com" not in topic.get("policy")
    key = next(by_role.of("aws_kms_key"))
    assert "EventsTopics" not in [it["Sid"] for it in document(key.get("policy"))["Statement"]]


@pytest.mark.parametrize(
    ("sid", "rule", "told"),
    [
        ("Publish", "grant", "sns:Publish on"),
        ("DeadLetter", "grant", "no text says that EventBridge does so in its own name"),
        ("Key", "key", "allow it in the role's policy, for kms:ViaService sns"),
    ],
)
def test_a_domains_role_needs_topic_dead_letter_queue_and_key(
    by_role: Plan, judge: Judge, sid: str, rule: str, told: str
) -> None:
    policy = _role_policy(by_role)
    whole: dict[str, Any] = document(policy.get("policy"))
    whole["Statement"] = [it for it in whole["Statement"] if it["Sid"] != sid]

    findings = judge(by_role.changed(policy.having(policy=json.dumps(whole))))

    assert {(it.address, it.rule) for it in findings} == {(policy.address.replace("_policy", ""), rule)}
    assert told in str(findings[0])


def _role_policy(plan: Plan) -> Resource:
    return next(
        it for it in plan.of("aws_iam_role_policy") if '["shop.orders"].aws_iam_role_policy.publish' in it.address
    )
