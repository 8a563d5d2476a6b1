from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from localstack.services.events import utils
from localstack.services.events.archive import ArchiveService
from localstack.services.events.provider import EventsProvider

from fanout_localstack.fixes import events_replay

NOON = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ArchiveService, "_normalize_datetime", ArchiveService._normalize_datetime)
    monkeypatch.setattr(utils, "get_event_time", utils.get_event_time)
    monkeypatch.setattr(EventsProvider, "_process_rules_async", EventsProvider._process_rules_async)
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


def rule(name: str) -> SimpleNamespace:
    return SimpleNamespace(arn=f"arn:aws:events:us-east-1:000000000000:rule/bus/{name}")


@pytest.mark.parametrize(
    ("named", "expected"), [([], ["one", "two"]), ([rule("two").arn], ["two"]), ([rule("three").arn], [])]
)
def test_a_replay_goes_to_the_rules_that_it_names(named: list[str], expected: list[str]):
    rules = [rule("one"), rule("two")]

    found = events_replay.replayed_to({"Arn": "bus", "FilterArns": named}, rules)

    assert [it.arn.rpartition("/")[2] for it in found] == expected


def test_an_event_that_is_not_replayed_goes_to_every_rule(monkeypatch: pytest.MonkeyPatch):
    seen = []
    monkeypatch.setattr(EventsProvider, "_process_rules_async", lambda self, params: seen.append(params["rules"]))
    events_replay.install()
    provider = EventsProvider.__new__(EventsProvider)
    replays = {"again": SimpleNamespace(destination={"FilterArns": [rule("two").arn]})}
    provider.get_store = lambda region, account: SimpleNamespace(replays=replays)
    rules = [rule("one"), rule("two")]

    for event in ({}, {"replay-name": "again"}):
        params = {"rules": rules, "region": "r", "account_id": "a", "event_formatted": event, "trace_header": None}
        provider._process_rules_async(params)

    assert [len(found) for found in seen] == [2, 1]
