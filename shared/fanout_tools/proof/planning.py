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
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import boto3

from fanout.errors import PlanError
from fanout_tools import emulators
from fanout_tools.deploy import terraform
from fanout_tools.plans import resources, unknown_values
from fanout_tools.project import project
from fanout_tools.proof.identities import ACCOUNT, identified

__all__ = ["Planner", "has_stacks", "plan_environment", "plan_root", "root_of", "state_of"]

ROUNDS: Final = 5
"""A chain of references that each replace the next resource takes a round per link; the longest today is three."""
_BACKEND: Final = 'terraform {\n  backend "local" {}\n}\n'
_EMPTY: Final = b"PK\x05\x06" + bytes(18)
"""A zip with nothing in it."""
_DYNAMIC: Final = ("input", "output", "triggers_replace")
"""The attributes of terraform_data that hold a value of any type, and are stored together with it."""
_LEFT_OUT: Final = ("aws_vpc_security_group_egress_rule", "aws_vpc_security_group_ingress_rule")
"""Nothing refers to these, and the provider (5.100) fails on one whose source the state does not know."""


def plan_environment(environment: str) -> dict[str, Any]:
    """The plan of a folder of ``terraform/environments``, as ``terraform show -json`` prints it, with all values known:
    the whole of it, also where it is deployed by stacks.

    :raises PlanError: there is no such environment, or values stay unknown.
    :raises TerraformError: Terraform refuses the environment.
    :raises EmulatorError: MiniStack does not start.
    """
    root = root_of(environment)
    return plan_root(root, services=project().services, work=project().build / "check_plan" / environment)


def root_of(environment: str) -> Path:
    """The folder of an environment.

    :raises PlanError: there is none of that name.
    """
    root = project().environments / environment
    if not (root / "main.tf").exists():
        known = ", ".join(sorted(path.parent.name for path in root.parent.glob("*/main.tf"))) or "none"
        raise PlanError(f"there is no environment {environment!r}; there is: {known}")
    return root


def plan_root(root: Path, *, services: Path, work: Path, variables: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The plan of a root that lies in a folder of a folder beside ``terraform/modules``; see :func:`plan_environment`.

    :param services: the workers' folders, which the root finds at ``../../../services``.
    :param work: a folder for this plan alone; it is emptied.
    :param variables: values of the root's variables, over those of the environment.
    """
    with Planner.begun(root, services=services, work=work, variables=variables) as planner:
        return planner.plan()


def has_stacks(root: Path) -> bool:
    """Whether the root has the variable that says whether it is deployed by stacks."""
    return any('variable "stacks"' in file.read_text(encoding="utf-8") for file in root.glob("*.tf"))


@dataclass(frozen=True)
class Planner:
    """A root's copy in which Terraform plans, and the MiniStack that it asks for the account."""

    copy: Path
    work: Path
    env: Mapping[str, str]

    @classmethod
    @contextmanager
    def begun(
        cls, root: Path, *, services: Path, work: Path, variables: Mapping[str, str] | None = None
    ) -> Iterator["Planner"]:
        """See :func:`plan_root`."""
        shutil.rmtree(work, ignore_errors=True)
        copy = _workspace(root, services, work)
        with emulators.running("ministack", run_dir=work / "emulator") as endpoints:
            env = {**endpoints.environment(), "AWS_ACCESS_KEY_ID": ACCOUNT, "AWS_ENDPOINT_URL": endpoints.url}
            env["TF_VAR_account_id"] = ACCOUNT
            env |= {f"TF_VAR_{name}": value for name, value in (variables or {}).items()}
            terraform.init(copy, data_dir=work / "data", env=env)
            yield cls(copy, work, env)

    def plan(self, stack: str | None = None) -> dict[str, Any]:
        """The plan of the whole, or of one of its stacks.

        :raises PlanError: values stay unknown.
        :raises TerraformError: Terraform refuses it.
        """
        unknown: list[str] = []
        for _ in range(ROUNDS):
            shown = self.once(stack)
            unknown = unknown_values(shown)
            if not unknown:
                return shown
            state = self._folder(stack) / "terraform.tfstate"
            state.write_text(json.dumps(state_of(identified(shown))), encoding="utf-8")
        raise PlanError(
            f"still unknown after {ROUNDS} plans: {', '.join(unknown[:5])}; "
            "a resource is replaced in each: give its identity in shared/fanout_tools/proof/identities.py"
        )

    def once(self, stack: str | None) -> dict[str, Any]:
        """One plan from what is known so far, as ``terraform show -json`` prints it.

        :raises TerraformError: Terraform refuses it.
        """
        folder, data = self._folder(stack), self.work / "data"
        folder.mkdir(parents=True, exist_ok=True)
        plan, env = str((folder / "plan").resolve()), {**self.env, **({"TF_WORKSPACE": stack} if stack else {})}
        switch = [f"-var=stacks={'true' if stack else 'false'}"] if self.has_stacks else []
        given = ("plan", "-refresh=false", "-lock=false", f"-out={plan}", *switch)
        terraform.run(self.copy, *given, data_dir=data, env=env, capture=True)
        shown: dict[str, Any] = json.loads(
            terraform.run(self.copy, "show", "-json", plan, data_dir=data, env=env, capture=True)
        )
        return shown

    def _folder(self, stack: str | None) -> Path:
        """Where the state is, and the plan goes."""
        data = self.work / "data"
        return data / terraform.WORKSPACES / stack if stack else data

    @property
    def has_stacks(self) -> bool:
        """Whether the root can be deployed by stacks: those that were made before cannot."""
        return has_stacks(self.copy)

    def know(self, platform: Iterable[Mapping[str, Any]]) -> Mapping[str, str]:
        """Let MiniStack know what other stacks look up by name: the platform's key and its layers.

        :param platform: the resources of the platform's plan.
        :returns: what MiniStack calls them, and what the platform's plan does.
        """
        kms, functions = self._client("kms"), self._client("lambda")
        keys = {
            it["address"].rpartition(".aws_kms_")[0]: it["values"] for it in platform if it["type"] == "aws_kms_key"
        }
        names = dict[str, str]()
        for it in platform:
            # Of an existing key, which has none in the plan, every stack is told the ARN.
            if it["type"] == "aws_kms_alias" and it["address"].rpartition(".aws_kms_")[0] in keys:
                made = kms.create_key()["KeyMetadata"]
                kms.create_alias(AliasName=it["values"]["name"], TargetKeyId=made["KeyId"])
                names[made["Arn"]] = keys[it["address"].rpartition(".aws_kms_")[0]]["arn"]
            if it["type"] == "aws_lambda_layer_version":
                given = {"LayerName": it["values"]["layer_name"], "Content": {"ZipFile": _EMPTY}}
                names[functions.publish_layer_version(**given)["LayerVersionArn"]] = it["values"]["arn"]
        return names

    def _client(self, service: str) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.env["AWS_ENDPOINT_URL"],
            region_name=self.env["AWS_DEFAULT_REGION"],
            aws_access_key_id=ACCOUNT,
            aws_secret_access_key="of no account",
        )


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
        path.write_bytes(_EMPTY)
    (packages / "target.json").write_text('{"runtime": "python3.13", "architecture": null}', encoding="utf-8")


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
