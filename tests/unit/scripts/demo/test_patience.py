"""A run that cannot succeed is told from a slow one, in virtual time."""

from __future__ import annotations

import socket

import pytest
from botocore.exceptions import ClientError

from fanout import aws
from fanout_tools.cli.deployment import Depth
from scripts.demo import patience
from scripts.demo.patience import IDLE_S, Movement, StuckError, ask


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def movement(clock: Clock) -> Movement:
    return Movement({"billing": 180.0}, clock)


def halt(movement: Movement, clock: Clock, depth: Depth, seconds: float) -> str | None:
    """Look at the same depth until so many seconds have passed; the last word that was said."""
    said, until = movement.look({"billing": depth}), clock.now + seconds
    while clock.now < until:
        clock.now += 0.5
        said = movement.look({"billing": depth}) or said
    return said


def test_messages_that_nobody_takes_end_the_run_within_30_s(movement: Movement, clock: Clock) -> None:
    began = clock.now
    with pytest.raises(StuckError, match=r"nobody takes the messages of billing.*`make down`"):
        halt(movement, clock, Depth(waiting=5, in_flight=0, dead=0), 60)
    assert IDLE_S <= clock.now - began <= 30


def test_an_emulator_that_stood_still_for_15_s_does_not(movement: Movement, clock: Clock) -> None:
    assert halt(movement, clock, Depth(waiting=5, in_flight=0, dead=0), 15) is None
    assert halt(movement, clock, Depth(waiting=4, in_flight=0, dead=0), 15) is None


def test_records_that_will_come_again_are_waited_for_and_told_once(movement: Movement, clock: Clock) -> None:
    depth = Depth(waiting=0, in_flight=10, dead=0)
    said = halt(movement, clock, depth, 25)
    assert said is not None
    assert "come again after 180 s" in said
    assert halt(movement, clock, depth, 150) is None


def test_records_that_never_come_again_end_the_run(movement: Movement, clock: Clock) -> None:
    with pytest.raises(StuckError, match="nothing moved"):
        halt(movement, clock, Depth(waiting=0, in_flight=10, dead=0), 300)


def test_empty_queues_are_no_halt(movement: Movement, clock: Clock) -> None:
    assert halt(movement, clock, Depth(waiting=0, in_flight=0, dead=2), 500) is None


def test_an_emulator_that_is_gone_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    monkeypatch.setattr(patience, "ANSWER_S", 0.5)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "test")
    aws.forget_clients()
    try:
        with pytest.raises(StuckError, match=rf"the emulator at {url} does not answer.*`make demo` again"):
            ask(lambda: aws.client("sqs").list_queues())
    finally:
        aws.forget_clients()
    assert aws.remaining_s() is None


def test_an_answer_is_given_on_whatever_it_says() -> None:
    def refuse() -> None:
        raise ClientError({"Error": {"Code": "No"}}, "Ask")

    with pytest.raises(ClientError):
        ask(refuse)
    assert ask(lambda: 7) == 7


def test_what_asks_inside_has_its_time_anew() -> None:
    def outer() -> float | None:
        ask(lambda: None)
        return aws.remaining_s()

    left = ask(outer)
    assert left is not None
    assert left > patience.ANSWER_S - 1
