"""Plan an environment from nothing, without an AWS account, so that every value in the plan is known.

A plan from nothing knows no ARN, so that a policy or redrive policy made of one is "known after apply", and what
cannot be read cannot be proven. References alone would not do: a policy is text that Terraform's own functions make.
So Terraform itself evaluates them, in rounds: each plan's values become the state that the next one starts from,
with an ARN, an id and a URL made up for each resource (``identities.py``) as AWS would make them from its name. After
the round in which nothing unknown is left, the plan holds word for word what an apply would send. Nothing is created.

The provider must learn an account's number from somewhere: a MiniStack of our own answers. Functions' packages are
empty stand-ins, as code is no part of the proof.
"""

import json
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from fanout.errors import PlanError
from fanout_tools import emulators
from fanout_tools.deploy import terraform
from fanout_tools.plans import unknown_values
from fanout_tools.project import project
from fanout_tools.proof.identities import ACCOUNT, identified
from fanout_tools.proof.state import state_of

__all__ = ["plan_environment", "plan_root"]

ROUNDS: Final = 5
"""A chain of references that each replace the next resource takes a round per link; the longest today is three."""
_BACKEND: Final = 'terraform {\n  backend "local" {}\n}\n'


def plan_environment(environment: str) -> dict[str, Any]:
    """The plan of a folder of ``terraform/environments``, as ``terraform show -json`` prints it, with all values known.

    :raises PlanError: there is no such environment, or values stay unknown.
    :raises TerraformError: Terraform refuses the environment.
    :raises EmulatorError: MiniStack does not start.
    """
    root = project().environments / environment
    if not (root / "main.tf").exists():
        known = ", ".join(sorted(path.parent.name for path in root.parent.glob("*/main.tf"))) or "none"
        raise PlanError(f"there is no environment {environment!r}; there is: {known}")
    return plan_root(root, services=project().services, work=project().build / "check_plan" / environment)


def plan_root(root: Path, *, services: Path, work: Path, variables: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The plan of a root that lies in a folder of a folder beside ``terraform/modules``; see :func:`plan_environment`.

    :param services: the workers' folders, which the root finds at ``../../../services``.
    :param work: a folder for this plan alone; it is emptied.
    :param variables: values of the root's variables, over those of the environment.
    """
    shutil.rmtree(work, ignore_errors=True)
    copy = _workspace(root, services, work)
    with emulators.running("ministack", run_dir=work / "emulator") as endpoints:
        env = {**endpoints.environment(), "AWS_ACCESS_KEY_ID": ACCOUNT, "AWS_ENDPOINT_URL": endpoints.url}
        env["TF_VAR_account_id"] = ACCOUNT
        env |= {f"TF_VAR_{name}": value for name, value in (variables or {}).items()}
        terraform.init(copy, data_dir=work / "data", env=env)
        return _planned(copy, work, env)


def _workspace(root: Path, services: Path, work: Path) -> Path:
    """A copy of the root whose state is local, among links to what it reads: no run touches an environment's state."""
    copy = work / "terraform" / "environments" / root.name
    shutil.copytree(root, copy, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
    (copy / "check_plan_override.tf").write_text(_BACKEND, encoding="utf-8")
    (work / "terraform" / "modules").symlink_to(project().terraform / "modules")
    contracts = project().contracts.resolve().relative_to(project().root).parts[0]
    (work / contracts).symlink_to(project().root / contracts)
    (work / "services").symlink_to(services.resolve())
    for target in ("local", "aws"):
        _stand_ins(work / "build" / "packages" / target, services)
    return copy


def _stand_ins(packages: Path, services: Path) -> None:
    names = [path.parent.name.replace("_", "-") for path in services.glob("*/worker.yaml")]
    webs = [path.parent.name.replace("_", "-") for path in services.glob("*/web.yaml")]
    zips = [f"workers/{name}" for name in names] + [f"web/{name}" for name in webs]
    zips += ["dependencies-arm64", "dependencies-x86_64"]
    for name in zips:
        path = packages / f"{name}.zip"
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(path, "w"):
            pass
    (packages / "target.json").write_text('{"runtime": "python3.13", "architecture": null}', encoding="utf-8")


def _planned(root: Path, work: Path, env: Mapping[str, str]) -> dict[str, Any]:
    state, plan = work / "data" / "terraform.tfstate", work / "data" / "plan"
    unknown: list[str] = []
    for _ in range(ROUNDS):
        given = ("plan", "-refresh=false", "-lock=false", f"-out={plan.resolve()}")
        terraform.run(root, *given, data_dir=work / "data", env=env, capture=True)
        text = terraform.run(root, "show", "-json", str(plan.resolve()), data_dir=work / "data", env=env, capture=True)
        shown: dict[str, Any] = json.loads(text)
        unknown = unknown_values(shown)
        if not unknown:
            return shown
        state.write_text(json.dumps(state_of(identified(shown))), encoding="utf-8")
    raise PlanError(
        f"still unknown after {ROUNDS} plans: {', '.join(unknown[:5])}; "
        "a resource is replaced in each: give its identity in shared/fanout_tools/proof/identities.py"
    )
