"""The run: fill the shelf, send, wait until the queues are quiet, reconcile."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from contracts.orders import OrderPlaced
from fanout import aws
from fanout.errors import EventError
from fanout.publish import Publisher
from fanout_tools.cli.deployment import Deployment, DeploymentError
from fanout_tools.cli.options import DEFAULT_NAMESPACE, Namespace, Services
from fanout_tools.cli.output import console, print_rows
from fanout_tools.declarations.naming import Names
from fanout_tools.declarations.worker import load_all
from scripts.demo import cdnow, shelf
from scripts.demo.reconcile import Check, checks, count_checks, dead_letters, thumbnail_sizes
from scripts.demo.scenario import REJECTS, Scenario

__all__ = ["command"]

ORDERS = Path("data/cdnow_orders.txt")
PHOTOGRAPH = Path("data/grace_hopper.jpg")
QUIET_LOOKS = 3
"""Looks in a row that find the queues empty, before they count as quiet: an event may be between two queues."""
LOOK_EVERY_S = 0.5
LOGS_LATE_S = 60.0
"""CloudWatch Logs says nothing of how long a line takes to be found; seconds, as a rule."""


def command(
    *,
    orders: Annotated[int, typer.Option(envvar="ORDERS", help="How many of the file's 6,919 orders to send.")] = 500,
    patience: Annotated[float, typer.Option(help="Seconds without any progress after which to give up.")] = 300,
    namespace: Namespace = DEFAULT_NAMESPACE,
    services: Services,
) -> None:
    """Send real orders, with duplicates, broken ones and rejects among them, and reconcile what the workers made of
    them. The exit status is 1 when anything does not reconcile."""
    scenario = Scenario.new(cdnow.read(ORDERS, orders))
    deployment = Deployment(Names(namespace), load_all(services))
    deployment.depths()  # says what is missing before anything is sent
    console.print(f"run {scenario.run}: {orders} orders, {scenario.duplicates} of them twice, {REJECTS} in euros")
    shelf.fill(deployment.names.table("stock"))
    _show_refusals(scenario)
    started_ms, began = int(time.time() * 1000), time.monotonic()
    _send(scenario, deployment)
    counts = _wait(scenario, deployment, started_ms, patience)
    elapsed = time.monotonic() - began
    letters = dead_letters(scenario, deployment, "billing", REJECTS)
    results = list(checks(scenario, deployment, counts, letters))
    _report(scenario, deployment, counts, letters, results, elapsed)
    if not all(check.holds for check in results):
        raise typer.Exit(1)


def _show_refusals(scenario: Scenario) -> None:
    """Try to publish what breaks the contract.

    :raises DeploymentError: the contract took one.
    """
    for name, data in scenario.broken():
        try:
            OrderPlaced.from_input(data)
        except EventError as error:
            console.print(f"refused, {name}: {error}")
        else:
            raise DeploymentError(f"{name} was not refused by the contract")


def _send(scenario: Scenario, deployment: Deployment) -> None:
    aws.client("s3").put_object(
        Bucket=deployment.bucket("uploads"), Key=scenario.photograph, Body=PHOTOGRAPH.read_bytes()
    )
    publisher = Publisher(aws.client("events"), deployment.names.bus)
    events = [*scenario.orders(), *scenario.rejects()]
    with _progress() as progress:
        task = progress.add_task("published", total=len(events))
        for receipt in publisher.publish_all(events):
            if not receipt.accepted:
                raise DeploymentError(f"{receipt.envelope.metadata.event_id}: {receipt.error}")
            progress.advance(task)


def _wait(scenario: Scenario, deployment: Deployment, started_ms: int, patience: float) -> dict[str, Counter[str]]:
    """The counts, once the queues are quiet."""
    quiet, waited_since, last = 0, time.monotonic(), None
    most = scenario.events * len(deployment.manifests)
    with _progress() as progress:
        task = progress.add_task("in the queues", total=None)
        while quiet < QUIET_LOOKS:
            depths = deployment.depths()
            left = sum(depth.waiting + depth.in_flight for depth in depths.values())
            progress.update(task, completed=left, total=most)
            quiet = quiet + 1 if left == 0 else 0
            if depths != last:
                last, waited_since = depths, time.monotonic()
            elif left and time.monotonic() - waited_since > patience:
                console.print(f"gave up: no queue moved for {patience:.0f} s")
                break
            time.sleep(LOOK_EVERY_S)
    return _counts(scenario, deployment, started_ms)


def _counts(scenario: Scenario, deployment: Deployment, started_ms: int) -> dict[str, Counter[str]]:
    """What the logs tell: they may be behind the queues, and get ``LOGS_LATE_S`` to tell all."""
    until = time.monotonic() + LOGS_LATE_S
    while True:
        counts = deployment.counts(started_ms)
        if all(check.holds for check in count_checks(scenario, counts)) or time.monotonic() > until:
            return counts
        time.sleep(LOOK_EVERY_S)


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )


def _report(
    scenario: Scenario,
    deployment: Deployment,
    counts: Mapping[str, Counter[str]],
    letters: Sequence[Mapping[str, str]],
    results: Sequence[Check],
    elapsed: float,
) -> None:
    print_rows(
        ["worker", "received", "handled", "duplicates", "retried", "rejected", "in DLQ"],
        _worker_rows(deployment, counts),
        title="Workers",
    )
    for letter in letters:
        console.print(f"in billing's DLQ: {letter.get('event_id')}: {letter.get('error_message')}")
    for name, (width, height) in sorted(thumbnail_sizes(scenario, deployment).items()):
        console.print(f"thumbnail {name}: {width} x {height}")
    deliveries = sum(count["received"] for count in counts.values())
    console.print(
        f"{scenario.events} events published, {deliveries} deliveries handled in {elapsed:.1f} s: "
        f"{scenario.events / elapsed:.0f} events/s, {deliveries / elapsed:.0f} deliveries/s"
    )
    print_rows(
        ["check", "expected", "found", "holds"],
        (
            {"check": c.what, "expected": str(c.expected), "found": str(c.found), "holds": "yes" if c.holds else "NO"}
            for c in results
        ),
        title="Reconciliation",
    )
    failed = [check for check in results if not check.holds]
    for check in failed:
        print(f"does not reconcile: {check.what}: expected {check.expected}, found {check.found}", file=sys.stderr)
    if not failed:
        console.print(
            f"reconciled: {len(results)} checks hold; the ledger has {scenario.total:,.2f} dollars, "
            f"{scenario.pieces:,} CDs, {scenario.customers:,} customers"
        )


def _worker_rows(deployment: Deployment, counts: Mapping[str, Counter[str]]) -> Iterator[dict[str, Any]]:
    depths = deployment.depths()
    for worker, count in counts.items():
        yield {
            "worker": worker,
            **{name: count[name] for name in ("received", "handled", "duplicates", "retried", "rejected")},
            "in DLQ": depths[worker].dead,
        }
