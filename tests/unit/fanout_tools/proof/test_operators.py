"""What people on call may do is judged wherever the environment's roles stand."""

import json

import pytest

from fanout_tools.plans import Plan, document
from fanout_tools.proof.operators import people

ROLES = "role/fanout-fixture-"


@pytest.fixture
def elsewhere(plan: Plan) -> Plan:
    """The good plan with ``role_path = "/platform/"``; the sweeper has none, as commands name it."""
    text = json.dumps([[it.address, it.type, it.values] for it in plan.resources])
    moved = json.loads(text.replace(f":{ROLES}", ":role/platform/fanout-fixture-"))
    resources = []
    for before, (_, kind, values) in zip(plan.resources, moved, strict=True):
        if kind == "aws_iam_role" and not values["name"].endswith(".sweeper"):
            values["path"] = "/platform/"
        resources.append(before.having(**values))
    return Plan(tuple(resources))


def test_roles_may_have_a_path(elsewhere: Plan) -> None:
    assert [str(it) for it in people(elsewhere)] == []


def test_who_may_hand_on_the_roles_of_another_path_is_told(elsewhere: Plan) -> None:
    """GIVEN roles with a path WHEN the tuner's policy names those without THEN what it cannot hand on is told."""
    tuner = next(it for it in elsewhere.of("aws_iam_policy") if it.get("name").endswith("-tuner"))
    policy = document(tuner.get("policy"))
    for statement in policy["Statement"]:
        statement["Resource"] = json.loads(json.dumps(statement["Resource"]).replace("role/platform/", "role/"))

    found = list(people(elsewhere.changed(tuner.having(policy=json.dumps(policy)))))

    assert [(it.address, "iam:PassRole" in it.problem) for it in found] == [(tuner.address, True)]
