"""Where personal data rest, by contracts and declarations."""

from typing import Any

from fanout import Event, Personal
from fanout_tools.contracts.resting import Resting, resting
from fanout_tools.declarations.worker import Manifest

from ...fanout.conftest import ThingHappened


class Wrote(Event, source="test.resting", version=1):
    """Somebody wrote."""

    email: Personal[str]
    note: Personal[str]


def manifest(event: str, **more: Any) -> Manifest:
    declared = {"description": "Probe", "subscribes": [{"event": event}], **more}
    return Manifest.parse(declared, file="worker.yaml")


def test_each_worker_that_takes_a_personal_event_is_told_with_its_days() -> None:
    workers = {
        "mailer": manifest("test.resting/Wrote", queue={"retention_days": 2}, idempotency={"ttl_hours": 408}),
        "audit": manifest("*", via="bus", idempotency={"mode": "off"}),
        "other": manifest("test.things/ThingHappened"),
    }
    marked = ("email", "note")

    assert list(resting([Wrote, ThingHappened], workers)) == [
        Resting("test.resting/Wrote", marked, "mailer", 2, 14, 17.0),
        Resting("test.resting/Wrote", marked, "audit", 4, 14, None),
    ]


def test_an_event_that_nobody_takes_is_told_all_the_same() -> None:
    assert list(resting([Wrote], {})) == [Resting("test.resting/Wrote", ("email", "note"), None)]
