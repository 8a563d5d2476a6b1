"""The bench counts what a broken operation loses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from fanout_tools.operate.actions.drop import Drop
from fanout_tools.operate.dead_letters import DeadLetter
from scripts.bench.kills import kill_all


def test_what_is_killed_anywhere_and_resumed_loses_nothing() -> None:
    tally = kill_all()

    assert tally.kills == 2 * tally.kill_steps > 200
    assert (tally.lost, tally.doubled) == (0, 0)


def test_a_drop_that_keeps_no_copy_is_counted_as_a_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    from fanout_tools.operate.actions.carrying import Carried

    def carry(_: Any, __: str, ___: int, letters: Sequence[DeadLetter]) -> Carried:
        return Carried(letters, {})

    monkeypatch.setattr(Drop, "carry", carry)
    assert kill_all().lost > 0
