"""An existing key: its policy is asked for in words, and everything else is proven as with a key of the plan."""

import json

import pytest

from fanout_tools.plans import Plan, Resource, document, names_of
from fanout_tools.proof import existing
from tests.unit.fanout_tools.proof.conftest import Judge

ARN = "arn:aws:kms:eu-central-1:111122223333:key/0a1b"
"""Of another account and region than those that stand in for it in the plan."""
MODULE = "module.platform.module.key[0]"


@pytest.fixture
def key(plan: Plan) -> Resource:
    return next(plan.of("aws_kms_key"))


def _with_existing(plan: Plan, key: Resource, policy: str) -> Plan:
    """The plan with an existing key, as modules/key plans it, in place of its own."""
    said = Resource(
        address=f"{MODULE}.terraform_data.existing[0]",
        type="terraform_data",
        values={"input": {"arn": ARN, "policy": policy}},
    )
    others = [it for it in plan.resources if it is not key]
    texts = (json.dumps(it.values).replace(key.arn, ARN) for it in others)
    moved = [it.having(**json.loads(text)) for it, text in zip(others, texts, strict=True)]
    moved = [it.having(target_key_id=ARN) if it.type == "aws_kms_alias" else it for it in moved]
    return Plan((*moved, said))


def test_an_existing_key_with_the_policy_it_needs_is_proven(plan: Plan, key: Resource, judge: Judge) -> None:
    assert judge(_with_existing(plan, key, str(key.get("policy")))) == []


def test_its_owner_is_told_each_statement_as_its_account_needs_it(plan: Plan, key: Resource) -> None:
    region, account = key.arn.split(":")[3:5]
    needed = str(key.get("policy")).replace(region, "eu-central-1").replace(account, "111122223333")

    notice = next(existing.notices(_with_existing(plan, key, str(key.get("policy")))))

    assert notice.startswith(f"the policy of {ARN} is not in the plan")
    assert json.loads(notice.partition(":\n")[2]) == document(needed)["Statement"]


def test_its_owner_is_told_the_namespace_of_the_keys_region(plan: Plan, key: Resource) -> None:
    """GIVEN names with the region in them WHEN the plan's region is a stand-in THEN the statements have the key's."""
    name = names_of(plan).namespace
    texts = [(it, json.dumps(it.values).replace(name, f"{name}-use1")) for it in plan.resources]
    regional = Plan(tuple(it.having(**json.loads(text)) for it, text in texts))
    its_key = next(regional.of("aws_kms_key"))

    notice = next(existing.notices(_with_existing(regional, its_key, str(its_key.get("policy")))))

    assert f"event-bus/{name}-euc1" in notice
    assert "use1" not in notice


def test_a_policy_that_would_not_do_is_found(plan: Plan, key: Resource, judge: Judge) -> None:
    """GIVEN statements that leave SNS out WHEN judged THEN the hop that would fail is told, as of a key of the plan."""
    policy = document(str(key.get("policy")))
    policy["Statement"] = [it for it in policy["Statement"] if it["Sid"] != "SnsQueues"]

    found = judge(_with_existing(plan, key, json.dumps(policy)))

    assert {it.rule for it in found} == {"key"}
    assert all(it.address == f"{MODULE}.aws_kms_key.this[0]" for it in found)
    assert "sns.amazonaws.com may not write to" in str(found[0])


def test_a_plan_with_a_key_of_its_own_asks_for_nothing(plan: Plan) -> None:
    assert list(existing.notices(plan)) == []
    assert existing.with_keys(plan).resources == plan.resources
