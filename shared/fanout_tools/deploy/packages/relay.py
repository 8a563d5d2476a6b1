"""The package of the outbox's relay: the core library, and the ways of the events that go through it."""

import json

from fanout.publish import Routes
from fanout_tools.deploy.packages import workers

__all__ = ["entries"]


def entries(routes: Routes) -> dict[str, bytes]:
    """What the package holds, by name in the archive.

    :param routes: of every event that a worker with an outbox publishes.
    """
    packed = workers.core()
    packed["fanout/outbox/routes.json"] = (json.dumps(routes.to_json(), indent=1) + "\n").encode()
    return packed
