"""A plan on a bus that is there already: what is on it is proven as on one of the plan's own."""

import json

import pytest

from fanout_tools.declarations.naming import Names
from fanout_tools.plans import Plan, Resource, document, is_existing, names_of
from scripts.mutants.fixture import PLANS
from tests.unit.fanout_tools.proof.conftest import Judge

BUSES = {"shared bus": "shared", "default bus": "default"}
RULES = ("aws_cloudwatch_event_rule", "aws_cloudwatch_event_target")


@pytest.fixture(scope="module", params=BUSES)
def there(request: pytest.FixtureRequest) -> Plan:
    return _plan(request.param)


def _plan(name: str) -> Plan:
    return Plan.read(json.loads(PLANS[name].read_text(encoding="utf-8")))


def _rules(plan: Plan) -> list[Resource]:
    return list(plan.of("aws_cloudwatch_event_rule"))


def test_everything_is_proven(there: Plan, judge: Judge) -> None:
    assert judge(there) == []


def test_the_names_are_the_namespaces_and_the_bus_is_the_existing_one(there: Plan) -> None:
    bus = next(there.of("aws_cloudwatch_event_bus"))

    assert is_existing(bus)
    assert names_of(there) == Names("fanout-fixture", str(bus.get("name")))
    assert not list(there.of("aws_cloudwatch_event_bus_policy"))


def test_every_rule_is_on_it_and_begins_with_the_namespace(there: Plan) -> None:
    names = names_of(there)
    on_it = [it for it in _rules(there) if it.get("event_bus_name") == names.bus]

    assert on_it
    assert all(str(it.get("name")).startswith(f"{names.namespace}-") for it in on_it)


def test_only_another_bus_than_the_default_one_is_brought_aws_events() -> None:
    forwards = {name: [it for it in _rules(_plan(name)) if ".forward[" in it.address] for name in BUSES}

    assert len(forwards["shared bus"]) == 1
    assert forwards["default bus"] == []


def test_no_rule_of_the_default_bus_puts_events_back_on_it() -> None:
    plan = _plan("default bus")
    bus = next(plan.of("aws_cloudwatch_event_bus"))

    assert bus.arn not in [it.arn for it in plan.of("aws_cloudwatch_event_target")]


def test_s3_events_of_the_default_bus_are_those_of_the_own_buckets() -> None:
    asked = [document(it.get("event_pattern")) for it in _rules(_plan("default bus"))]
    of_s3 = [it for it in asked if "aws.s3" in it.get("source", ())]

    assert of_s3
    for pattern in of_s3:
        assert all(bucket.startswith("fanout-fixture-") for bucket in pattern["detail"]["bucket"]["name"])


def test_a_rule_on_another_bus_is_found(there: Plan, judge: Judge) -> None:
    """GIVEN a topic's rule and target on a bus that is neither the existing one nor the plan's WHEN judged THEN the
    way is found broken."""
    mutant = there
    for it in there.of(*RULES):
        if it.address.startswith('module.platform.module.topic["shop.orders"]'):
            mutant = mutant.changed(it.having(event_bus_name="fanout-fixture"))

    assert "no rule leads to the topic with every event of shop.orders" in str(judge(mutant))


def test_a_rule_that_keeps_other_teams_events_is_found(there: Plan, judge: Judge) -> None:
    rule = next(it for it in _rules(there) if "unmatched" in str(it.get("name")))
    everything = rule.having(event_pattern='{"source": [{"anything-but": ["shop.orders"]}]}')

    problems = [it.problem for it in judge(there.changed(everything)) if it.rule == "unmatched"]

    assert "other teams' events of any source are kept as unmatched" in problems


def test_a_worker_that_may_publish_on_another_bus_is_found(there: Plan, judge: Judge) -> None:
    """GIVEN a bus of the same account WHEN the roles name that one THEN it is found that they lack the existing one."""
    bus = next(there.of("aws_cloudwatch_event_bus"))
    other = bus.arn.rpartition("/")[0] + "/other"
    mutant = there
    for it in there.of("aws_iam_role_policy"):
        mutant = mutant.changed(it.having(policy=str(it.get("policy")).replace(f'"{bus.arn}"', f'"{other}"')))

    assert f"does not allow events:PutEvents on {bus.arn}" in str(judge(mutant))
