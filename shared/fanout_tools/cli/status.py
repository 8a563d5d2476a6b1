"""``fanout status``: every worker at a glance."""

import re
import time
from typing import Annotated

import typer

from fanout_tools.cli.deployment import Deployment
from fanout_tools.cli.endpoint import reach
from fanout_tools.cli.options import LOCAL, AsJson, Env, Namespace, Services
from fanout_tools.cli.output import print_rows
from fanout_tools.declarations.worker import load_all

__all__ = ["command"]

COLUMNS = ["worker", "waiting", "in flight", "in DLQ", "received", "handled", "duplicates", "failed"]
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def command(
    *,
    since: Annotated[str, typer.Option(help="How far back to count, such as 90s, 15m, 2h, 1d.")] = "15m",
    env: Env = LOCAL,
    namespace: Namespace = None,
    services: Services,
    as_json: AsJson = False,
) -> None:
    """Queue depths of every worker, and what its log counts: records received, handled, suppressed as duplicates,
    and failed (to be retried, or rejected)."""
    deployment = Deployment(reach(env, namespace), load_all(services))
    depths = deployment.depths()
    counts = deployment.counts(int((time.time() - _seconds(since)) * 1000))
    rows = [
        {
            "worker": worker,
            "waiting": depths[worker].waiting,
            "in flight": depths[worker].in_flight,
            "in DLQ": depths[worker].dead,
            "received": count["received"],
            "handled": count["handled"],
            "duplicates": count["duplicates"],
            "failed": count["retried"] + count["rejected"],
        }
        for worker, count in counts.items()
    ]
    print_rows(COLUMNS, rows, as_json=as_json, title=f"{deployment.names.namespace}, last {since}")


def _seconds(text: str) -> int:
    found = re.fullmatch(r"(\d+)([smhd])", text)
    if found is None:
        raise typer.BadParameter(f"{text}: write a number and s, m, h or d, such as 15m", param_hint="--since")
    return int(found[1]) * SECONDS[found[2]]
