"""An environment on a bus that was there before it, and that other teams use."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import EMULATOR
from tests.integration.pair import EVENT, NAME, NAMESPACE, Pair, written
from tests.integration.platform import eventually

SHARED = "shared-events"
OTHERS = "unmatched"
"""A rule of another team, which has the name that a rule of ours has on a bus of its own."""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with written(tmp_path_factory.mktemp("existing") / NAME) as found:
        yield found


def _settings(pair: Pair) -> Path:
    return pair.root / "terraform" / "environments" / "local" / "terraform.tfvars"


def _rules(pair: Pair, bus: str) -> list[str]:
    """But for EventBridge's own, by which an archive is filled."""
    names = [it["Name"] for it in pair.client("events").list_rules(EventBusName=bus)["Rules"]]
    return [it for it in names if not it.startswith("Events-Archive-")]


def _put(pair: Pair, bus: str, event: str) -> None:
    source, _, name = event.partition("/")
    entry = {"EventBusName": bus, "Source": source, "DetailType": name, "Detail": "{}"}
    assert pair.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0


def _unmatched(pair: Pair) -> list[Any]:
    """The names of what is in the queue, which stays there."""
    messages = pair.client("sqs").receive_message(
        QueueUrl=pair.url("unmatched"), MaxNumberOfMessages=10, VisibilityTimeout=0
    )
    return [json.loads(it["Body"])["detail-type"] for it in messages.get("Messages", ())]


def _fates(pair: Pair, event_id: str) -> dict[str, int]:
    """How many workers have come so far with the event, as ``fanout trace`` says."""
    _, said = pair.attempt("trace", event_id, "--namespace", NAMESPACE, "--json")
    counts: dict[str, int] = json.loads(said)["counts"] if said.startswith("{") else {}
    return {fate: count for fate, count in counts.items() if count}


@pytest.mark.parametrize("bus", [SHARED, "default"])
def test_an_environment_uses_a_bus_that_is_there_and_leaves_it_there(pair: Pair, bus: str) -> None:
    """GIVEN a bus with another team's rule WHEN an environment names it and is deployed THEN canaries and an event come
    to both workers by it, and of what is unmatched only its own is kept; WHEN it is destroyed THEN both stay."""
    events = pair.client("events")
    if bus == SHARED:
        events.create_event_bus(Name=SHARED)
    events.put_rule(Name=OTHERS, EventBusName=bus, EventPattern='{"source": ["other.team"]}')
    _settings(pair).write_text(f'event_bus_name = "{bus}"\n', encoding="utf-8")

    pair.deploy()  # with a canary for each pair of event and worker

    assert NAMESPACE not in [it["Name"] for it in events.list_event_buses()["EventBuses"]]
    assert set(_rules(pair, bus)) - {OTHERS} == {it for it in _rules(pair, bus) if it.startswith(f"{NAMESPACE}-")}
    event_id = pair.publish(1)
    eventually(lambda: _fates(pair, event_id), lambda it: it == {"handled": 2}, "both workers have handled it")
    _put(pair, bus, "other.team/Moved")
    _put(pair, bus, f"{EVENT}d")
    eventually(lambda: _unmatched(pair), bool, "the misspelt event is kept")
    assert _unmatched(pair) == ["OrderPlacedd"]

    pair.fanout("destroy", "local", "--emulator", EMULATOR)

    assert _rules(pair, bus) == [OTHERS]
    assert events.describe_event_bus(Name=bus)["Name"] == bus
    assert pair.left() == {"queues": [], "functions": [], "buses": [], "roles": []}
