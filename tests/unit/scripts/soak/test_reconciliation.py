"""What a soak says of its requests."""

import pytest

from scripts.soak.reconciliation import Outcome, Reconciliation, Samples
from scripts.soak.traffic import KINDS


def outcome(problem: str = "", *, started: float = 0.0, ended: float = 1.0, name: str = "a") -> Outcome:
    return Outcome("post", name, started, ended, problem)


@pytest.mark.parametrize(
    ("problem", "kills", "unexplained"),
    [
        ("", [], 0),
        ("status 502", [0.5], 0),
        ("cut off", [0.1, 1.0, 7.0], 0),
        ("status 502", [], 1),
        ("status 502", [-0.1], 0),
        ("status 502", [-0.3, 1.1], 1),
        ("status 503", [0.5], 1),
        ("3 bytes that are not the 5 expected", [0.5], 1),
        ("no answer in 60 s", [0.5], 1),
    ],
)
def test_a_failure_is_explained_by_a_kill_meanwhile_and_by_nothing_else(
    problem: str, kills: list[float], unexplained: int
) -> None:
    reconciliation = Reconciliation([outcome(problem)], kills, ["a"])
    assert len(reconciliation.unexplained) == unexplained
    (row,) = reconciliation.rows()
    assert row["unexplained"] == unexplained
    assert row["lost to kills"] == bool(problem) - unexplained


def test_posts_are_held_against_the_journal() -> None:
    outcomes = [outcome(name="once"), outcome(name="twice"), outcome(name="never"), outcome("cut off", name="failed")]
    reconciliation = Reconciliation(outcomes, [0.5], ["once", "twice", "twice"])
    assert reconciliation.doubled == ["twice"]
    assert reconciliation.lost == ["never"]


def test_growth_is_from_warm_to_the_end() -> None:
    start, warm = [10.0] * 25, [50.0] * 65
    assert Samples(start + warm + [80.0] * 10).growth() == (50.0, 80.0)
    assert Samples([1.0, 2.0]).growth() == (0.0, 0.0)


def test_the_shares_are_of_a_thousand() -> None:
    assert sum(kind.share for kind in KINDS) == 1_000
