"""A redrive is killed before and after each of its calls to AWS, and resumed: nothing is lost, effects are once."""

from __future__ import annotations

import pytest

from fanout_tools.operate.actions.carrying import Carrying, Result
from fanout_tools.operate.actions.redrive import Redrive
from fanout_tools.operate.journal import HELD_S, Head
from fanout_tools.operate.limits import TokenBucket
from tests.unit.fanout_tools.operate.mortal import Dead, Deployment, Mortal

MESSAGES = 13
"""More than one step of ten."""
HEAD = Head(operation="op-1", kind="redrive", worker="billing", why="a test", started_at="2026-11-28T00:00:00+00:00")


def carrying(deployment: Deployment, mortal: Mortal, holder: str, *, again: bool = False) -> Carrying:
    clock = deployment.clock
    redrive = Redrive(mortal.wrap(deployment.sqs), deployment.worker, deployment.fence(mortal), again=again)
    return Carrying(
        deployment.journal(mortal, holder),
        deployment.dead_letters(mortal),
        redrive,
        TokenBucket(1_000, clock.time, clock.sleep),
        clock=clock.time,
        sleep=clock.sleep,
    )


def begin(deployment: Deployment, mortal: Mortal) -> Result:
    work = carrying(deployment, mortal, "first")
    letters = work.queue.browse(100).letters
    return work.start(HEAD, letters)


def prepared(mode: str, *, fifo: bool = False) -> Deployment:
    deployment = Deployment(mode=mode, fifo=fifo)
    for number in range(MESSAGES):
        deployment.dead_letter(number, message_group="g", sequence_number=str(100 - number))
    return deployment


def boundaries(mode: str) -> list[str]:
    mortal = Mortal()
    begin(prepared(mode), mortal)
    return mortal.calls


def head_written(calls: list[str]) -> int:
    """Before, there is no operation: its plan is written first."""
    return calls.index("put_item", calls.index("put_item") + 1)


def resumed(deployment: Deployment, *, again: bool = False) -> Result:
    deployment.clock.advance(HELD_S + 1)
    return carrying(deployment, Mortal(), "second", again=again).resume("op-1")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("worker_is_quick", [False, True])
@pytest.mark.parametrize("mode", ["strict", "claim", "off"])
def test_nothing_is_lost_and_effects_are_once(mode: str, after: bool, worker_is_quick: bool) -> None:
    opened = head_written(boundaries(mode))
    for boundary in range(len(boundaries(mode))):
        deployment = prepared(mode)
        whole = deployment.where()

        with pytest.raises(Dead):
            begin(deployment, Mortal(boundary, after))
        assert deployment.where() == whole
        if worker_is_quick:
            deployment.work()
        if boundary > opened:
            result = resumed(deployment, again=mode == "off")
            assert result.whole
            assert not deployment.dlq.messages
        deployment.work()

        assert deployment.where() == whole
        if mode != "off":
            assert len(set(deployment.effects)) == len(deployment.effects)


def test_a_worker_without_a_fence_is_not_sent_again_what_may_have_been_sent() -> None:
    calls = boundaries("off")
    deployment = prepared("off")
    with pytest.raises(Dead):
        begin(deployment, Mortal(calls.index("send_message_batch"), after=True))
    deployment.work()

    result = resumed(deployment)
    deployment.work()

    assert len(result.left) == 10
    assert not result.whole
    assert sorted(deployment.effects) == sorted(f"event-{number}" for number in range(MESSAGES))


def test_a_fifo_queue_gets_its_order_back_and_each_event_once_though_it_is_sent_twice() -> None:
    calls = boundaries("strict")
    deployment = prepared("strict", fifo=True)
    with pytest.raises(Dead):
        begin(deployment, Mortal(calls.index("send_message_batch"), after=True))

    resumed(deployment)

    assert {message.group for message in deployment.queue.messages} == {"g"}
    deployment.work()
    assert deployment.effects == [f"event-{number}" for number in reversed(range(MESSAGES))]


def test_a_resumed_operation_waits_for_what_is_hidden_at_first() -> None:
    deployment = prepared("strict")
    calls = boundaries("strict")
    with pytest.raises(Dead):
        begin(deployment, Mortal(calls.index("send_message_batch")))
    deployment.clock.advance(HELD_S + 1)
    deployment.sqs.receive_message(
        QueueUrl=deployment.worker.dead_letter_queue_url, MaxNumberOfMessages=10, VisibilityTimeout=30
    )

    result = carrying(deployment, Mortal(), "second").resume("op-1")

    assert (result.carried, result.gone) == (MESSAGES, 0)
