"""An environment that is deployed by stacks: platform, a stack for each worker, edge, each with a state of its own.

What is new goes first into the platform, then into the workers, beside each other, then into the edge, so that no
event is led to a queue that is not there, or stops counting as unmatched before its worker is there. Where an event
loses its last subscriber, the edge goes first, too: with what is new still held back.
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from fanout_tools import supervisor
from fanout_tools.canary.run import Result
from fanout_tools.declarations import reading, routing
from fanout_tools.declarations.worker import Manifest, load_all
from fanout_tools.deploy import environment, plan_summary, progress, terraform
from fanout_tools.deploy.environment import Deployment
from fanout_tools.plans.stacks import EDGE, PLATFORM, stack_names
from fanout_tools.project import project

__all__ = ["Reasons", "Stacks", "stale_with"]

AT_ONCE: Final = 4
"""Stacks that are applied beside each other: an apply waits for AWS most of its time, and holds half a gigabyte."""

Reasons = Mapping[str, str]
"""Stack => why it is deployed, too."""


@dataclass(frozen=True)
class Stacks:
    """The stacks of one environment, which :meth:`Deployment.prepare` has prepared."""

    base: Deployment

    def deploy(self, workers: Iterable[str] | None = None) -> Sequence[str]:
        """Bring all stacks up to date, or those of some workers with what they make stale elsewhere.

        :returns: the stacks that were deployed.
        :raises TerraformError: a stack was refused or not approved, or there is no such worker.
        :raises TrafficError: an alarm rang: some workers have their old version.
        """
        declared = load_all(project().services)
        wanted = self._wanted(workers, declared)
        if EDGE in wanted:
            self.widen(declared)
        # Publishers know the ways of their events before these lead anywhere new.
        asked = set(workers or declared)
        for phase in (
            [PLATFORM],
            [it for it in wanted if it in declared and it not in asked],
            [it for it in wanted if it in asked],
        ):
            self.apply([stack for stack in phase if stack in wanted])
        if EDGE in wanted:
            self.narrow(declared, wanted)
        environment.shift([self.base.of_stack(it) for it in wanted if it in declared])
        self._tell_left(declared)
        return wanted

    def widen(self, declared: Mapping[str, Manifest]) -> None:
        """Let what no worker takes any more count as unmatched from now on; what is new does not yet."""
        matched, lately = self._matched(), _matched(declared, project().services)
        if gone := matched - lately:
            progress.say("unmatched", f"{', '.join(sorted(gone))}: from now on; no worker takes them any more")
            self._apply_edge(lately - matched)

    def narrow(self, declared: Mapping[str, Manifest], deployed: Iterable[str]) -> None:
        """Let what these workers take count as unmatched no longer. What only others take goes on as it was: they may
        be declared with subscriptions that are not deployed."""
        own = {worker: declared[worker] for worker in deployed if worker in declared}
        lately, taken = (_matched(it, project().services) for it in (declared, own))
        self._apply_edge(lately - self._matched() - taken)

    def _matched(self) -> set[str]:
        """What the deployed edge does not take for unmatched."""
        edge: Mapping[str, Any] = self._states().get(EDGE, {})
        return set(edge.get("matched", ()))

    def _apply_edge(self, held: Iterable[str]) -> None:
        self.apply([EDGE], env={"TF_VAR_held_events": json.dumps(sorted(held))})

    def _wanted(self, workers: Iterable[str] | None, declared: Mapping[str, Manifest]) -> list[str]:
        """In the order of :func:`stack_names`; tells what is deployed besides, and why."""
        every = stack_names(project().services)
        if workers is None:
            return every
        wanted, states = set[str](), self._states(workers)
        for worker in workers:
            if worker not in declared:
                raise terraform.TerraformError(
                    f"there is no worker {worker!r}; there is: {', '.join(sorted(declared))}"
                )
            found = stale_with(worker, states.get(worker, {}).get("subscriptions", {}).get(worker), declared)
            for stack, reason in found.items():
                progress.say("too", f"{stack}: {reason}")
            wanted |= {worker, *found}
        return [stack for stack in every if stack in wanted]

    def _states(self, stacks: Iterable[str] = (EDGE,)) -> Mapping[str, Mapping[str, Any]]:
        """What these stacks say of themselves, of those that are deployed."""
        found = {stack: self.base.of_stack(stack).outputs().get("stack") for stack in stacks}
        return {stack: said for stack, said in found.items() if said}

    def apply(self, stacks: Sequence[str], *, env: Mapping[str, str] | None = None) -> None:
        """Apply these, beside each other; on AWS, once their plans are approved."""
        self._run("apply", stacks, env or {})

    def destroy(self) -> None:
        """Remove all of it: what leads to the workers, the workers, the platform."""
        deployed = self.deployed()
        workers = [it for it in deployed if it not in (EDGE, PLATFORM)]
        for phase in ([EDGE], workers, [PLATFORM]):
            self._run("destroy", [it for it in phase if it in deployed], {})
        for stack in deployed:
            self.forget(stack)

    def forget(self, stack: str, *, force: bool = False) -> None:
        """Take away the workspace of a stack of which nothing is left; by force, one that holds something."""
        self.base.terraform_quietly("workspace", "delete", *(["-force"] if force else []), stack)

    def plan(self, workers: Iterable[str] | None = None) -> None:
        """Show what :meth:`deploy` would change. A stack that rests on one that is not there yet cannot be planned."""
        for stack in self._wanted(workers, load_all(project().services)):
            progress.say("stack", stack)
            self.base.of_stack(stack).run("plan")

    def drift(self, emulator: str) -> int:
        """See :meth:`Deployment.drift`, of every stack."""
        return sum(self.base.of_stack(stack).drift(emulator) for stack in self.deployed())

    def release(self) -> list[str]:
        """See :meth:`Deployment.release`, of every stack."""
        return [address for stack in self.deployed() for address in self.base.of_stack(stack).release()]

    def deployed(self) -> list[str]:
        """The stacks that have a state."""
        text = self.base.terraform_quietly("workspace", "list")
        names = [line.strip("* ").strip() for line in text.splitlines()]
        return [name for name in names if name and name != "default"]

    def canaries(self, workers: Iterable[str] | None, *, limit_s: float) -> Sequence[Result]:
        """See :meth:`Deployment.canaries`; of some workers, those alone."""
        chosen = None if workers is None else frozenset(workers)
        return self.base.of_stack(PLATFORM).canaries(limit_s=limit_s, workers=chosen)

    def _tell_left(self, declared: Mapping[str, Manifest]) -> None:
        left = [it for it in self.deployed() if it not in (EDGE, PLATFORM, *declared)]
        for worker in left:
            progress.say("left", f"{worker} is deployed, and nothing declares it: `fanout remove {worker}` drains it")

    def _run(self, command: str, stacks: Sequence[str], env: Mapping[str, str]) -> None:
        if not stacks:
            return
        each = {stack: self.base.of_stack(stack).having(env) for stack in stacks}
        if not self.base.asks:
            _beside(each, lambda it: it.run_unasked(command))
            return
        try:
            self._approved(command, each)
        finally:
            for deployment in each.values():
                deployment.forget_plan()

    def _approved(self, command: str, each: Mapping[str, Deployment]) -> None:
        found = dict[str, Sequence[Any]]()

        def plan(stack: str, deployment: Deployment) -> None:
            found[stack] = deployment.plan_to_approve(command)

        supervisor.in_parallel([partial(plan, stack, it) for stack, it in each.items()], at_once=AT_ONCE)
        changed = {stack: it for stack, it in each.items() if found[stack]}
        for stack, deployment in changed.items():
            progress.say("plan", f"{stack}: " + "\n".join(plan_summary.lines(found[stack])))
            progress.say("", f"in full: {deployment.log.path}")
        if changed and not environment.approved():
            raise terraform.TerraformError("not approved: nothing more was changed")
        # What changes nothing is applied, too: its outputs may be new.
        _beside(each, lambda it: it.run_approved(0))


def _beside(each: Mapping[str, Deployment], do: Callable[[Deployment], None]) -> None:
    def one(stack: str, deployment: Deployment) -> None:
        began = time.monotonic()
        do(deployment)
        progress.say("stack", f"{stack}, {time.monotonic() - began:.0f} s")

    supervisor.in_parallel([partial(one, stack, it) for stack, it in each.items()], at_once=AT_ONCE)


def _matched(declared: Mapping[str, Manifest], services: Path) -> set[str]:
    """What no rule of the edge takes for unmatched, as ``terraform/modules/platform/routing.tf`` has it."""
    workflows: list[Any] = [reading.read(file) for file in services.glob("*/workflow.yaml")]
    starting = {str(it.get("event")) for it in workflows}
    return starting | {it.event for manifest in declared.values() for it in manifest.subscribes if it.event != "*"}


def stale_with(worker: str, deployed: Mapping[str, Any] | None, declared: Mapping[str, Manifest]) -> Reasons:
    """The stacks that are to be deployed with a worker's, as its subscriptions are others than those that are deployed.

    :param deployed: its route and subscriptions as its stack's output has them; None for one that is not deployed.
    :returns: in the order in which they are deployed.
    """
    now = declared[worker]
    if deployed is None:
        before: dict[str, Manifest] = {name: it for name, it in declared.items() if name != worker}
    else:
        subscribes = [{"event": it["event"], "where": json.loads(it["where"])} for it in deployed["subscribes"]]
        given = now.model_dump(mode="json", exclude_unset=True) | {"subscribes": subscribes, "via": deployed["via"]}
        before = {**declared, worker: Manifest.model_validate(given)}
        if _subscriptions(before[worker]) == _subscriptions(now):
            return {}
    reasons = {PLATFORM: f"topics, alarms and dashboards know the subscriptions of {worker}"}
    for name, manifest in declared.items():
        routes = (routing.routes(manifest.publishes, known) for known in (before, declared))
        if (
            name != worker
            and manifest.publishes
            and len({json.dumps(it.to_json(), sort_keys=True) for it in routes}) > 1
        ):
            reasons[name] = f"it publishes what {worker} takes: size limits and filters on the way are packed with it"
    return reasons | {EDGE: f"what counts as unmatched follows the subscriptions of {worker}"}


def _subscriptions(manifest: Manifest) -> Any:
    return manifest.via, [it.model_dump(mode="json") for it in manifest.subscribes]
