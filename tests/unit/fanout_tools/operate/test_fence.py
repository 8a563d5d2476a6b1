"""What the store says of events is asked for until it is all there, and not for ever."""

from __future__ import annotations

from typing import Any, cast

import pytest

from fanout.events.envelope import Envelope
from fanout_tools.operate.fence import Fence, State
from fanout_tools.operate.sources.items import PATIENCE_S, ThrottledError
from tests.unit.fanout_tools.operate.mortal import Deployment, event

ENVELOPES = [Envelope.decode(event(number)) for number in range(3)]


class Throttled:
    """Gives one item a call, and the rest as unprocessed; from some call on nothing."""

    def __init__(self, gives_up_after: int = 1_000) -> None:
        self.calls, self.gives_up_after = 0, gives_up_after

    def batch_get_item(self, RequestItems: Any) -> Any:  # noqa: N803
        self.calls += 1
        [(table, wanted)] = RequestItems.items()
        taken = 1 if self.calls <= self.gives_up_after else 0
        items = [{**key, "status": {"S": "COMPLETED"}} for key in wanted["Keys"][:taken]]
        rest = {**wanted, "Keys": wanted["Keys"][taken:]}
        return {"Responses": {table: items}, "UnprocessedKeys": {table: rest} if rest["Keys"] else {}}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def fence(client: Throttled, clock: Clock) -> Fence:
    return Fence(cast("Any", client), Deployment().worker, clock, clock.sleep)


def test_what_dynamodb_had_no_capacity_for_is_asked_again_after_a_pause() -> None:
    client, clock = Throttled(), Clock()

    known = fence(client, clock).look(ENVELOPES)

    assert [it.state for it in known] == [State.COMPLETED] * 3
    assert client.calls == 3
    assert clock.now > 0


def test_a_store_that_throttles_for_ever_is_told() -> None:
    client, clock = Throttled(gives_up_after=1), Clock()

    with pytest.raises(ThrottledError, match="DynamoDB throttles; ask again later"):
        fence(client, clock).look(ENVELOPES)
    assert clock.now > PATIENCE_S
    assert client.calls < 200
