"""An effect that is lost, doubled or nobody's does not escape the reconciliation."""

import pytest

from fanout.processing.settings import Settings
from scripts.chaos.reconciliation import TABLES, expected_effects, reconcile
from scripts.paths import REPOSITORY

WORKERS = REPOSITORY / "scripts" / "chaos" / "workers"
ORDERS = ["order-0", "order-1"]


def test_each_effect_once_is_sound() -> None:
    """GIVEN two orders WHEN each has its effect once THEN the reconciliation is sound."""
    assert reconcile("committer", ORDERS, {"order-0": 1, "order-1": 1}, dead=0).sound


@pytest.mark.parametrize(
    ("times", "wrong"),
    [
        ({"order-0": 1}, {"lost": ["order-1"]}),
        ({"order-0": 1, "order-1": 0}, {"lost": ["order-1"]}),
        ({"order-0": 1, "order-1": 2}, {"doubled": ["order-1"]}),
        ({"order-0": 1, "order-1": 1, "order-2": 1}, {"strange": ["order-2"]}),
    ],
)
def test_what_is_wrong_is_named(times: dict[str, int], wrong: dict[str, list[str]]) -> None:
    """GIVEN effects that are not as they should be WHEN reconciled THEN the effect is named and the row counts it."""
    reconciliation = reconcile("committer", ORDERS, times, dead=0)

    [(what, effects)] = wrong.items()
    assert not reconciliation.sound
    assert getattr(reconciliation, what) == effects
    assert reconciliation.row()[what] == 1


def test_a_dead_letter_is_not_sound() -> None:
    """GIVEN all effects WHEN a message is in the DLQ all the same THEN that is not sound."""
    assert not reconcile("committer", ORDERS, {"order-0": 1, "order-1": 1}, dead=1).sound


def test_the_issuers_invoices_are_effects_too() -> None:
    """GIVEN the worker that publishes with its effect WHEN reconciled THEN what comes back to it is expected."""
    assert expected_effects("issuer", ["order-0"]) == {"order-0", "inv-order-0"}


def test_all_three_modes_are_tried() -> None:
    """GIVEN the workers of the run WHEN their declarations are read THEN each has the mode that its row names, and all
    three modes are there."""
    declared = {worker: Settings.read(WORKERS / worker / "worker.yaml").idempotency for worker in TABLES}

    assert declared == {worker: mode for worker, (_, mode, _) in TABLES.items()}
    assert set(declared.values()) == {"strict", "claim", "off"}
