"""Plan an environment from nothing, without an AWS account, so that every value in the plan is known.

A plan from nothing knows no ARN, so that a policy or redrive policy made of one is "known after apply", and what
cannot be read cannot be proven. References alone would not do: a policy is text that Terraform's own functions make.
So Terraform itself evaluates them, in rounds: each plan's values become the state that the next one starts from,
with an ARN, an id and a URL made up for each resource (``identities.py``) as AWS would make them from its name. After
the round in which nothing unknown is left, the plan holds word for word what an apply would send. Nothing is created.

The provider must learn an account's number from somewhere: a MiniStack of our own answers. Functions' packages are
empty stand-ins, as code is no part of the proof. The state between two rounds has the format of version 4 of
Terraform's own state file: https://developer.hashicorp.com/terraform/language/state
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
from fanout_tools.plans import resources, unknown_values
from fanout_tools.project import project
from fanout_tools.proof.identities import ACCOUNT, identified

__all__ = ["plan_environment", "plan_root", "state_of"]

ROUNDS: Final = 5
"""A chain of references that each replace the next resource takes a round per link; the longest today is three."""
_BACKEND: Final = 'terraform {\n  backend "local" {}\n}\n'
_DYNAMIC: Final = ("input", "output", "triggers_replace")
"""The attributes of terraform_data that hold a value of any type, and are stored together with it."""
_LEFT_OUT: Final = ("aws_vpc_security_group_egress_rule", "aws_vpc_security_group_ingress_rule")
"""Nothing refers to these, and the provider (5.100) fails on one whose source the state does not know."""


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
    for beside in project().terraform.iterdir():
        if beside.name != "environments":
            (work / "terraform" / beside.name).symlink_to(beside)
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
    zips += ["canary", "console", "dependencies-arm64", "dependencies-x86_64", "span-forwarder"]
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
