"""Terraform counts the combinations of a filter policy as `fanout check` does.

The module needs no provider, so that a real apply of it takes a fraction of a second and no network.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from fanout_tools.deploy import terraform
from fanout_tools.patterns import SNS
from fanout_tools.patterns.dialects import value_combinations
from scripts.paths import REPOSITORY

ROOT = """
variable "policies" {
  type = map(string)
}
module "filters" {
  source   = "%s"
  policies = var.policies
}
output "combinations" {
  value = module.filters.combinations
}
"""
KNOWN = {
    "one event": ({"detail-type": ["OrderPlaced"]}, 1),
    "three events": ({"detail-type": ["a", "b", "c"]}, 3),
    "a field": ({"detail-type": ["a"], "detail": {"data": {"country": ["DE", "AT"]}}}, 6),
    "two fields": ({"detail-type": ["a"], "detail": {"data": {"x": [1, 2], "y": {"z": [{"exists": True}]}}}}, 6 * 4),
    "events apart": ({"$or": [{"detail-type": ["a"], "detail": {"data": {"x": [1, 2]}}}, {"detail-type": ["b"]}]}, 7),
    "a choice": ({"detail-type": ["a"], "detail": {"data": {"$or": [{"x": [1]}, {"y": [1, 2]}]}}}, 3 + 6),
}


def _combinations(tmp_path: Path, policies: dict[str, Any]) -> dict[str, int]:
    root = tmp_path / "root"
    root.mkdir()
    (root / "main.tf").write_text(ROOT % (REPOSITORY / "terraform" / "modules" / "filters"))
    env = {"TF_VAR_policies": json.dumps({name: json.dumps(policy) for name, policy in policies.items()})}
    terraform.run(root, "init", data_dir=tmp_path / "data", capture=True)
    terraform.run(root, "apply", "-auto-approve", data_dir=tmp_path / "data", env=env, capture=True)
    found: dict[str, int] = terraform.outputs(root, data_dir=tmp_path / "data")["combinations"]
    return found


def test_combinations_are_counted_as_sns_does(tmp_path: Path) -> None:
    found = _combinations(tmp_path, {name: policy for name, (policy, _) in KNOWN.items()})

    assert found == {name: number for name, (_, number) in KNOWN.items()}


def test_both_count_alike(tmp_path: Path) -> None:
    chance = random.Random(7)
    policies = {str(number): _policy(chance) for number in range(60)}

    assert _combinations(tmp_path, policies) == {
        name: value_combinations(policy, SNS) for name, policy in policies.items()
    }


def _policy(chance: random.Random) -> dict[str, Any]:
    events = [_event(chance, number) for number in range(chance.randint(1, 3))]
    return events[0] if len(events) == 1 else {"$or": events}


def _event(chance: random.Random, number: int) -> dict[str, Any]:
    fields = _fields(chance, 2)
    if chance.random() < 0.4:
        fields["$or"] = [_fields(chance, 1) for _ in range(chance.randint(2, 3))]
    return {"detail-type": [f"Event{number}"], "detail": {"data": fields}}


def _fields(chance: random.Random, deeper: int) -> dict[str, Any]:
    return {
        f"field{number}": (
            _fields(chance, deeper - 1)
            if deeper and chance.random() < 0.3
            else [f"value{it}" for it in range(chance.randint(1, 3))]
        )
        for number in range(chance.randint(1, 3))
    }
