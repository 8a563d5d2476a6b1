"""What is counted of the requests of one route."""

from collections import Counter

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds in seconds of the duration histogram; a last, unbounded one follows."""


class RouteCounts:
    """What has happened on one route; plain numbers, because they are touched once per request."""

    __slots__ = ("durations", "received", "seconds", "sent", "statuses")

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.durations = [0] * (len(BUCKETS) + 1)
        self.seconds = 0.0
        self.received = 0
        self.sent = 0
