"""Plans become states with the identities that AWS would give, and what a plan does not know is told."""

from typing import Any

import pytest

from fanout.errors import PlanError
from fanout_tools.plans import Plan, unknown_values
from fanout_tools.proof.identities import identified
from fanout_tools.proof.planning import state_of

QUEUE = 'module.worker["a.b"].aws_sqs_queue.main[0]'


def _shown(kind: str = "aws_sqs_queue", unknown: dict[str, Any] | None = None, **values: Any) -> dict[str, Any]:
    address = QUEUE.replace("aws_sqs_queue", kind)
    named = {"address": address, "mode": "managed", "type": kind, "name": "main", "index": 0}
    provider = "registry.terraform.io/hashicorp/aws"
    resource = {**named, "provider_name": provider, "schema_version": 0, "values": values}
    change = {**named, "module_address": 'module.worker["a.b"]', "change": {"after_unknown": unknown or {}}}
    expressions = {"name": {}, "redrive_policy": {"references": ["aws_sqs_queue.dlq.arn"]}}
    configured = {"resources": [{"address": f"{kind}.main", "expressions": expressions}]}
    return {
        "terraform_version": "1.11.4",
        "planned_values": {"root_module": {"child_modules": [{"resources": [resource]}]}},
        "resource_changes": [change],
        "configuration": {"root_module": {"module_calls": {"worker": {"module": configured}}}},
    }


def test_only_what_the_configuration_sets_has_to_be_known() -> None:
    shown = _shown(unknown={"redrive_policy": True, "arn": True, "tags": {"a": False}}, name="q")

    assert unknown_values(shown) == [f"{QUEUE}: redrive_policy"]
    with pytest.raises(PlanError, match=r"redrive_policy is not known yet, and 0 more .*`make check-plan"):
        Plan.read(shown)


def test_a_resource_gets_the_identity_that_its_name_makes() -> None:
    shown = identified(_shown(unknown={"arn": True, "url": True}, name="q"))

    resource = next(iter(Plan.read(shown).resources))
    assert resource.arn == "arn:aws:sqs:us-east-1:000000000000:q"
    assert resource.get("url") == "https://sqs.us-east-1.amazonaws.com/000000000000/q"
    assert resource.get("id") is None  # it was not unknown


@pytest.mark.parametrize(
    ("kind", "values", "arn"),
    [
        ("aws_scheduler_schedule_group", {"name": "g"}, "schedule-group/g"),
        ("aws_scheduler_schedule", {"name": "s", "group_name": "g"}, "schedule/g/s"),
        ("aws_scheduler_schedule", {"name": "s"}, "schedule/default/s"),
    ],
)
def test_a_schedule_is_named_with_its_group(kind: str, values: dict[str, str], arn: str) -> None:
    """GIVEN a schedule or its group WHEN identified THEN roles that trust the group trust one of the plan."""
    shown = identified(_shown(kind, unknown={"arn": True}, **values))

    assert next(iter(Plan.read(shown).resources)).arn == f"arn:aws:scheduler:us-east-1:000000000000:{arn}"


def test_an_unnamed_resource_gets_an_identity_of_its_own() -> None:
    first = identified(_shown("aws_other_thing", unknown={"arn": True}))
    second = identified(_shown("aws_another_thing", unknown={"arn": True}))

    arns = [next(iter(Plan.read(it).resources)).arn for it in (first, second)]
    assert arns[0].startswith("arn:aws:other:us-east-1:000000000000:aws_other_thing/")
    assert len(set(arns)) == 2


def test_a_state_has_each_instance_at_its_address() -> None:
    entry = state_of(_shown(name="q"))["resources"][0]

    assert (entry["module"], entry["type"], entry["name"]) == ('module.worker["a.b"]', "aws_sqs_queue", "main")
    assert entry["provider"] == 'provider["registry.terraform.io/hashicorp/aws"]'
    assert entry["instances"] == [{"schema_version": 0, "attributes": {"name": "q"}, "index_key": 0}]


def test_values_of_any_type_are_stored_with_their_type() -> None:
    state = state_of(_shown("terraform_data", input={"a": ["b", 1, True, None]}, id="x"))

    attributes = state["resources"][0]["instances"][0]["attributes"]
    assert attributes["id"] == "x"
    assert attributes["input"] == {
        "value": {"a": ["b", 1, True, None]},
        "type": ["object", {"a": ["tuple", ["string", "number", "bool", "dynamic"]]}],
    }


def test_a_value_that_is_not_known_yet_is_in_no_state() -> None:
    assert state_of(_shown("terraform_data", id="x"))["resources"] == []
    assert len(state_of(_shown("terraform_data", id="x", input=None))["resources"]) == 1


def test_what_is_no_plan_is_refused() -> None:
    with pytest.raises(PlanError, match="this is no plan"):
        Plan.read({"values": {}})
