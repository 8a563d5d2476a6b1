"""All rules over one plan."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fanout_tools.declarations.web import WebManifest
from fanout_tools.declarations.worker import Manifest
from fanout_tools.plans import Plan
from fanout_tools.proof import (
    apis,
    canaries,
    compartments,
    consoles,
    dead_letters,
    existing,
    forwarding,
    front_doors,
    grants,
    keys,
    operators,
    pipes,
    quotas,
    scheduled,
    serving,
    workers,
    workflows,
)
from fanout_tools.proof.findings import Allowed, Declared, Finding, unexplained
from fanout_tools.proof.paths import Path, paths

__all__ = ["RULES", "Proof", "check"]

Rule = Callable[[Plan], Iterable[Finding]]

RULES: Final[tuple[Rule, ...]] = (
    dead_letters.delivered,
    dead_letters.retries,
    dead_letters.dead_letters_taken,
    dead_letters.dead_letters_kept,
    dead_letters.consumed_queues,
    dead_letters.invocations_kept,
    apis.called,
    canaries.contained,
    compartments.claims,
    consoles.apart,
    consoles.least,
    consoles.signed_in,
    forwarding.forwarded,
    forwarding.permitted,
    grants.granted,
    grants.scoped,
    grants.log_policies,
    keys.encrypted,
    keys.usable,
    keys.logged,
    keys.key_scoped,
    keys.key_by_service,
    pipes.fed,
    pipes.permitted,
    pipes.said,
    scheduled.invoking,
    front_doors.passed,
    front_doors.narrow,
    front_doors.limited,
    serving.invoking,
    serving.started,
    serving.contained,
    serving.serving,
    serving.reached,
    serving.redirected,
    operators.journal,
    operators.people,
    operators.sweeping,
    workflows.sound,
    workflows.invoking,
)
ALARMS: Final[tuple[Rule, ...]] = (
    dead_letters.alarmed,
    dead_letters.told,
    pipes.pipe_failures_told,
    scheduled.watched,
    front_doors.told,
    serving.watched,
    workflows.failures_told,
)


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What the rules make of a plan."""

    paths: list[Path]
    findings: list[Finding]
    """Each once, by address; empty: no event is lost in silence."""
    notices: list[str]
    """What the proof takes for granted, as it is not the plan's to say."""


def check(
    plan: Plan,
    manifests: Mapping[str, Manifest],
    *,
    starts: Mapping[str, Mapping[str, Any]],
    web: Mapping[str, WebManifest],
    allowed: Iterable[Allowed],
    declared: Declared,
) -> Proof:
    """Judge a plan by all rules.

    :param starts: the declared workflows: :func:`fanout_tools.proof.workflows.declared_patterns`.
    :param web: the declared web functions.
    :param allowed: the wide grants that are explained, of this environment.
    :param declared: what the environment says of itself.
    :raises PlanError: the plan is not of one platform.
    """
    asked = list(existing.notices(plan))
    plan = existing.with_keys(plan)
    ways = list(paths(plan, manifests))
    found = set(_found(plan, manifests, declared))
    found.update(workflows.started(plan, starts))
    found.update(front_doors.as_declared(plan, web))
    found.update(compartments.published(plan, manifests, web))
    found.update(finding for way in ways for finding in way.findings)
    found.update(unexplained(grants.narrow(plan), allowed))
    return Proof(paths=ways, findings=sorted(found), notices=asked)


def _found(plan: Plan, manifests: Mapping[str, Manifest], declared: Declared) -> Iterator[Finding]:
    for rule in (*RULES, *(() if declared.no_alarms else ALARMS)):
        yield from rule(plan)
    yield from workers.permitted(plan, manifests)
    yield from dead_letters.unmatched_kept(plan, manifests)
    yield from scheduled.permitted(plan, manifests)
    yield from quotas.kept(plan, declared.quotas)
    for owned in (compartments.queues, workers.apart, workers.backstops, workers.remembering, workers.gathering):
        yield from owned(plan, manifests)
