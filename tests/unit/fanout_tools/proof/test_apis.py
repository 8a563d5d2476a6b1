"""Events that leave for an API are handed to it by a role, by HTTPS, or check-plan says what is wrong."""

import json
from typing import Any

import pytest

from fanout_tools.plans import Plan, Resource, document
from fanout_tools.proof.dead_letters import queues_watched
from fanout_tools.proof.identities import Account, identified
from scripts.mutants.mutant import Mutant
from scripts.mutants.plans import mutants
from tests.unit.fanout_tools.proof.conftest import Judge

API = "arn:aws:events:us-east-1:000000000000:api-destination/fanout-test-to-crm/0123"
ADDRESS = "module.crm.aws_cloudwatch_event_api_destination.this[0]"


@pytest.fixture
def with_api(plan: Plan) -> Plan:
    """The good plan, whose events for a bus elsewhere go to an API."""
    values = {
        "arn": API,
        "name": "fanout-test-to-crm",
        "invocation_endpoint": "https://crm.example.com/",
        "invocation_rate_limit_per_second": 50,
        "connection_arn": "arn:aws:events:us-east-1:000000000000:connection/crm/0123",
    }
    changed = Plan((*plan.resources, Resource(address=ADDRESS, type=ADDRESS.split(".")[2], values=values)))
    for target in _targets(plan):
        changed = changed.changed(target.having(arn=API))
    return changed.changed(_policy(plan, API))


def _targets(plan: Plan) -> list[Resource]:
    return [it for it in plan.of("aws_cloudwatch_event_target") if "bus_destination" in it.address]


def _policy(plan: Plan, resource: str) -> Resource:
    (policy,) = [it for it in plan.of("aws_iam_role_policy") if "bus_destination" in it.address]
    text = document(policy.get("policy"))
    text["Statement"] = [{"Effect": "Allow", "Action": "events:InvokeApiDestination", "Resource": resource}]
    return policy.having(policy=json.dumps(text))


def test_an_api_that_may_be_invoked_is_well(with_api: Plan, judge: Judge) -> None:
    assert judge(with_api) == []


def test_a_role_that_may_invoke_another_api_is_told(with_api: Plan, judge: Judge) -> None:
    found = judge(with_api.changed(_policy(with_api, API.replace("crm", "other"))))

    assert {it.rule for it in found} == {"grant"}
    assert all("events:InvokeApiDestination" in it.problem for it in found)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"invocation_endpoint": "http://crm.example.com/"}, "which is not HTTPS"),
        ({"connection_arn": None}, "has no connection"),
        ({"invocation_rate_limit_per_second": None}, "as fast as events come"),
    ],
)
def test_an_api_that_is_not_well_configured_is_told(
    with_api: Plan, judge: Judge, values: dict[str, Any], problem: str
) -> None:
    (api,) = with_api.of("aws_cloudwatch_event_api_destination")

    [finding] = judge(with_api.changed(api.having(**values)))

    assert (finding.address, finding.rule) == (ADDRESS, "delivery")
    assert problem in finding.problem


@pytest.mark.parametrize("values", [{"role_arn": None}, {"dead_letter_config": []}, {"retry_policy": []}])
def test_a_target_that_is_not_whole_is_told(with_api: Plan, judge: Judge, values: dict[str, Any]) -> None:
    target = _targets(with_api)[0]
    assert target.address in {it.address for it in judge(with_api.changed(target.having(**values)))}


def test_every_mutant_of_what_hands_events_to_an_api_is_caught(with_api: Plan, judge: Judge) -> None:
    """GIVEN connection, rate, retries, dead-letter queue, role, grant or alarm taken away or weakened THEN what was
    spoilt, or what leans on it, is named."""
    spoilt = [it for it in mutants(with_api) if _of_an_api(it, with_api)]

    missed = [it.name for it in spoilt if not it.addresses & {found.address for found in judge(it.plan)}]

    assert missed == []
    assert {it.type for it in spoilt} == {
        "aws_cloudwatch_event_api_destination",
        "aws_cloudwatch_event_rule",
        "aws_cloudwatch_event_target",
        "aws_cloudwatch_metric_alarm",
        "aws_iam_role",
        "aws_iam_role_policy",
        "aws_sqs_queue",
    }


def _of_an_api(mutant: Mutant, plan: Plan) -> bool:
    """Of one event, since the other's are the same; without those whose policy reaches other resources as well."""
    address, _, change = mutant.name.partition(": ")
    if "bus_destination" in address:
        return "OrderPlaced" not in address and not change.startswith("reaches")
    return address == ADDRESS or address in _alarms(plan)


def _alarms(plan: Plan) -> set[str]:
    """Those on the queue of what was not delivered."""
    (queue,) = [it.get("name") for it in plan.of("aws_sqs_queue") if "bus_destination" in it.address]
    return {it.address for it in plan.of("aws_cloudwatch_metric_alarm") if queue in queues_watched(it)}


def test_a_planned_api_has_an_arn_of_its_own() -> None:
    """GIVEN an API that is yet to be made WHEN planned THEN it is known by what AWS would call it."""
    made = {"address": ADDRESS, "type": ADDRESS.split(".")[2], "mode": "managed", "values": {"name": "fanout-to-crm"}}
    change = {"address": ADDRESS, "change": {"after_unknown": {"arn": True}}}
    shown = {"resource_changes": [change], "planned_values": {"root_module": {"resources": [made]}}}

    identified(shown)

    assert str(made["values"]["arn"]).startswith(Account().arn("events", "api-destination/fanout-to-crm/"))  # type: ignore[index]
