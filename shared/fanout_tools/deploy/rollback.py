"""A worker's events go back to the version before: a call to Lambda, and a note of it in Terraform's state."""

from typing import Any, Final

from fanout_tools.deploy import terraform, traffic
from fanout_tools.deploy.environment import Deployment

__all__ = ["roll_back"]

_LIVE: Final = ("terraform_data", "live")
"""Which version has the events, in modules/worker."""


def roll_back(deployment: Deployment, worker: str) -> tuple[str, str]:
    """Let the worker's alias lead to the newest published version that is older than the one that has its events; of
    two that share them, as amid a shift, to the older.

    :returns: the version that had them, and the one that has them now.
    :raises TerraformError: the worker is not deployed, or there is no version before.
    :raises TrafficError: somebody else moves the alias, or Lambda refuses.
    """
    output = deployment.outputs().get("traffic") or {"workers": {}}
    if worker not in output["workers"]:
        raise terraform.TerraformError(f"{worker} is not deployed there; `fanout status` shows what is")
    found = next(it for it in traffic.Traffic.read(output).workers if it.name == worker)
    functions = deployment.client("lambda", output["region"])
    aliases = traffic.LambdaAliases(functions)
    alias = aliases.get(found)
    sharing = sorted(map(int, [alias.version, *alias.weights]))
    earlier = (
        [it for it in _versions(functions, found.function) if it < sharing[-1]] if len(sharing) == 1 else sharing[:1]
    )
    if not earlier:
        raise terraform.TerraformError(f"{worker}: there is no version before {alias.version}")
    now = aliases.lead(found, alias, str(max(earlier)), {}).version
    deployment.put_state(_with_live(deployment.state(), worker, now))
    return alias.version, now


def _with_live(state: dict[str, Any], worker: str, version: str) -> dict[str, Any]:
    """The state that knows which version has the events: else the next apply would give them back, before a fix that is
    deployed with it has any.

    :raises TerraformError: it has no such worker.
    """
    module = f'module.platform.module.worker["{worker}"]'
    named = [it for it in state["resources"] if (it.get("module"), it["type"], it["name"]) == (module, *_LIVE)]
    if not named:
        raise terraform.TerraformError(
            f"{worker}: the state lacks {module}.{'.'.join(_LIVE)}; deploy once, then roll back"
        )
    for name in ("input", "output"):
        named[0]["instances"][0]["attributes"][name] = {"value": version, "type": "string"}
    return {**state, "serial": state["serial"] + 1}


def _versions(functions: Any, function: str) -> list[int]:
    pages = functions.get_paginator("list_versions_by_function").paginate(FunctionName=function)
    found = [it["Version"] for page in pages for it in page["Versions"]]
    return sorted(int(version) for version in found if version.isdecimal())
