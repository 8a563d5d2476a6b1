"""What may be chosen in every environment stands once, is handed on by every root, and reaches all that it concerns."""

import re
from pathlib import Path

import pytest

from scripts.paths import REPOSITORY

TERRAFORM = REPOSITORY / "terraform"
SETTINGS = TERRAFORM / "common" / "settings.tf"
TEMPLATES = REPOSITORY / "shared" / "fanout_tools" / "scaffold" / "templates" / "project"
ROOTS = [*sorted(TERRAFORM.glob("environments/*/main.tf")), TEMPLATES / "local.tf.tmpl", TEMPLATES / "prod.tf.tmpl"]
NAMES = [f"{file.parent.name}/{file.name}" for file in ROOTS]
LINKED = [TEMPLATES / "settings.tf.tmpl", TEMPLATES / "outputs.tf.tmpl"] + [
    file.parent / name for file in TERRAFORM.glob("environments/*/main.tf") for name in ("settings.tf", "outputs.tf")
]
CARRIED = {
    ("aws_lambda_function", r"^  code_signing_config_arn += var\.deployment\.code_signing_config$"),
    ("aws_cloudwatch_metric_alarm", r"^  alarm_actions += local\.(alarm_)?actions$"),
    ("aws_cloudwatch_metric_alarm", r"^  ok_actions += local\.ok_actions$"),
}
"""What each resource of a type has to say."""


def _variables() -> dict[str, str]:
    return dict(re.findall(r'^variable "(\w+)" \{\n(.*?)^\}$', SETTINGS.read_text(encoding="utf-8"), re.M | re.S))


def _resources(kind: str) -> list[tuple[str, str]]:
    return [
        (f"{file.parent.name}/{file.name} {name}", body)
        for file in sorted(TERRAFORM.glob("modules/*/*.tf"))
        for name, body in re.findall(rf'^resource "{kind}" "(\w+)" \{{\n(.*?)^\}}$', file.read_text(), re.M | re.S)
    ]


@pytest.mark.parametrize("file", LINKED, ids=[f"{file.parent.name}/{file.name}" for file in LINKED])
def test_what_environments_share_stands_once(file: Path) -> None:
    assert file.resolve() == TERRAFORM / "common" / file.name.removesuffix(".tmpl")


def test_there_is_what_an_account_may_ask_for() -> None:
    assert _variables().keys() >= {
        "alarm_actions", "code_signing_config", "ok_actions", "owner", "permissions_boundary", "role_path", "tags",
        "vpc", "vpcs",
    }  # fmt: skip


@pytest.mark.parametrize("root", ROOTS, ids=NAMES)
def test_a_root_hands_every_setting_on(root: Path) -> None:
    text = root.read_text(encoding="utf-8")
    assert [name for name in _variables() if not re.search(rf"\bvar\.{name}\b", text)] == []


@pytest.mark.parametrize("root", ROOTS, ids=NAMES)
def test_a_root_declares_nothing_that_is_shared(root: Path) -> None:
    files = [root, *(it for it in root.parent.glob("*.tf") if not it.is_symlink())]
    own = {name for file in files for name in re.findall(r'^variable "(\w+)"', file.read_text(), re.M)}
    assert own & _variables().keys() == set()


@pytest.mark.parametrize("name", _variables())
def test_a_refusal_names_the_setting(name: str) -> None:
    """GIVEN a setting with a rule WHEN it is refused THEN the message begins with its name."""
    for message in re.findall(r'error_message = "(.*)"', _variables()[name]):
        assert message.startswith(f"{name}: ")


@pytest.mark.parametrize(("kind", "says"), sorted(CARRIED))
def test_every_resource_of_a_type_carries_its_setting(kind: str, says: str) -> None:
    found = _resources(kind)
    assert len(found) >= 5
    assert [name for name, body in found if not re.search(says, body, re.M)] == []
