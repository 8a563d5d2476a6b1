"""When the bench of canaries fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scripts.bench import canary, support

PAIR = {"emulator": "ministack", "when": "before", "event": "a/B", "worker": "w", "verdict": "ok"}
ROW = {"emulator": "ministack", "taken away": "rule r", "named": True, "s": 2.0, "what the canary said": "rule r"}


@pytest.mark.parametrize(
    ("rows", "pairs", "exit_code"),
    [
        ([ROW], [PAIR], 0),
        ([ROW, {**ROW, "named": False}], [PAIR], 1),
        ([ROW], [PAIR, {**PAIR, "when": "after", "verdict": "failed"}], 1),
    ],
)
def test_a_hop_that_is_not_named_fails(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    rows: list[dict[str, Any]],
    pairs: list[dict[str, Any]],
    exit_code: int,
) -> None:
    """GIVEN a sabotage that no canary named, or a pair that did not deliver WHEN reported THEN it fails; its figures
    are written all the same."""
    monkeypatch.setattr(support, "OUTPUT", tmp_path)

    assert canary.report(rows, pairs) == exit_code
    figures = json.loads((tmp_path / "canary.json").read_text())["figures"]
    assert figures["pairs"] == 1
    assert figures["sabotages"] == len(rows)
    assert figures["sabotages_named"] == sum(row["named"] for row in rows)
