"""Production with every setting of every environment set at once: it is planned, and check-plan finds nothing in it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from fanout_tools.declarations import web as web_manifest
from fanout_tools.declarations.worker import load_all
from fanout_tools.plans import Plan
from fanout_tools.project import project
from fanout_tools.proof import planning
from fanout_tools.proof.check import check
from fanout_tools.proof.findings import declared, read
from fanout_tools.proof.identities import ACCOUNT
from fanout_tools.proof.workflows import declared_patterns
from scripts.paths import BUILD, REPOSITORY

COMMON: Final = REPOSITORY / "terraform" / "common"
CONSOLE: Final = {
    "host": "console.example.com",
    "groups": {"observer": ["staff"], "investigator": ["support"], "operator": ["on-call"]},
    "oidc": {
        "issuer": "https://login.example.com",
        "authorization_endpoint": "https://login.example.com/authorize",
        "token_endpoint": "https://login.example.com/token",
        "user_info_endpoint": "https://login.example.com/me",
        "client_id": "fanout",
    },
}
TOPIC: Final = f"arn:aws:sns:us-east-1:{ACCOUNT}"
CERTIFICATE: Final = f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/12345678-1234-1234-1234-123456789012"
SECRET: Final = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:router-AbCdEf"

VALUES: Final[Mapping[str, Any]] = {
    "account_id": ACCOUNT,
    "alarm_actions": [f"{TOPIC}:pager"],
    "alarm_emails": ["on-call@example.com"],
    "alarm_urls": ["https://incidents.example.com/in"],
    "bus_grants": "role",
    "canary": {"every": "rate(15 minutes)", "limit_s": 90, "paused": ["audit"]},
    "code_signing_config": f"arn:aws:lambda:us-east-1:{ACCOUNT}:code-signing-config:csc-0123456789abcdef0",
    "console_client_secret": "of-the-identity-provider",
    "held_events": ["shop.orders/OrderPlaced"],
    "kms_key_arn": f"arn:aws:kms:us-east-1:{ACCOUNT}:key/11112222-3333-4444-5555-666677778888",
    "namespace": "fanout-whole",
    "ok_actions": [f"{TOPIC}:chat"],
    "owner": "payments",
    "permissions_boundary": f"arn:aws:iam::{ACCOUNT}:policy/boundary",
    "publishers": [{"principal": "444455556666", "sources": ["shop.orders"]}],
    "role_path": "/fanout/whole/",
    "router": {
        "vpc": {
            "id": "vpc-0123456789abcdef0",
            "public_cidr_blocks": ["10.0.0.0/24", "10.0.1.0/24"],
            "public_subnet_ids": ["subnet-1", "subnet-2"],
            "private_subnet_ids": ["subnet-3", "subnet-4"],
        },
        "image_tag": "1.2.3",
        "certificate_arn": CERTIFICATE,
        "control_secret": {"arn": SECRET},
        "access_logs_bucket": "acme-access-logs",
    },
    "tags": {"cost-centre": "4711"},
    "vpc": {"subnet_ids": ["subnet-5", "subnet-6"], "security_group_ids": ["sg-5"]},
    "vpcs": {"inner": {"subnet_ids": ["subnet-7"], "security_group_ids": ["sg-7"]}},
}
"""A value of each setting beside its default, as production may have it."""
ELSEWHERE: Final = {
    "event_bus_name": "not beside publishers: the mutants plan environments on an existing bus",
    "stacks": "test_stack_plans.py plans an environment by stacks",
}
UNSEEN: Final = {
    "held_events": "it takes an event out of a pattern",
    "vpcs": "no worker of the shop says function.vpc",
}
"""Settings whose value stands nowhere in the plan, and why."""


def _settings() -> Mapping[str, str]:
    """The text of each variable that environments share, by its name."""
    text = "\n".join(file.read_text(encoding="utf-8") for file in sorted(COMMON.glob("*.tf")))
    return dict(re.findall(r'^variable "(\w+)" \{\n(.*?)^\}$', text, re.MULTILINE | re.DOTALL))


def test_every_setting_has_a_value_here() -> None:
    assert VALUES.keys() | ELSEWHERE.keys() == _settings().keys(), "give a new setting a value in VALUES"


@pytest.mark.parametrize("name", VALUES)
def test_a_value_is_not_the_default(name: str) -> None:
    for default in re.findall(r"^  default +=(.*)$", _settings()[name], re.MULTILINE):
        assert VALUES[name] != json.loads(default)


@pytest.mark.shop
@pytest.mark.timeout(1800)
def test_production_with_every_setting_is_whole(tmp_path: Path) -> None:
    """GIVEN production with a router, a console and every setting WHEN it is planned THEN each setting's value is in
    the plan, and check-plan finds nothing wrong."""
    root = tmp_path / "prod"
    shutil.copytree(planning.root_of("prod"), root)
    (root / "console.yaml").write_text(json.dumps(CONSOLE), encoding="utf-8")
    shown = planning.plan_root(
        root, services=project().services, work=BUILD / "check_plan" / "every-setting", variables=_given()
    )
    plan = Plan.read(shown)

    proof = check(
        plan,
        (manifests := load_all(project().services)),
        starts=declared_patterns(project().services),
        web=web_manifest.load_all(project().services, manifests),
        allowed=read("prod", foreign=True),
        declared=declared(root),
    )

    assert [str(it) for it in proof.findings] == []
    text = json.dumps([it.values for it in plan.resources])
    unseen = {name for name, value in VALUES.items() if not all(leaf in text for leaf in _leaves(value))}
    assert unseen == UNSEEN.keys()


def _given() -> Mapping[str, str]:
    """The values as Terraform takes them from the environment."""
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in VALUES.items()}


def _leaves(value: Any) -> list[str]:
    """The texts in a value."""
    if isinstance(value, Mapping):
        return [leaf for it in value.values() for leaf in _leaves(it)]
    if isinstance(value, list):
        return [leaf for it in value for leaf in _leaves(it)]
    return [value] if isinstance(value, str) else []
