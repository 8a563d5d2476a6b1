"""Each sabotage takes one hop away, and puts it back as it was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from fanout_tools.canary.faults import Hop
from fanout_tools.canary.hops import fault, missing_grant
from fanout_tools.canary.planning import Canary, plan
from scripts.canary.sabotages import grants, sabotages
from tests.unit.fanout_tools.canary.conftest import MANIFESTS, Stage, stage

__all__ = ["stage"]

OF_MOTO = (Hop.RULE, Hop.TARGET, Hop.FORWARD_RULE, Hop.FORWARD_TARGET, Hop.SUBSCRIPTION, Hop.FILTER)
"""Mappings and functions are tried on the emulators: see scripts/bench/canary.py."""


def canaries(stage: Stage) -> Iterator[Canary]:
    now = datetime.now(UTC)
    found = plan(stage.declared, "0a1b", now, now, lambda bucket: stage.names.bucket(bucket, stage.deployed.account))
    yield from (it for it in found if isinstance(it, Canary))


def test_every_hop_of_every_worker_is_sabotaged(stage: Stage) -> None:
    """GIVEN a worker behind a topic and one of S3's events WHEN listed THEN each rule, target, subscription, filter,
    mapping and function is there."""
    found = Counter((it.hop, *it.workers) for it in sabotages(stage.deployed, MANIFESTS))

    once = [(hop, "billing") for hop in (Hop.RULE, Hop.TARGET, Hop.SUBSCRIPTION, Hop.FILTER, Hop.FUNCTION)]
    once += [(hop, "thumbs") for hop in (Hop.FORWARD_RULE, Hop.FORWARD_TARGET, Hop.RULE, Hop.TARGET, Hop.FILTER)]
    assert found == {
        **dict.fromkeys(once, 1),
        (Hop.FUNCTION, "thumbs"): 1,
        (Hop.MAPPING, "billing"): 2,  # deleted, and disabled
        (Hop.MAPPING, "thumbs"): 2,
    }


@pytest.mark.parametrize("hop", OF_MOTO)
def test_what_is_taken_away_is_put_back(stage: Stage, hop: Hop) -> None:
    """GIVEN a sabotage WHEN it is done THEN the way's fault is that hop, and afterwards there is none."""
    tried = [it for it in sabotages(stage.deployed, MANIFESTS) if it.hop is hop]
    assert tried
    for sabotage in tried:
        with sabotage.done:
            found = [fault(stage.deployed, MANIFESTS[it.pair.worker], it) for it in canaries(stage)]
            assert {(it.hop, it.name) for it in found if it is not None} == {(sabotage.hop, sabotage.name)}
        assert [fault(stage.deployed, MANIFESTS[it.pair.worker], it) for it in canaries(stage)] == [None, None]


def test_each_grant_is_taken_away_and_put_back(stage: Stage) -> None:
    """GIVEN a topic and two queues WHEN the grant of each is taken away THEN it is the one that is missing, and
    afterwards none is."""

    def missing() -> list[tuple[str, str]]:
        found = [missing_grant(stage.deployed, MANIFESTS[it.pair.worker], it) for it in canaries(stage)]
        return [(it.hop, it.name) for it in found if it is not None]

    tried = list(grants(stage.deployed, MANIFESTS))

    assert [(it.hop, it.name) for it in tried] == [
        (Hop.QUEUE, "fanout-test-billing"),
        (Hop.QUEUE, "fanout-test-thumbs"),
        (Hop.TOPIC, "fanout-test-shop-orders"),
    ]
    for sabotage in tried:
        with sabotage.done:
            assert missing() == [(sabotage.hop, sabotage.name)]
        assert missing() == []
