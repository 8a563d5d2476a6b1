"""What several tests of ordinary faults share."""

from fanout import Envelope
from fanout.publish import wrap

from ..conftest import ThingHappened

__all__ = ["BOTH", "POSITIONS", "things"]

BOTH = {"subscribes": [{"event": "test.things/ThingHappened"}, {"event": "test.things/ThingFollowed"}]}
POSITIONS = range(10)


def things(count: int) -> list[Envelope]:
    """So many events, numbered from 0."""
    return [wrap(ThingHappened(number=number)) for number in range(count)]
