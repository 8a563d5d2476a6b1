"""Whether canaries name the hop that is gone.

On both emulators, beside each other: the workers of ``services`` are deployed, and a canary for each pair of event and
worker has to come through. Then each rule, target, subscription, filter match, mapping and function's import is taken
away in turn, and the canaries of the workers behind it have to name that hop and no other; and they have to come
through again at the end. Exit code 1 where one does not.

    python -m scripts.bench.canary               # both emulators
    python -m scripts.bench.canary localstack    # one
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fanout import aws
from fanout_tools import emulators
from fanout_tools.canary.deployed import Deployed
from fanout_tools.canary.faults import Hop
from fanout_tools.canary.planning import Declared
from fanout_tools.canary.run import Result, Verdict, run
from fanout_tools.project import project
from scripts.bench.support import format_table, write_results
from scripts.canary.sabotages import Sabotage, grants, sabotages
from scripts.paths import BUILD, REPOSITORY
from tests.integration.platform import Platform

EMULATORS = ("ministack", "localstack")
ENFORCING = "localstack"
"""Enforces the policies of queues and topics for EventBridge and SNS, by the plugin; MiniStack does not."""
LIMIT_S = 60.0
LIMIT_OF_GRANTS_S = 8.0
"""What shows in a DLQ alone is waited for until the limit."""


@dataclass(frozen=True)
class Leg:
    """The deployment on one emulator."""

    emulator: str
    deployed: Deployed
    declared: Declared

    def canaries(self, workers: Sequence[str] = (), limit_s: float = LIMIT_S) -> list[Result]:
        """Those of some workers, or of all."""
        kept = {name: it for name, it in self.declared.manifests.items() if not workers or name in workers}
        return run(self.deployed, replace(self.declared, manifests=kept), limit_s=limit_s)

    def row(self, sabotage: Sabotage) -> dict[str, Any]:
        """What the canaries say of one."""
        began = time.monotonic()
        limit_s = LIMIT_OF_GRANTS_S if sabotage.hop in (Hop.QUEUE, Hop.TOPIC) else LIMIT_S
        with sabotage.done:
            results = self.canaries(sabotage.workers, limit_s)
        failed = [it.fault for it in results if it.verdict is Verdict.FAILED and it.fault]
        named = {(it.hop, it.name.partition(":")[0]) for it in failed}
        return {
            "emulator": self.emulator,
            "taken away": f"{sabotage.hop} {sabotage.name}",
            "named": named == {(sabotage.hop, sabotage.name.partition(":")[0])},
            "s": round(time.monotonic() - began, 1),
            "what the canary said": "; ".join(sorted({f"{it.hop} {it.name}: {it.cause}" for it in failed}))
            or "nothing",
        }


def leg(emulator: str) -> int:
    """One emulator, from nothing; its figures go to a file. Returns the exit code."""
    work_dir = BUILD / "canary" / emulator
    shutil.rmtree(work_dir, ignore_errors=True)
    work_dir.mkdir(parents=True)
    with emulators.running(emulator, run_dir=work_dir / "emulator") as endpoints:
        os.environ.update(endpoints.environment())
        aws.forget_clients()
        services = [it.parent for name in ("worker", "workflow", "web") for it in _declared(name)]
        platform = Platform.deploy(work_dir, emulator, services)
        declared = Declared.read(project(platform.services.parent))
        tested = Leg(emulator, Deployed(platform.names, aws.client), declared)  # type: ignore[arg-type]
        before, rows = tested.canaries(), []
        enforced = grants(tested.deployed, declared.manifests) if emulator == ENFORCING else ()
        for sabotage in (*sabotages(tested.deployed, declared.manifests), *enforced):
            rows.append(tested.row(sabotage))
            print(format_table(rows[-1:]).splitlines()[-1], file=sys.stderr, flush=True)
        after = tested.canaries()
    pairs = [
        {"emulator": emulator, "when": when, "event": it.pair.event, "worker": it.pair.worker, "verdict": it.verdict}
        for when, results in (("before", before), ("after", after))
        for it in results
    ]
    (work_dir / "rows.json").write_text(json.dumps({"rows": rows, "pairs": pairs}))
    return 0


def _declared(kind: str) -> list[Path]:
    return sorted((REPOSITORY / "services").glob(f"*/{kind}.yaml"))


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench.canary", description=__doc__)
    parser.add_argument("emulator", nargs="?", choices=EMULATORS)
    given = parser.parse_args(argv)
    if given.emulator:
        return leg(given.emulator)
    legs = [subprocess.Popen([sys.executable, "-m", "scripts.bench.canary", emulator]) for emulator in EMULATORS]
    if any([it.wait() for it in legs]):  # noqa: C419 - each is waited for
        return 1
    told = [json.loads((BUILD / "canary" / emulator / "rows.json").read_text()) for emulator in EMULATORS]
    return report([row for each in told for row in each["rows"]], [pair for each in told for pair in each["pairs"]])


def report(rows: Sequence[dict[str, Any]], pairs: Sequence[dict[str, Any]]) -> int:
    """Print and keep it; returns the exit code."""
    delivered = [it for it in pairs if it["verdict"] == Verdict.DELIVERED]
    figures = {
        "pairs": len({(it["event"], it["worker"]) for it in pairs}),
        "canaries": len(pairs),
        "canaries_delivered": len(delivered),
        "sabotages": len(rows),
        "sabotages_named": sum(row["named"] for row in rows),
    }
    print(format_table(rows))
    print("\n".join(f"{name}: {value:,}" for name, value in figures.items()))
    print(write_results("canary", rows, figures))
    for it in pairs:
        if it["verdict"] != Verdict.DELIVERED:
            print(f"{it['emulator']}, {it['when']}: {it['event']} to {it['worker']}: {it['verdict']}", file=sys.stderr)
    return 0 if len(delivered) == len(pairs) and figures["sabotages"] == figures["sabotages_named"] else 1


if __name__ == "__main__":
    sys.exit(main())
