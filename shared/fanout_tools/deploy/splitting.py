"""From one state to stacks: the state of a deployed environment is taken apart, and nothing in AWS is touched.

The stacks' plans must then show nothing to do. Only when they do is the whole state emptied; before that, whatever
fails leaves all as it was.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from fanout_tools import supervisor
from fanout_tools.deploy import progress, terraform
from fanout_tools.deploy.drift import Difference
from fanout_tools.deploy.environment import Deployment
from fanout_tools.deploy.stacks import Stacks
from fanout_tools.plans.stacks import Owners, stack_names
from fanout_tools.project import project

__all__ = ["parts_of", "split"]

SWITCH: Final = "stacks.auto.tfvars"
AT_ONCE: Final = 2
State = Mapping[str, Any]


def split(whole: Deployment) -> Sequence[str]:
    """Take the state of a deployed environment apart; returns its stacks.

    :raises TerraformError: nothing is deployed, there are changes to deploy first, or a stack would change something.
    :raises PlanError: a resource belongs to no stack.
    """
    if not whole.outputs():
        raise terraform.TerraformError(
            f"{whole.root.name}: nothing is deployed; write `stacks = true` into {whole.root / SWITCH} and deploy"
        )
    if waiting := _of_substance(whole.changes()):
        raise terraform.TerraformError(
            f"{whole.root.name}: there is something to deploy first, else the stacks could not be told from it: "
            f"{waiting[0].address}, and {len(waiting) - 1} more"
        )
    state = whole.state()
    kept = whole.data_dir / "before-split.tfstate"
    kept.write_text(json.dumps(state), encoding="utf-8")
    parts = parts_of(state, Owners.read(project().services, whole.namespace()), stack_names(project().services))
    stacks, begun = {stack: whole.of_stack(stack) for stack in parts}, list[str]()
    try:
        for stack, part in parts.items():
            begun.append(stack)
            stacks[stack].put_state(part)
        _prove(stacks)
    except (Exception, supervisor.Interrupted):
        for stack in begun:
            stacks[stack].forget_plan()
            Stacks(whole).forget(stack, force=True)
        raise
    (whole.root / SWITCH).write_text("# Deployed by stacks: docs/how-to/deploy.md\nstacks = true\n", encoding="utf-8")
    whole.terraform_quietly("state", "rm", *_managed(state))
    for deployment in stacks.values():  # what the proof has planned: nothing but the stack's outputs
        deployment.run_approved(0)
        deployment.forget_plan()
    progress.say("split", f"{len(parts)} stacks; the state before is in {kept}: keep it until the next deployment")
    return list(parts)


def parts_of(state: State, owners: Owners, stacks: Sequence[str]) -> Mapping[str, State]:
    """A state for each stack, with the instances that stand in it.

    :raises PlanError: a resource belongs to no stack.
    """
    found: dict[str, list[Any]] = {stack: [] for stack in stacks}
    for resource in state["resources"]:
        if resource["mode"] != "managed":
            continue  # what is looked up is looked up again
        by_stack: dict[str, list[Any]] = {}
        for instance in resource["instances"]:
            stack = owners.stack_of(_address(resource, instance))
            if stack is not None:
                by_stack.setdefault(stack, []).append(instance)
        for stack, instances in by_stack.items():
            found.setdefault(stack, []).append({**resource, "instances": instances})
    common = {"version": state["version"], "terraform_version": state["terraform_version"], "outputs": {}}
    return {
        stack: {**common, "serial": 1, "lineage": f"{state['lineage']}-{stack}", "resources": resources}
        for stack, resources in found.items()
    }


def _managed(state: State) -> Iterator[str]:
    for resource in state["resources"]:
        if resource["mode"] == "managed":
            yield _address(resource, {})


def _address(resource: Mapping[str, Any], instance: Mapping[str, Any]) -> str:
    index = f"[{json.dumps(instance['index_key'])}]" if "index_key" in instance else ""
    return ".".join(filter(None, [resource.get("module"), resource["type"], resource["name"]])) + index


def _prove(stacks: Mapping[str, Deployment]) -> None:
    """:raises TerraformError: a stack's plan has something to do."""
    found = dict[str, Sequence[Difference]]()

    def plan(stack: str, deployment: Deployment) -> None:
        found[stack] = _of_substance(deployment.plan_to_approve("apply"))
        progress.say("stack", f"{stack}: {len(found[stack])} changes")

    supervisor.in_parallel([partial(plan, stack, it) for stack, it in stacks.items()], at_once=AT_ONCE)
    if changed := [it for each in found.values() for it in each]:
        raise terraform.TerraformError(
            f"nothing is split: {changed[0].address} would be changed ({changed[0].action}), "
            f"and {len(changed) - 1} more"
        )


def _of_substance(found: Sequence[Difference]) -> list[Difference]:
    """Without a stack's own preconditions, which are nothing in AWS."""
    return [it for it in found if ".terraform_data." not in it.address or ".guarded[" in it.address]
