"""Log lines as they come: by CloudWatch Logs' Live Tail on AWS, by asking again and again elsewhere.

Live Tail takes 10 log groups and shows 500 lines a second at most, a sample of more
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatchLogs_LiveTail.html). No emulator has it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from fanout_tools.operate.sources.logs import Line
from fanout_tools.operate.sources.metrics import Window
from fanout_tools.operate.topology import Topology, WorkerPlace

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

__all__ = ["LIVE_GROUPS", "POLL_S", "live", "polled"]

LIVE_GROUPS: Final = 10
POLL_S: Final = 2.0
LATE_S: Final = 30.0
"""A line that comes into the log so long after its own time is still found."""
SESSION_ENDED: Final = "SessionTimeoutException"
"""After three hours; another session goes on."""


def polled(
    look: Callable[[Window], Iterable[Line]],
    since: float,
    *,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Sequence[Line]]:
    """The lines that are new at each look, the oldest first; for ever.

    :param look: reads the lines of a time.
    :param since: seconds since 1970, from when on lines are shown.
    """
    shown: dict[tuple[str, int, str], int] = {}
    begin = since
    while True:
        now = clock()
        lines = {(it.worker, it.at_ms, it.text): it for it in look(Window(begin, now))}
        yield sorted((it for key, it in lines.items() if key not in shown), key=lambda it: it.at_ms)
        begin = max(since, now - LATE_S)
        shown = {key: key[1] for key in (*shown, *lines) if key[1] >= begin * 1000}
        sleep(POLL_S)


def live(
    client: CloudWatchLogsClient,
    topology: Topology,
    workers: Iterable[WorkerPlace],
    pattern: str,
    *,
    sampled: Callable[[], None],
) -> Iterator[Sequence[Line]]:
    """What Live Tail shows, once a second, if only that nothing has come; for ever.

    :param pattern: CloudWatch's filter.
    :param sampled: is told when lines are left out.
    """
    from botocore.exceptions import EventStreamError

    groups = {it.log_group: it.name for it in workers}
    identifiers = [topology.place.arn("logs", f"log-group:{name}") for name in groups]
    while True:
        answer = client.start_live_tail(logGroupIdentifiers=identifiers, logEventFilterPattern=pattern)
        try:
            for event in answer["responseStream"]:
                if "sessionUpdate" in event:
                    yield _lines(event["sessionUpdate"], groups, sampled)
        except EventStreamError as error:
            if error.response["Error"]["Code"] != SESSION_ENDED:
                raise


def _lines(update: Mapping[str, Any], groups: Mapping[str, str], sampled: Callable[[], None]) -> Sequence[Line]:
    if update.get("sessionMetadata", {}).get("sampled"):
        sampled()
    return [
        Line.read(groups[it["logGroupIdentifier"].rpartition(":")[2]], it["timestamp"], it["message"].rstrip("\n"))
        for it in update.get("sessionResults", ())
    ]
