"""A replay to all workers: whom it reaches, when it is refused, and how it ends."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError

from fanout_tools.declarations.naming import Names
from fanout_tools.declarations.worker import Manifest
from fanout_tools.operate.actions.replay import POLL_S, ReplayError, start
from fanout_tools.operate.actions.replay_all import Reach, ReplayAll
from fanout_tools.operate.actions.replay_span import Span
from fanout_tools.operate.journal import HELD_S, Head, Status
from fanout_tools.operate.topology import Place, Topology
from tests.unit.fanout_tools.operate.mortal import Deployment, Mortal

DAY_S = 86_400
NOW = 1_000 * DAY_S
WORKERS = {
    "audit": "{ subscribes: [{ event: '*' }], via: bus }",
    "billing": "{ subscribes: [{ event: shop.orders/OrderPlaced }] }",
    "loyalty": "{ subscribes: [{ event: shop.billing/InvoiceIssued }, { event: shop.orders/OrderPlaced }] }",
}
FORGETFUL = "{ subscribes: [{ event: shop.orders/OrderPlaced }], idempotency: { mode: off } }"


class Events:
    """EventBridge, whose replay goes through these states."""

    def __init__(self, *states: dict[str, str]) -> None:
        self.states = list(states)
        self.started: list[dict[str, Any]] = []
        self.cancelled: list[str] = []

    def start_replay(self, **request: Any) -> None:
        if self.started:
            raise ClientError({"Error": {"Code": "ResourceAlreadyExistsException"}}, "StartReplay")
        self.started.append(request)

    def describe_replay(self, ReplayName: str) -> dict[str, str]:  # noqa: N803
        assert ReplayName == self.started[0]["ReplayName"]
        return self.states.pop(0)

    def cancel_replay(self, ReplayName: str) -> None:  # noqa: N803
        self.cancelled.append(ReplayName)
        if not self.started:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "CancelReplay")


def topology(**more: str) -> Topology:
    manifests = {name: Manifest.model_validate(_yaml(text)) for name, text in {**WORKERS, **more}.items()}
    return Topology.made(manifests, Names("fanout-x"), Place("000000000000", "us-east-1"))


def _yaml(text: str) -> Any:
    return {"description": "A worker of these tests", **yaml.safe_load(text.replace("off", "'off'"))}


def replay(deployment: Deployment, events: Any, **more: str) -> ReplayAll:
    clock = deployment.clock
    journal = deployment.journal(Mortal(), "first")
    return ReplayAll(topology(**more), events, journal, clock=clock.time, sleep=clock.sleep)


def head(reach: Reach) -> Head:
    plan = {"begin": 0.0, "end": 1.0, **reach.to_json()}
    return Head(operation="op-1", kind="replay-all", worker="*", why="a test", started_at="", plan=plan)


def test_it_reaches_every_worker_by_the_rules_that_feed_them_and_no_other() -> None:
    reach = replay(Deployment(), Events()).reach()
    assert reach.workers == ("audit", "billing", "loyalty")
    assert reach.rules == (Names("x").worker_rule("audit", "*"), "topic-shop-billing", "topic-shop-orders")


@pytest.mark.parametrize(
    ("more", "begin", "beyond_fence", "refusals"),
    [
        ({}, NOW - DAY_S, False, 0),
        ({}, NOW - 365 * DAY_S, False, 3),
        ({}, NOW - 365 * DAY_S, True, 0),
        ({"forgetful": FORGETFUL}, NOW - DAY_S, False, 1),
        ({}, NOW, True, 1),
    ],
)
def test_what_a_worker_would_do_twice_is_refused(
    more: dict[str, str], begin: float, beyond_fence: bool, refusals: int
) -> None:
    """GIVEN a time WHEN one worker has forgotten it, or remembers nothing THEN its reason is told; what all have in
    common, as a time that ends before it begins, is told once."""
    deployment = Deployment()
    deployment.clock.now = NOW
    found = replay(deployment, Events(), **more).refusals(Span(begin, NOW - 3_600), beyond_fence=beyond_fence)
    assert len(found) == refusals


def test_it_ends_when_eventbridge_has() -> None:
    events, deployment = Events({"State": "STARTING"}, {"State": "RUNNING"}, {"State": "COMPLETED"}), Deployment()
    work = replay(deployment, events)
    before = deployment.clock.time()
    work.run(head(work.reach()))

    [request] = events.started
    assert request["ReplayName"] == "fanout-x-replay-op-1"
    assert request["Destination"]["FilterArns"] == [
        f"arn:aws:events:us-east-1:000000000000:rule/fanout-x/{rule}" for rule in work.reach().rules
    ]
    assert deployment.clock.time() - before >= 2 * POLL_S
    assert work.journal.read("op-1").head.status is Status.FINISHED
    assert events.cancelled == []


def test_on_a_bus_of_others_it_reads_the_own_archive_and_reaches_the_own_rules() -> None:
    events = Events()
    there = dataclasses.replace(topology(), names=Names("fanout-x", "default"))
    work = replay(Deployment(), events)

    start(events, there, "one", head(work.reach()), ["fanout-x-topic-shop-orders"])

    [request] = events.started
    assert request["EventSourceArn"] == "arn:aws:events:us-east-1:000000000000:archive/fanout-x"
    assert request["Destination"] == {
        "Arn": "arn:aws:events:us-east-1:000000000000:event-bus/default",
        "FilterArns": ["arn:aws:events:us-east-1:000000000000:rule/fanout-x-topic-shop-orders"],
    }


@pytest.mark.parametrize("state", ["FAILED", "CANCELLED"])
def test_what_eventbridge_does_not_complete_is_an_error(state: str) -> None:
    work = replay(Deployment(), Events({"State": state, "StateReason": "the archive is disabled"}))
    with pytest.raises(ReplayError, match=f"{state.lower()}: the archive is disabled"):
        work.run(head(work.reach()))
    assert work.journal.read("op-1").head.status is Status.STOPPED


@pytest.mark.parametrize("begun", [False, True], ids=["before", "after"])
def test_a_process_that_dies_leaves_a_replay_that_can_be_waited_for(begun: bool) -> None:
    """GIVEN a laptop that died before, or after, EventBridge had begun WHEN the operation is carried on THEN it has
    begun once, and its end is written down."""
    events, deployment = Events({"State": "RUNNING"}, {"State": "COMPLETED"}), Deployment()
    work = replay(deployment, events)
    work.journal.open(head(work.reach()))
    if begun:
        work.events.start_replay(ReplayName="fanout-x-replay-op-1")
    deployment.clock.advance(HELD_S + 1)

    other = dataclasses.replace(work, journal=deployment.journal(Mortal(), "second"))
    assert other.resume(head(work.reach())).whole
    assert len(events.started) == 1
    assert work.journal.read("op-1").head.status is Status.FINISHED


def test_what_was_cancelled_is_not_begun_again() -> None:
    events = Events({"State": "CANCELLED"})
    work = replay(Deployment(), events)
    work.journal.open(head(work.reach()))
    events.start_replay(ReplayName="fanout-x-replay-op-1")

    with pytest.raises(ReplayError, match="begin a new one with `fanout replay --all`"):
        work.resume(head(work.reach()))


def test_who_breaks_off_cancels_it() -> None:
    class Interrupted(Events):
        def describe_replay(self, ReplayName: str) -> dict[str, str]:  # noqa: N803
            raise KeyboardInterrupt

    events = Interrupted()
    work = replay(Deployment(), events)
    with pytest.raises(KeyboardInterrupt):
        work.run(head(work.reach()))
    assert events.cancelled == ["fanout-x-replay-op-1"]
    assert work.journal.read("op-1").head.status is Status.STOPPED


def test_what_could_not_begin_leaves_its_own_error() -> None:
    class Refusing(Events):
        def start_replay(self, **_: Any) -> None:
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "StartReplay")

    work = replay(Deployment(), Refusing())
    with pytest.raises(ClientError, match="AccessDenied"):
        work.run(head(work.reach()))
    assert work.journal.read("op-1").head.status is Status.STOPPED
