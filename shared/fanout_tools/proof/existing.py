"""An existing key in place of the platform's own: its policy is its owner's, so that no plan holds it.

``modules/key`` says in the plan what that policy has to say. The rules judge as if it did, and a notice asks for it.

A plan that needs no account is one of a stand-in account and region, and the key is where it really is: for the rules
it is taken to where the plan is, and for the notice what it needs to where the key is.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from fanout_tools.declarations.naming import region_code
from fanout_tools.plans import Plan, Resource, document, names_of

__all__ = ["notices", "with_keys"]

_SAID: Final = ".terraform_data.existing[0]"
"""How the address ends of what ``modules/key`` says of an existing key: its ARN and the policy that it needs."""


@dataclass(frozen=True)
class _Key:
    module: str
    arn: str
    policy: str
    """What it needs, of the plan's account and region."""


def with_keys(plan: Plan) -> Plan:
    """The plan, and each existing key as a resource of its account and region with the policy that it needs."""
    for key in _existing(plan):
        here = _moved(key.arn, _place(key.arn), _place(_bus(plan).arn))
        resources = [_renamed(it, key.arn, here) for it in plan.resources]
        plan = Plan((*resources, _stand_in(key, here)))
    return plan


def notices(plan: Plan) -> Iterator[str]:
    """What the owner of each existing key has to write into its policy."""
    for key in _existing(plan):
        policy = _moved(_renamespaced(plan, key), _place(_bus(plan).arn), _place(key.arn))
        statements = json.dumps(document(policy)["Statement"], indent=2)
        yield (
            f"the policy of {key.arn} is not in the plan, and what this proves holds with these statements in it "
            f"(`aws kms put-key-policy` replaces the policy as a whole: add them to what it says):\n{statements}"
        )


def _existing(plan: Plan) -> list[_Key]:
    said = [it for it in plan.of("terraform_data") if it.address.endswith(_SAID)]
    return [
        _Key(it.address.removesuffix(_SAID), it.values["input"]["arn"], it.values["input"]["policy"]) for it in said
    ]


def _bus(plan: Plan) -> Resource:
    return next(plan.of("aws_cloudwatch_event_bus"))


def _place(arn: str) -> tuple[str, str]:
    """Region and account."""
    return arn.split(":")[3], arn.split(":")[4]


def _moved(text: str, source: tuple[str, str], to: tuple[str, str]) -> str:
    for before, after in zip(source, to, strict=True):
        text = text.replace(before, after)
    return text


def _renamespaced(plan: Plan, key: _Key) -> str:
    """The policy with the namespace that the environment has in the key's region, as ``modules/naming`` makes it."""
    namespace, code = names_of(plan).namespace, region_code(_place(_bus(plan).arn)[0])
    if not namespace.endswith(f"-{code}"):
        return key.policy
    return key.policy.replace(namespace, namespace.removesuffix(code) + region_code(_place(key.arn)[0]))


def _renamed(resource: Resource, arn: str, to: str) -> Resource:
    text = json.dumps(dict(resource.values))
    return resource.having(**json.loads(text.replace(arn, to))) if arn in text else resource


def _stand_in(key: _Key, arn: str) -> Resource:
    values = {"arn": arn, "key_id": arn.rpartition("/")[2], "policy": key.policy}
    return Resource(address=f"{key.module}.aws_kms_key.this[0]", type="aws_kms_key", values=values)
