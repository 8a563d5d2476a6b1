"""A doctor has a finding for each check, and a fix for each that is not well."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fanout_tools.operate.sources.depths import Depth
from fanout_tools.operate.sources.functions import Mapped
from fanout_tools.operate.topology import Topology
from fanout_tools.operate.views.health import State, Symptoms, examine
from tests.unit.fanout_tools.operate.conftest import deployment

NOW = 1_800_000_000.0
DAY = 86_400.0


def well(topology: Topology) -> Symptoms:
    """Nothing is wrong."""
    places = topology.workers.values()
    return Symptoms(
        caller="arn:aws:sts::1:assumed-role/observer/ann",
        skew_s=0.2,
        now=NOW,
        depths={url: Depth() for it in places for url in (it.queue_url, it.dead_letter_queue_url)},
        mapped={it.name: Mapped("Enabled", NOW) for it in places},
        ages_s={},
        leftovers=[],
        subscribers=1,
        runtimes={it.name: "python3.13" for it in places},
        built_for="python3.13",
    )


def test_a_healthy_deployment_is_told_so_by_every_check() -> None:
    topology = deployment("billing", "audit")
    found = examine(topology, well(topology))

    assert {it.state for it in found} == {State.WELL}
    assert len({it.check for it in found}) == len(found) == 9


BILLING = deployment("billing")
CLAIMING = deployment("billing", idempotency={"mode": "claim"})
PLACE = BILLING.worker("billing")


@pytest.mark.parametrize(
    ("topology", "symptom", "state", "said"),
    [
        (BILLING, {"caller": None}, State.ILL, "AWS does not know who asks"),
        (BILLING, {"skew_s": 30.0}, State.WARNING, "this machine's clock is +30 s off"),
        (BILLING, {"skew_s": -400.0}, State.ILL, "this machine's clock is -400 s off"),
        (BILLING, {"skew_s": None}, State.UNKNOWN, "no answer of AWS tells its time"),
        (BILLING, {"depths": {PLACE.queue_url: None}}, State.ILL, "billing is declared, but has no queue"),
        (BILLING, {"mapped": {"billing": None}}, State.ILL, "nobody takes from billing's queue"),
        (BILLING, {"mapped": {"billing": Mapped("Disabled", NOW - 2 * DAY)}}, State.ILL, "is paused for 2.0 days"),
        (BILLING, {"mapped": {"billing": Mapped("Disabled", None)}}, State.WARNING, "nobody knows since when"),
        (BILLING, {"ages_s": {PLACE.queue: 3.5 * DAY}}, State.ILL, "the oldest of shop-prod-billing in 12 h"),
        (BILLING, {"ages_s": {PLACE.dead_letter_queue: 13 * DAY}}, State.ILL, "shop-prod-billing-dlq in 24 h"),
        (BILLING, {"ages_s": None}, State.UNKNOWN, "an emulator does not tell the age"),
        (
            CLAIMING,
            {"depths": {PLACE.dead_letter_queue_url: Depth(3), PLACE.queue_url: Depth()}},
            State.WARNING,
            "3 dead",
        ),
        (BILLING, {"leftovers": ["queue shop-prod-tail-1"]}, State.WARNING, "queue shop-prod-tail-1 is left"),
        (BILLING, {"leftovers": None}, State.UNKNOWN, "queues and rules cannot be listed"),
        (BILLING, {"subscribers": 0, "unconfirmed": 2}, State.ILL, "no subscriber; 2 addresses have not confirmed"),
        (BILLING, {"subscribers": None}, State.UNKNOWN, "topic shop-prod-alarms cannot be read"),
        (BILLING, {"runtimes": {"billing": "python3.12"}}, State.WARNING, "billing runs python3.12"),
    ],
)
def test_each_illness_is_found_alone(topology: Topology, symptom: dict[str, Any], state: State, said: str) -> None:
    """GIVEN one thing wrong WHEN examined THEN it is the one finding, with a fix unless nothing is known."""
    found = [it for it in examine(topology, replace(well(topology), **symptom)) if it.state is not State.WELL]

    [finding] = found
    assert (finding.state, said in finding.said) == (state, True), finding
    assert bool(finding.fix) == (state is not State.UNKNOWN)


def test_a_worker_that_was_paused_an_hour_ago_is_well() -> None:
    seen = replace(well(BILLING), mapped={"billing": Mapped("Disabled", NOW - 3600)})
    assert {it.state for it in examine(BILLING, seen)} == {State.WELL}
