"""What is guarded outlives a `terraform destroy` and a removed worker, until it is released.

The guard needs no provider, so that a real apply of it takes a fraction of a second and no network.
"""

from pathlib import Path

import pytest

from fanout_tools.deploy import terraform
from fanout_tools.deploy.environment import Deployment
from scripts.paths import REPOSITORY

GUARD = REPOSITORY / "terraform" / "modules" / "guard"
ROOT = """
variable "workers" {
  type = set(string)
}
variable "kept" {
  type    = list(string)
  default = ["dlq", "records"]
}
module "worker" {
  source   = "./worker"
  for_each = var.workers
  kept     = var.kept
}
"""
WORKER = """
variable "kept" {
  type = list(string)
}
module "guard" {
  source  = "%s"
  protect = true
  guarded = var.kept
}
"""


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    """Two workers whose queues are guarded, applied."""
    worker = tmp_path / "root" / "worker"
    worker.mkdir(parents=True)
    (worker / "main.tf").write_text(WORKER % GUARD)
    (worker.parent / "main.tf").write_text(ROOT)
    env = {"TF_VAR_workers": '["billing", "loyalty"]'}
    made = Deployment(root=worker.parent, data_dir=tmp_path / "data", target="local", env=env, asks=False)
    terraform.run(made.root, "init", data_dir=made.data_dir, capture=True)
    terraform.run(made.root, "apply", "-auto-approve", data_dir=made.data_dir, env=env, capture=True)
    return made


def _run(deployment: Deployment, command: str, workers: str, **variables: str) -> None:
    env = {"TF_VAR_workers": workers} | {f"TF_VAR_{name}": value for name, value in variables.items()}
    terraform.run(deployment.root, command, "-auto-approve", data_dir=deployment.data_dir, env=env, capture=True)


@pytest.mark.parametrize(
    ("command", "workers"), [("destroy", '["billing", "loyalty"]'), ("apply", '["billing"]')], ids=["all", "a worker"]
)
def test_what_is_guarded_is_not_destroyed(deployment: Deployment, command: str, workers: str) -> None:
    # WHEN all is destroyed, or a worker is removed THEN Terraform refuses
    with pytest.raises(terraform.TerraformCommandError, match="Instance cannot be destroyed"):
        _run(deployment, command, workers)

    # UNTIL it is released
    released = deployment.release()
    assert released == [
        f'module.worker["{name}"].module.guard.terraform_data.guarded["{kept}"]'
        for name in ("billing", "loyalty")
        for kept in ("dlq", "records")
    ]
    _run(deployment, command, workers)


def test_nothing_that_is_guarded_is_switched_off(deployment: Deployment) -> None:
    # WHEN a variable takes one thing away, and the worker stays THEN Terraform refuses
    with pytest.raises(terraform.TerraformCommandError, match="Instance cannot be destroyed"):
        _run(deployment, "apply", '["billing", "loyalty"]', kept='["dlq"]')

    # WHEN something more is kept THEN it is guarded too
    _run(deployment, "apply", '["billing", "loyalty"]', kept='["dlq", "records", "gather"]')
    assert len(deployment.release()) == 6


def test_the_next_deploy_guards_again(deployment: Deployment) -> None:
    # GIVEN guards that were released WHEN it is deployed again THEN it is guarded as before
    deployment.release()
    _run(deployment, "apply", '["billing", "loyalty"]')

    assert len(deployment.release()) == 4


def test_where_nothing_is_guarded_nothing_is_released(deployment: Deployment) -> None:
    deployment.release()

    assert deployment.release() == []
