"""Prove from an environment's plan that no event is lost in silence: `make check-plan ENV=local`.

python -m fanout_tools.proof local
python -m fanout_tools.proof prod --plan plan.json      # what `terraform show -json PLANFILE` printed
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from fanout.errors import FanoutError
from fanout_tools.declarations.worker import load_all
from fanout_tools.errors import ToolError
from fanout_tools.plans import Plan
from fanout_tools.project import project
from fanout_tools.proof.check import Proof, check
from fanout_tools.proof.findings import declared, read
from fanout_tools.proof.planning import plan_environment
from fanout_tools.proof.workflows import declared_patterns
from fanout_tools.tables import format_table


def main(argv: Sequence[str] | None = None) -> int:
    """Check one environment; returns the exit code."""
    given = _arguments().parse_args(argv)
    root = project().environments / given.environment
    try:
        shown = (
            json.loads(given.plan.read_text(encoding="utf-8")) if given.plan else plan_environment(given.environment)
        )
        proof = check(
            Plan.read(shown),
            load_all(project().services),
            starts=declared_patterns(project().services),
            allowed=read(given.environment),
            declared=(said := declared(root)),
        )
    except (FanoutError, ToolError, OSError, ValueError) as error:
        print(f"check-plan: {error}", file=sys.stderr)
        return 1
    _report(proof)
    if said.no_alarms:
        print(f"without alarms: {said.no_alarms}")
    return 1 if proof.findings else 0


def _report(proof: Proof) -> None:
    rows = [
        {
            "event": path.event,
            "worker": path.worker,
            "way": " -> ".join(_short(hop.type) for hop in path.hops),
            "KiB": path.bytes // 1024,
            "proof": "BROKEN" if path.findings else "whole",
        }
        for path in proof.paths
    ]
    if rows:
        print(format_table(rows))
    for finding in proof.findings:
        print(finding, file=sys.stderr)
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


def _arguments() -> argparse.ArgumentParser:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m fanout_tools.proof", description=__doc__, formatter_class=formatter
    )
    parser.add_argument("environment", help="a folder of terraform/environments")
    parser.add_argument("--plan", type=Path, help="a plan in JSON, instead of planning the environment from nothing")
    return parser


if __name__ == "__main__":
    sys.exit(main())
