from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from localstack.services.events import utils
from localstack.services.events.archive import ArchiveService

from fanout_localstack.fixes import events_replay

NOON = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ArchiveService, "_normalize_datetime", ArchiveService._normalize_datetime)
    monkeypatch.setattr(utils, "get_event_time", utils.get_event_time)
    events_replay.install()


@pytest.mark.parametrize("moment", ["2026-03-01T12:00:30Z", NOON])
def test_text_and_datetime_are_the_same_moment(moment: str | datetime):
    assert events_replay.as_datetime(moment) == NOON


def test_archived_events_are_found_by_their_time():
    service = ArchiveService.__new__(ArchiveService)
    times = ("2026-03-01T11:58:59Z", "2026-03-01T12:00:30Z", "2026-03-01T12:02:00Z")
    service.archive = SimpleNamespace(events={time: {"time": time} for time in times})

    found = service.get_events(NOON.replace(minute=0), NOON.replace(minute=1))

    assert [event["time"] for event in found] == ["2026-03-01T12:00:30Z"]


def test_a_replayed_event_keeps_its_time():
    entry = {"Source": "shop", "DetailType": "T", "Detail": "{}", "Time": "2026-03-01T12:00:30Z"}

    assert utils.format_event(entry, "us-east-1", "000000000000", "shop")["time"] == "2026-03-01T12:00:30Z"


def test_an_event_without_a_time_gets_the_present_one():
    assert utils.get_event_time({"Source": "shop"}).tzinfo is UTC
