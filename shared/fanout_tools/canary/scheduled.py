"""Canaries by the clock, within the account: the function of ``terraform/modules/canary``.

Its package holds this module with what it imports, each worker.yaml and workflow.yaml, and the golden events:
:func:`fanout_tools.deploy.packages.functions.canary_entries`.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from fanout import aws, telemetry
from fanout.errors import FanoutError
from fanout_tools.canary.deployed import Deployed
from fanout_tools.canary.planning import Declared
from fanout_tools.canary.run import Result, Verdict, run
from fanout_tools.declarations.naming import Names
from fanout_tools.project import Project

__all__ = ["ROOT", "CanaryFailedError", "handler"]

ROOT: Final = Path(__file__).parents[2]
"""The package's."""

log = logging.getLogger(__name__)


class CanaryFailedError(FanoutError):
    """A hop does not deliver; the text names each such hop, the likely cause and the fix."""


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Send a canary for each pair of event and worker; write a line for each that did not come through, and the
    metrics that the alarms watch.

    :param event: ``paused`` names the workers that are paused on purpose: theirs are late, not failed.
    :returns: how many pairs there are of each verdict.
    :raises CanaryFailedError: a hop does not deliver.
    """
    telemetry.configure()
    began = time.monotonic()
    deployed = Deployed(Names.told(os.environ), aws.client)  # type: ignore[arg-type]
    limit_s = float(os.environ["FANOUT_CANARY_LIMIT_S"])
    results = run(deployed, Declared.read(_packed()), limit_s=limit_s, paused=event.get("paused") or ())
    faults = _tell(results)
    counts = {verdict.name.lower(): sum(it.verdict is verdict for it in results) for verdict in Verdict}
    _measure(counts, len(faults), time.monotonic() - began)
    if faults:
        raise CanaryFailedError("\n".join(faults))
    return counts


def _packed() -> Project:
    """The project as the package holds it."""
    services, contracts, terraform, build = (ROOT / it for it in ("services", "contracts", "terraform", "build"))
    return Project(ROOT, services=services, contracts=contracts, terraform=terraform, build=build)


def _tell(results: Sequence[Result]) -> list[str]:
    """A line for each fault, whatever the number of pairs that it fails, and for each pair that is late or not tried.

    :returns: the faults' texts.
    """
    faults = {str(it.fault): it.fault for it in results if it.verdict is Verdict.FAILED and it.fault is not None}
    for text, fault in faults.items():
        pairs = [f"{it.pair.event} {it.pair.worker}" for it in results if str(it.fault) == text]
        fields = {"hop": fault.hop.value, "resource": fault.name, "cause": fault.cause, "fix": fault.fix}
        log.error("canary: %s", text, extra={**fields, "pairs": pairs})
    for it in results:
        if it.verdict in (Verdict.LATE, Verdict.UNSENT):
            log.warning("canary: %s: %s", it.verdict, it.note, extra={"event": it.pair.event, "worker": it.pair.worker})
    return list(faults)


def _measure(counts: Mapping[str, int], failed_hops: int, took_s: float) -> None:
    """A run in which nothing was delivered has shown nothing, and is no success."""
    successful = failed_hops == 0 and counts["delivered"] > 0
    telemetry.emit_metrics(
        {},
        {"CanaryFailedHops": failed_hops, "CanarySuccessfulRuns": int(successful)},
        {"CanaryDuration": round(took_s * 1000)},
        **counts,
    )
