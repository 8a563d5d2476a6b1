"""StartReplay works.

Wrong in 4.14.0: it answers 500. An archive keeps each event with its ``time`` as ISO 8601 text, while the
filter by start and end time, and then PutEvents of what is replayed, treat it as a datetime.

Known by: StartReplay on a bare LocalStack, which calls ``replace(second=0)`` on text.
"""

from datetime import UTC, datetime
from typing import Any

__all__ = ["as_datetime", "install"]


def install() -> None:
    """Make both places take either form."""
    from localstack.services.events import archive, utils

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


def as_datetime(moment: str | datetime) -> datetime:
    """The moment itself, or the one that ISO 8601 text with a trailing Z names."""
    if isinstance(moment, datetime):
        return moment
    return datetime.strptime(moment, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
