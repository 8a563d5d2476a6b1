"""``fanout cost``: what an environment costs, from its plan."""

import json
import math
from pathlib import Path
from typing import Annotated

import typer

from fanout_tools.cli.options import Services, environments
from fanout_tools.cli.output import console, print_rows
from fanout_tools.cost.calculation import calculate, cost_json
from fanout_tools.cost.mix import Mix, benchmarked, logged
from fanout_tools.cost.report import Report
from fanout_tools.plans import Plan
from fanout_tools.plans.file import plan_file, read

__all__ = ["command"]

DEAREST = 10
"""Items that the table shows; JSON has them all."""


def command(
    *,
    events_per_month: Annotated[float, typer.Option(min=1, help="Events published, all kinds together.")],
    env: Annotated[
        str | None, typer.Option(help="Plan this folder of terraform/environments.", autocompletion=environments)
    ] = None,
    plan: Annotated[Path | None, typer.Option(help="A plan in JSON, in place of --env.")] = None,
    mix: Annotated[Path | None, typer.Option(help="Shares, sizes and durations, as YAML.")] = None,
    logs: Annotated[Path | None, typer.Option(help="A folder with <worker>.log: durations as they were.")] = None,
    bench: Annotated[Path | None, typer.Option(help="build/bench/worker.json: the core's own time.")] = None,
    services: Services,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """What a million events of each kind, each worker, and the month cost at AWS's list prices.

    Free tiers, discounts, taxes and data transfer are left out.

    Example: fanout cost --env prod --events-per-month 3e6
    """
    if not math.isfinite(events_per_month):
        raise typer.BadParameter("must be a number of events, such as 1e6", param_hint="--events-per-month")
    calculated = calculate(events_per_month, _plan(env, plan), _mix(mix, logs, bench), services)
    if as_json:
        print(json.dumps(cost_json(calculated), indent=2))
    else:
        _tell(calculated)


def _mix(file: Path | None, logs: Path | None, bench: Path | None) -> Mix:
    mix = Mix() if file is None else Mix.read(file)
    mix = mix if bench is None else benchmarked(mix, bench)
    return mix if logs is None else logged(mix, logs)


def _plan(env: str | None, file: Path | None) -> Plan:
    if (env is None) == (file is None):
        raise typer.BadParameter("give either --env, such as --env prod, or --plan")
    return Plan.read(read(file or plan_file(env or "")))


def _tell(calculated: Report) -> None:
    tables = (
        ("By event, without the month's own", calculated.events()),
        ("By worker", calculated.workers()),
        (f"The {DEAREST} dearest items", calculated.services()[:DEAREST]),
        ("What the levers would change, each alone", calculated.levers()),
    )
    for title, rows in tables:
        if rows:
            if not console.is_terminal:
                print(f"# {title}")
            print_rows(list(rows[0]), rows, title=title)
    console.print(f"Together ${calculated.total:,.2f} a month.")
    for note in _notes(calculated):
        console.print(note)


def _notes(calculated: Report) -> list[str]:
    prices, mix = calculated.prices, calculated.mix
    notes = [
        f"Prices: {prices.region}, read on {prices.read_on}, without free tiers and discounts.",
        f"Assumed where nothing else is said: {mix.batch_ms:g} ms a batch and {mix.record_ms:g} ms a record;",
        "every event passes the conditions on it; handlers write nothing but what the mix names.",
    ]
    if calculated.inventory.region not in ("", prices.region):
        notes.append(f"The plan is of {calculated.inventory.region}, whose prices differ.")
    if unverified := calculated.unverified():
        notes.append(f"Prices that could not be verified: {', '.join(unverified)}.")
    if calculated.inventory.unpriced:
        found = ", ".join(f"{count} {kind}" for kind, count in calculated.inventory.unpriced.items())
        notes.append(f"Not calculated: {found}.")
    return notes
