"""What `make lint` asks for again when something has changed."""

from pathlib import Path

import pytest

from scripts import lint
from scripts.lint_terraform import TREE
from scripts.paths import REPOSITORY


@pytest.fixture
def inputs(monkeypatch: pytest.MonkeyPatch) -> dict[str, set[Path]]:
    """What each Terraform step depends on, on a machine with or without Terraform."""
    monkeypatch.setattr(lint, "version", lambda: "1.11.4")
    return {step.name: set(step.inputs) for step in lint.terraform()}


def test_a_module_depends_on_the_modules_that_it_calls(inputs: dict[str, set[Path]]) -> None:
    """GIVEN a module WHEN another one that it calls, itself or over others, changes THEN it is tested again."""
    modules = TREE / "modules"
    assert {modules / "web", modules / "configuration"} <= inputs["terraform test web"]
    assert modules / "worker" not in inputs["terraform test web"]
    assert {modules / "platform", modules / "web", modules / "configuration"} <= inputs["terraform test platform"]
    assert modules / "manifests" in inputs["terraform validate prod"]


def test_declarations_count_where_they_are_read(inputs: dict[str, set[Path]]) -> None:
    services = REPOSITORY / "services"
    assert services in inputs["terraform test platform"]
    assert services in inputs["check-plan prod"] & inputs["check-plan local"]
    assert services not in inputs["terraform test worker"]


def test_every_module_with_tests_is_tested(inputs: dict[str, set[Path]]) -> None:
    tested = {file.parent.parent.name for file in TREE.glob("modules/*/tests/*.tftest.hcl")}
    assert {name.removeprefix("terraform test ") for name in inputs if "terraform test" in name} == tested


def test_examples_are_planned_again_with_any_module(inputs: dict[str, set[Path]]) -> None:
    assert {TREE / "modules", TREE / "examples"} <= inputs["terraform examples"]


def test_the_site_is_built_again_when_pages_or_code_change() -> None:
    """GIVEN the site WHEN a page, a docstring, a command's help or what makes pages changes THEN it is built again."""
    [step] = lint.docs()
    names = {path.relative_to(REPOSITORY).as_posix() for path in step.inputs}
    assert {"docs", "mkdocs.yml", "shared", "router", "scripts/docs", "constraints.txt"} == names
    assert all(path.exists() for path in step.inputs)
