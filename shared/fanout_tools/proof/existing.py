"""An existing key in place of the platform's own: its policy is its owner's, so that no plan holds it.

``modules/key`` says in the plan what that policy has to say. The rules judge as if it did, and a notice asks for it.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

from fanout_tools.plans import Plan, Resource, document

__all__ = ["notices", "with_keys"]

_SAID: Final = ".terraform_data.existing[0]"
"""How the address ends of what ``modules/key`` says of an existing key: its ARN and the policy that it needs."""


def with_keys(plan: Plan) -> Plan:
    """The plan, and each existing key as a resource with the policy that it needs."""
    return Plan((*plan.resources, *(_key(address, said) for address, said in _existing(plan))))


def notices(plan: Plan) -> Iterator[str]:
    """What the owner of each existing key has to write into its policy."""
    for _, said in _existing(plan):
        statements = json.dumps(document(said["policy"])["Statement"], indent=2)
        yield (
            f"the policy of {said['arn']} is not in the plan, and what this proves holds with these statements in it "
            f"(`aws kms put-key-policy` replaces the policy as a whole: add them to what it says):\n{statements}"
        )


def _existing(plan: Plan) -> Iterator[tuple[str, dict[str, Any]]]:
    for it in plan.of("terraform_data"):
        if it.address.endswith(_SAID):
            yield it.address.removesuffix(_SAID), it.values["input"]


def _key(module: str, said: dict[str, Any]) -> Resource:
    values = {"arn": said["arn"], "key_id": said["arn"].rpartition("/")[2], "policy": said["policy"]}
    return Resource(address=f"{module}.aws_kms_key.this[0]", type="aws_kms_key", values=values)
