"""``fanout dev`` beside the deployment: the same events come to the same."""

from __future__ import annotations

from scripts.dev.compare import disagreements
from tests.integration.platform import Platform


def test_events_come_to_the_same_in_fanout_dev(platform: Platform) -> None:
    """GIVEN an event for each thing that can become of one WHEN they are published to the deployment, and to the bus of
    fanout dev THEN each worker has the same of them, and of what they caused, on both."""
    told = dict(disagreements(platform))
    assert len(told) == 7
    assert {name: why for name, why in told.items() if why} == {}
