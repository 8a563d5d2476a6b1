"""StartReplay works, and goes to the rules that it names.

Wrong in 4.14.0: it answers 500. An archive keeps each event with its ``time`` as ISO 8601 text, while the
filter by start and end time, and then PutEvents of what is replayed, treat it as a datetime.

Known by: StartReplay on a bare LocalStack, which calls ``replace(second=0)`` on text.

Wrong too: ``Destination.FilterArns`` is kept and not looked at, so that a replay goes to every rule of the bus.
AWS gives it to the rules that are named
(https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_ReplayDestination.html).

Known by: a replay with FilterArns on a bare LocalStack, whose events come to another rule's target.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

__all__ = ["as_datetime", "install", "replayed_to"]


def install() -> None:
    """Make both places take either form, and rules be chosen by their ARNs."""
    from localstack.services.events import archive, provider, utils

    normalize = archive.ArchiveService._normalize_datetime
    get_event_time = utils.get_event_time

    def normalize_datetime(self: archive.ArchiveService, moment: str | datetime) -> datetime:
        return normalize(self, as_datetime(moment))

    def event_time(event: dict[str, Any]) -> datetime:
        if event.get("Time"):
            event = {**event, "Time": as_datetime(event["Time"])}
        return get_event_time(event)

    archive.ArchiveService._normalize_datetime = normalize_datetime
    utils.get_event_time = event_time
    _choose_rules(provider.EventsProvider)


def _choose_rules(events_provider: Any) -> None:
    process_rules = events_provider._process_rules_async

    def process_chosen_rules(self: Any, params: dict[str, Any]) -> None:
        replays = self.get_store(params["region"], params["account_id"]).replays
        replay = replays.get(params["event_formatted"].get("replay-name"))
        rules = params["rules"] if replay is None else replayed_to(replay.destination, params["rules"])
        process_rules(self, {**params, "rules": rules})

    events_provider._process_rules_async = process_chosen_rules


def replayed_to(destination: Mapping[str, Any], rules: Sequence[Any]) -> list[Any]:
    """Those of the rules that a replay goes to: all, unless it names some."""
    named = destination.get("FilterArns") or ()
    return [rule for rule in rules if not named or rule.arn in named]


def as_datetime(moment: str | datetime) -> datetime:
    """The moment itself, or the one that ISO 8601 text with a trailing Z names."""
    if isinstance(moment, datetime):
        return moment
    return datetime.strptime(moment, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
