"""A plan's names, and a bus that it uses without making it."""

from __future__ import annotations

from typing import Any

import pytest

from fanout.errors import PlanError
from fanout_tools.declarations.naming import Names
from fanout_tools.plans import Plan, is_existing, names_of
from fanout_tools.plans.plan import namespace_of

ARN = "arn:aws:events:us-east-1:000000000000:event-bus/shared"
EXISTING = {
    "address": "module.platform.module.bus[0].terraform_data.existing[0]",
    "mode": "managed",
    "type": "terraform_data",
    "values": {"input": {"namespace": "fanout-dev", "name": "shared", "arn": ARN}},
}
OWN = {
    "address": "module.platform.module.bus[0].aws_cloudwatch_event_bus.this[0]",
    "mode": "managed",
    "type": "aws_cloudwatch_event_bus",
    "values": {"name": "fanout-dev", "arn": ARN.replace("shared", "fanout-dev")},
}
KEY = {**EXISTING, "address": "module.platform.module.key[0].terraform_data.existing[0]"}


def _plan(*resources: dict[str, Any]) -> Plan:
    return Plan.read({"planned_values": {"root_module": {"resources": list(resources)}}})


def test_a_bus_that_is_made_is_called_as_the_namespace() -> None:
    plan = _plan(OWN)

    assert names_of(plan) == Names("fanout-dev")
    assert not is_existing(next(plan.of("aws_cloudwatch_event_bus")))
    assert namespace_of([KEY, OWN]) == "fanout-dev"


def test_an_existing_bus_is_found_by_its_arn_and_the_namespace_is_not_its_name() -> None:
    plan = _plan(EXISTING)
    bus = plan.at(ARN)

    assert names_of(plan) == Names("fanout-dev", "shared")
    assert bus is not None
    assert is_existing(bus)
    assert namespace_of([EXISTING]) == "fanout-dev"


def test_an_existing_key_is_no_bus() -> None:
    with pytest.raises(PlanError, match="the plan has 0 event buses"):
        names_of(_plan(KEY))
