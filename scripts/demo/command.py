"""The run: fill the shelf, follow one order, send the others, wait until the queues are quiet, reconcile."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from contracts.orders import OrderPlaced
from fanout import aws
from fanout.errors import EventError
from fanout.events.envelope import Envelope
from fanout.publish import Publisher
from fanout_tools.cli.deployment import Deployment, DeploymentError, Depth
from fanout_tools.cli.endpoint import reach
from fanout_tools.cli.options import LOCAL, Env, Namespace, Services
from fanout_tools.declarations.worker import load_all
from scripts.demo import cdnow, counts, follow, readiness, report, shelf
from scripts.demo.patience import Movement, StuckError, ask
from scripts.demo.reconcile import Check, dead_letters, effects
from scripts.demo.scenario import REJECTS, Scenario

__all__ = ["command", "wait_until_quiet"]

ORDERS = Path("data/cdnow_orders.txt")
PHOTOGRAPH = Path("data/grace_hopper.jpg")
AT_ONCE = 100
"""Events that are published between two words to whoever waits."""
QUIET_LOOKS = 3
"""Looks in a row that find the queues empty, before they count as quiet: an event may be between two queues."""
LOOK_EVERY_S = 0.5
SETTLE_S = 30.0
"""How long effects may lag behind quiet queues: an event may be on its way between two of them for longer."""
LOGS_LATE_S = 10.0
"""How long the logs may take to tell of all deliveries; nothing depends on them."""

say = report.say


def command(
    *,
    orders: Annotated[int, typer.Option(envvar="ORDERS", help="How many of the file's 6,919 orders to send.")] = 500,
    env: Env = LOCAL,
    namespace: Namespace = None,
    services: Services,
) -> None:
    """Send real orders, with duplicates, broken ones and rejects among them, and reconcile what the workers made of
    them. The exit status is 1 when anything does not reconcile, or when the run cannot succeed; then it says why."""
    scenario = Scenario.new(cdnow.read(ORDERS, orders))
    deployment = Deployment(reach(env, namespace), load_all(services))
    before = ask(deployment.depths)  # says what is missing before anything is sent
    say(f"functions   {readiness.start_all(deployment)} of {len(deployment.manifests)} answer")
    ask(lambda: shelf.fill(deployment.names.table("stock")))
    say(f"orders      {orders:,}, {scenario.duplicates} of them twice, {REJECTS} in euros, run {scenario.run}")
    _show_refusals(scenario)
    started_ms, began = int(time.time() * 1000), time.monotonic()
    publisher = Publisher(aws.client("events"), deployment.names.bus)
    _follow(scenario, deployment, publisher)
    _send(scenario, deployment, publisher)
    wait_until_quiet(scenario, deployment, before)
    elapsed = time.monotonic() - began
    letters, results = _settle(scenario, deployment)
    told = _counts(scenario, deployment, started_ms)
    report.tables(scenario, deployment, told, letters, results, elapsed)
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
            say(f"refused     {name}: {str(error).splitlines()[0]}")
        else:
            raise DeploymentError(f"{name} was not refused by the contract")


def _follow(scenario: Scenario, deployment: Deployment, publisher: Publisher) -> None:
    """Publish one order and tell what each worker makes of it, as it happens."""
    envelope = scenario.first()
    purchase = scenario.purchases[scenario.followed]
    say(f"one order   {envelope.metadata.event_id}, {purchase.amount} dollars: published as {envelope.identifier}")
    looks = follow.looks(scenario, deployment)
    _publish(publisher, [envelope])
    for seconds, worker, text in follow.follow(looks):
        say(f"  {seconds:6.2f} s  {worker:14} {text}")


def _publish(publisher: Publisher, envelopes: Sequence[Envelope]) -> None:
    for receipt in ask(lambda: list(publisher.publish_all(envelopes))):
        if not receipt.accepted:
            raise DeploymentError(f"{receipt.envelope.metadata.event_id}: {receipt.error}")


def _send(scenario: Scenario, deployment: Deployment, publisher: Publisher) -> None:
    photograph, key = PHOTOGRAPH.read_bytes(), scenario.photograph
    ask(lambda: aws.client("s3").put_object(Bucket=deployment.bucket("uploads"), Key=key, Body=photograph))
    events = [*scenario.orders(), *scenario.rejects()]
    began = time.monotonic()
    for start in range(0, len(events), AT_ONCE):
        _publish(publisher, events[start : start + AT_ONCE])
    say(f"published   {len(events):,} more events and a photograph in {time.monotonic() - began:.1f} s")


def wait_until_quiet(
    scenario: Scenario,
    deployment: Deployment,
    before: Mapping[str, Depth],
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Return once the queues are quiet.

    :raises StuckError: they will never be, or what nobody rejected is in a DLQ.
    """
    movement = Movement({name: manifest.visibility_s for name, manifest in deployment.manifests.items()})
    quiet, due = 0, report.Due()
    while quiet < QUIET_LOOKS:
        depths = ask(deployment.depths)
        _check_dead(scenario, deployment, before, depths)
        if note := movement.look(depths):
            say(f"waiting     {note}")
        left = {worker: depth.waiting + depth.in_flight for worker, depth in depths.items() if not depth.quiet}
        quiet = 0 if left else quiet + 1
        if left and due.now():
            say(f"in queues   {', '.join(f'{worker} {number}' for worker, number in left.items())}")
        sleep(LOOK_EVERY_S)


def _check_dead(
    scenario: Scenario, deployment: Deployment, before: Mapping[str, Depth], now: Mapping[str, Depth]
) -> None:
    """:raises StuckError: an order that nobody rejects is in a DLQ."""
    rejects = {"billing": REJECTS}
    fuller = [worker for worker in now if now[worker].dead > before[worker].dead + rejects.get(worker, 0)]
    for letter in _letters(scenario, deployment, fuller):
        if letter.get("event_id") not in scenario.reject_ids:
            raise StuckError(
                f"{letter.get('worker')}'s DLQ is filling: {letter.get('event_id')}: {letter.get('error_type')}: "
                f"{letter.get('error_message')}; fix the worker, then `make demo` again"
            )


def _letters(scenario: Scenario, deployment: Deployment, workers: Iterable[str]) -> list[dict[str, str]]:
    return [letter for worker in workers for letter in ask(partial(dead_letters, scenario, deployment, [worker]))]


def _settle(scenario: Scenario, deployment: Deployment) -> tuple[list[dict[str, str]], list[Check]]:
    """The run's dead letters and every check, once all hold or ``SETTLE_S`` have passed."""
    until = time.monotonic() + SETTLE_S
    while True:
        depths = ask(deployment.depths)
        letters = _letters(scenario, deployment, [worker for worker, depth in depths.items() if depth.dead])
        checks = effects(scenario, deployment, letters)
        results = []
        while (check := ask(lambda: next(checks, None))) is not None:  # noqa: B023 - called at once
            results.append(check)
        if all(check.holds for check in results) or time.monotonic() > until:
            return letters, results
        time.sleep(LOOK_EVERY_S)


def _counts(scenario: Scenario, deployment: Deployment, started_ms: int) -> dict[str, Counter[str]]:
    """What the logs tell, which may be behind the queues."""
    until = time.monotonic() + LOGS_LATE_S
    while True:
        told = ask(lambda: deployment.counts(started_ms))
        if counts.complete(scenario, told) or time.monotonic() > until:
            return told
        time.sleep(LOOK_EVERY_S)
