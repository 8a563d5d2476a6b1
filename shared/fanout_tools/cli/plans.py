"""``fanout check-plan`` and ``fanout diagram``: what a plan of an environment proves and shows. No AWS account is
needed: both plan from nothing, or read what ``terraform show -json`` printed."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from fanout.errors import PlanError
from fanout_tools.catalogue.build import topology
from fanout_tools.catalogue.catalogue import declarations
from fanout_tools.catalogue.documents import DOCS, NAMES, documents, kept
from fanout_tools.catalogue.topology import Topology
from fanout_tools.cli.options import environments
from fanout_tools.declarations import web as web_manifest
from fanout_tools.declarations.worker import load_all
from fanout_tools.plans import Plan
from fanout_tools.plans.file import plan_file, read
from fanout_tools.project import project
from fanout_tools.proof.check import Proof, check
from fanout_tools.proof.findings import Allowed, declared
from fanout_tools.proof.findings import read as read_allowed
from fanout_tools.proof.workflows import declared_patterns
from fanout_tools.tables import format_table

__all__ = ["check_plan", "diagram"]

PlanFile = Annotated[
    Path | None, typer.Option(help="A plan in JSON, instead of the one that is made of the environment.")
]


def check_plan(
    env: Annotated[
        str, typer.Argument(help="A folder of terraform/environments.", autocompletion=environments)
    ] = "local",
    *,
    plan: PlanFile = None,
    whole: Annotated[
        bool,
        typer.Option(
            "--whole", help="Also refuse what fanout allows and the plan does not hold: for its own repository."
        ),
    ] = False,
) -> None:
    """Prove from an environment's plan that no event is lost in silence, and that every role and key is as it must
    be; the exit code is 1 where something is wrong, each with the fix.

    Example: fanout check-plan prod
    """
    manifests = load_all(project().services)
    found = check(
        Plan.read(read(plan or plan_file(env))),
        manifests,
        starts=declared_patterns(project().services),
        web=web_manifest.load_all(project().services, manifests),
        allowed=_allowed(env, whole=whole),
        declared=(said := declared(project().environments / env)),
    )
    _report(found)
    if said.no_alarms:
        print(f"without alarms: {said.no_alarms}")
    if found.findings:
        raise typer.Exit(1)


def _allowed(env: str, *, whole: bool) -> list[Allowed]:
    """fanout's own list, and the project's beside its environments."""
    entries = read_allowed(env, foreign=not whole)
    own = project().terraform / "check_plan_allowed.yaml"
    return [*entries, *(read_allowed(env, own) if own.exists() else [])]


def _report(proof: Proof) -> None:
    rows = [
        {
            "event": path.event,
            "worker": path.worker,
            "route": " -> ".join(_short(hop.type) for hop in path.hops),
            "KiB": path.bytes // 1024,
            "proof": "BROKEN" if path.findings else "whole",
        }
        for path in proof.paths
    ]
    if rows:
        print(format_table(rows))
    for finding in proof.findings:
        print(finding, file=sys.stderr)
    for notice in proof.notices:
        print(f"notice: {notice}")
    print(f"{len(rows)} pairs of event and worker; {len(proof.findings)} findings")


def _short(kind: str) -> str:
    return {
        "aws_cloudwatch_event_rule": "rule",
        "aws_cloudwatch_event_target": "target",
        "aws_sns_topic": "topic",
        "aws_sns_topic_subscription": "subscription",
        "aws_sqs_queue": "queue",
        "aws_lambda_event_source_mapping": "mapping",
        "aws_lambda_alias": "alias",
    }[kind]


def diagram(
    env: Annotated[
        str | None, typer.Argument(help="A folder of terraform/environments.", autocompletion=environments)
    ] = None,
    *,
    plan: PlanFile = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the topology in docs/, and write docs/ from it.")] = False,
    docs: Annotated[bool, typer.Option("--docs", help="Write docs/ from the topology kept there; no plan.")] = False,
) -> None:
    """Draw an environment from its plan, and write the catalogue of its events and workers: build/diagram/ENV.

    Example: fanout diagram prod
    """
    if not docs and env is None:
        raise typer.BadParameter("name an environment, or write --docs")
    if not docs and env is not None:
        drawn = _of_plan(env, plan)
        _write(drawn, project().build / "diagram" / env, NAMES)
        if keep:
            kept().write_text(drawn.to_json(), encoding="utf-8")
    if docs or keep:
        _write(_kept(), kept().parent, DOCS)


def _kept() -> Topology:
    try:
        return Topology.from_json(kept().read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PlanError(f"{kept()}: no topology is kept there ({error}); `fanout diagram local --keep` does") from error


def _of_plan(env: str, plan: Path | None) -> Topology:
    declared = declarations(project().services, project().schemas)
    events = [it.contract.identifier for it in declared.contracts]
    web = {name: it.publishes for name, it in declared.web.items()}
    return topology(Plan.read(read(plan or plan_file(env))), declared.manifests, events, web)


def _write(drawn: Topology, folder: Path, names: Sequence[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    declared = declarations(project().services, project().schemas)
    for name, text in documents(drawn, declared, folder, project().schemas).items():
        if name in names:
            (folder / name).write_text(text, encoding="utf-8")
            print(folder / name)
