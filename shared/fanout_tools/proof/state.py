"""A plan's values as a Terraform state, from which the next plan starts.

The format is version 4 of Terraform's own state file: https://developer.hashicorp.com/terraform/language/state
"""

from collections.abc import Mapping
from typing import Any, Final

from fanout_tools.plans import resources

__all__ = ["state_of"]

_DYNAMIC: Final = ("input", "output", "triggers_replace")
"""The attributes of terraform_data that hold a value of any type, and are stored together with it."""
_LEFT_OUT: Final = ("aws_vpc_security_group_egress_rule", "aws_vpc_security_group_ingress_rule")
"""Nothing refers to these, and the provider (5.100) fails on one whose source the state does not know."""


def state_of(shown: Mapping[str, Any]) -> dict[str, Any]:
    """The state after the plan, as far as the plan knows it; the rest is null."""
    return {
        "version": 4,
        "terraform_version": shown["terraform_version"],
        "serial": 1,
        "lineage": "00000000-0000-0000-0000-000000000000",
        "outputs": {},
        "resources": [
            _in_state(it)
            for it in resources(shown["planned_values"]["root_module"])
            if it["mode"] == "managed" and it["type"] not in _LEFT_OUT and not _unknown(it)
        ],
    }


def _unknown(resource: Mapping[str, Any]) -> bool:
    """Whether it holds what is not known yet: in the state that would count as null, which ``ignore_changes`` keeps."""
    return resource["type"] == "terraform_data" and "input" not in resource["values"]


def _in_state(resource: Mapping[str, Any]) -> dict[str, Any]:
    attributes = resource["values"]
    if resource["type"] == "terraform_data":
        attributes = {name: _typed(value) if name in _DYNAMIC else value for name, value in attributes.items()}
    instance = {"schema_version": resource["schema_version"], "attributes": attributes}
    if "index" in resource:
        instance["index_key"] = resource["index"]
    # One entry per instance: Terraform merges entries of one resource when it reads them.
    return {
        "module": resource["address"].rpartition(f".{resource['type']}.")[0],
        "mode": "managed",
        "type": resource["type"],
        "name": resource["name"],
        "provider": f'provider["{resource["provider_name"]}"]',
        "instances": [instance],
    }


def _typed(value: Any) -> Any:
    return None if value is None else {"value": value, "type": _type(value)}


def _type(value: Any) -> Any:
    """The type of a value in the notation of Terraform's state."""
    if isinstance(value, Mapping):
        return ["object", {name: _type(it) for name, it in value.items()}]
    if isinstance(value, list):
        return ["tuple", [_type(it) for it in value]]
    if value is None:
        return "dynamic"
    return "bool" if isinstance(value, bool) else "string" if isinstance(value, str) else "number"
