"""Which time may be replayed, and by what it is known what was handled."""

from __future__ import annotations

from typing import Any

from fanout_tools.operate.actions.replay_span import FencedBy, Span, refusal
from tests.unit.fanout_tools.operate.conftest import deployment
from tests.unit.fanout_tools.operate.mortal import Deployment

DAY_S = 86_400


def test_what_the_worker_may_have_forgotten_is_refused() -> None:
    worker, now = Deployment().worker, 10**9
    remembered = now - worker.manifest.ttl_s

    def why(begin: float, end: float, **options: Any) -> str:
        return refusal(worker, Span(begin, end), now, **{"beyond_fence": False, **options})

    assert why(now - DAY_S, now - 3_600) == ""
    assert "10 min ago" in why(now - DAY_S, now - 60)
    assert "begins after its end" in why(now - 3_600, now - DAY_S)
    assert "second effect" in why(remembered - 1, now - DAY_S)
    assert why(remembered - 1, now - DAY_S, beyond_fence=True) == ""
    assert why(remembered - 1, now - DAY_S, fence=FencedBy.LOGS) == ""


def test_a_log_says_nothing_of_a_worker_with_keys_of_its_own() -> None:
    """GIVEN a worker whose key is of the data THEN its log, which has ids, cannot say what it has handled."""
    worker, long_ago = deployment("billing", idempotency={"key": ["order_id"]}).worker("billing"), Span(0, 1)

    assert "by order_id (idempotency.key)" in refusal(worker, long_ago, 10**9, beyond_fence=False, fence=FencedBy.LOGS)
    assert refusal(worker, long_ago, 10**9, beyond_fence=True, fence=FencedBy.LOGS) == ""


def test_a_worker_that_remembers_nothing_is_not_replayed_to_unasked() -> None:
    worker = Deployment(mode="off").worker

    assert "every event would have a second effect" in refusal(worker, Span(0, 1), 10**9, beyond_fence=False)
