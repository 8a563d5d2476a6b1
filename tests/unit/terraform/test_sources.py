"""A plan tells that packages are older than their sources, by the digests that the build has written.

The module needs no provider, so that a real apply of it takes a fraction of a second and no network.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from fanout_tools.deploy import terraform
from fanout_tools.deploy.packages.sources import digest
from scripts.paths import REPOSITORY

ROOT = """
variable "recorded" {
  type = map(string)
}
module "sources" {
  source       = "%s"
  packages_dir = "%s"
  recorded     = var.recorded
}
output "changed" {
  value = module.sources.changed
}
"""

Changed = Callable[[dict[str, str]], list[str]]


@pytest.fixture
def services(tmp_path: Path) -> Path:
    """The sources of one worker, with what no package holds."""
    folder = tmp_path / "services"
    for name in ("__init__.py", "billing/handler.py", "billing/worker.yaml", "billing/templates/Ärger.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name, encoding="utf-8")
    return folder


@pytest.fixture
def changed(tmp_path: Path) -> Changed:
    """What Terraform finds changed since these digests were recorded."""
    root, packages = tmp_path / "root", tmp_path / "build" / "packages"
    root.mkdir()
    packages.mkdir(parents=True)
    (root / "main.tf").write_text(ROOT % (REPOSITORY / "terraform" / "modules" / "sources", packages))
    terraform.run(root, "init", data_dir=tmp_path / "data", capture=True)

    def apply(recorded: dict[str, str]) -> list[str]:
        env = {"TF_VAR_recorded": json.dumps(recorded)}
        terraform.run(root, "apply", "-auto-approve", data_dir=tmp_path / "data", env=env, capture=True)
        return list(terraform.outputs(root, data_dir=tmp_path / "data")["changed"])

    return apply


def test_what_was_built_is_not_older_than_itself(services: Path, changed: Changed) -> None:
    recorded = {"../../services": digest(services), "../../elsewhere": "of another machine"}
    assert changed(recorded) == []

    # AND what no package holds changes nothing
    for name in ("billing/tests/data.json", "billing/test_handler.py", "billing/conftest.py", "billing/.DS_Store"):
        (services / name).parent.mkdir(exist_ok=True)
        (services / name).write_text("new")
    assert changed(recorded) == []


@pytest.mark.parametrize("name", ["billing/handler.py", "billing/worker.yaml", "billing/new/page.html"])
def test_changed_sources_are_noticed(services: Path, changed: Changed, name: str) -> None:
    recorded = {"../../services": digest(services)}
    (services / name).parent.mkdir(exist_ok=True)
    (services / name).write_text("new")

    assert changed(recorded) == ["../../services"]
