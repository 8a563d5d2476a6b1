"""How many spoilt plans the rules of check-plan notice: all of them, or this fails.

    python -m scripts.bench.plan_mutants

The mutants are made of the plans in ``tests/unit/fanout_tools/proof/fixture``. One counts as caught when a finding
names the resource that was spoilt or, where it was taken away, one that it leaves alone.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from fanout_tools.declarations import web as web_manifest
from fanout_tools.declarations.worker import load_all
from fanout_tools.plans import Plan
from fanout_tools.proof.check import check
from fanout_tools.proof.findings import Declared, Finding, read
from fanout_tools.proof.workflows import declared_patterns
from scripts.bench.support import format_table, write_results
from scripts.mutants.fixture import FIXTURE, PLANS
from scripts.mutants.mutant import Mutant
from scripts.mutants.plans import mutants

__all__ = ["Verdict", "verdicts"]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the rules say of a mutant."""

    mutant: Mutant
    findings: list[Finding]

    @property
    def caught(self) -> bool:
        return any(finding.address in self.mutant.addresses for finding in self.findings)


def verdicts() -> Iterator[Verdict]:
    """The rules' verdict on every mutant of the fixture; the fixture itself passes, which a unit test holds."""
    manifests, allowed = load_all(FIXTURE / "services"), read("fixture")
    starts = declared_patterns(FIXTURE / "services")
    web = web_manifest.load_all(FIXTURE / "services", manifests)
    for grants, file in PLANS.items():
        for mutant in mutants(Plan.read(json.loads(file.read_text(encoding="utf-8")))):
            if grants == "service" or ".module.topic[" in mutant.name:  # all else is the same in both
                proof = check(mutant.plan, manifests, starts=starts, web=web, allowed=allowed, declared=Declared())
                yield Verdict(mutant=mutant, findings=proof.findings)


def main() -> int:
    """Judge all mutants; returns the exit code."""
    made, caught = Counter[str](), Counter[str]()
    for verdict in verdicts():
        made[verdict.mutant.type] += 1
        caught[verdict.mutant.type] += verdict.caught
        if not verdict.caught:
            print(f"missed: {verdict.mutant.name}", file=sys.stderr)
    rows = [{"spoilt": kind, "mutants": made[kind], "caught": caught[kind]} for kind in sorted(made)]
    print(format_table(rows))
    figures = {"mutants": made.total(), "caught": caught.total()}
    file = write_results("plan_mutants", rows, figures)
    print(f"{figures['caught']} of {figures['mutants']} mutants caught; see {file}")
    return 0 if caught == made else 1


if __name__ == "__main__":
    sys.exit(main())
