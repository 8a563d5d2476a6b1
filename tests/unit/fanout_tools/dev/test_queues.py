"""Queues as SQS keeps them."""

from __future__ import annotations

import pytest

from fanout_tools.dev.queues import Queue

NOW = 1_000.0


def bodies(queue: Queue, now: float, most: int = 10) -> list[str]:
    return [it.body for it in queue.receive(most, now)]


def test_a_received_message_is_hidden_and_comes_again() -> None:
    queue = Queue(name="q", visibility_s=30)
    queue.send("a", NOW)
    [first] = queue.receive(10, NOW)
    assert (first.receives, first.first_received_at) == (1, NOW)
    assert bodies(queue, NOW + 29) == []
    [again] = queue.receive(10, NOW + 30)
    assert (again.message_id, again.receives, again.first_received_at) == (first.message_id, 2, NOW)


def test_a_receipt_is_good_until_the_message_is_received_again() -> None:
    queue = Queue(name="q", visibility_s=30)
    queue.send("a", NOW)
    [first] = queue.receive(10, NOW)
    old = first.receipt
    [again] = queue.receive(10, NOW + 30)
    assert not queue.delete(old)
    assert queue.delete(again.receipt)
    assert queue.messages() == []


def test_a_backoff_hides_for_as_long_as_it_says() -> None:
    queue = Queue(name="q", visibility_s=30)
    queue.send("a", NOW)
    [message] = queue.receive(10, NOW)
    assert queue.hide(message.receipt, 5, NOW)
    assert queue.next_at() == NOW + 5
    assert bodies(queue, NOW + 5) == ["a"]


def test_what_is_received_too_often_goes_to_the_dead_letter_queue() -> None:
    dead = Queue(name="dlq")
    queue = Queue(name="q", visibility_s=1, max_receives=2, dead=dead)
    sent = queue.send("a", NOW)
    for seconds in range(2):
        assert bodies(queue, NOW + seconds) == ["a"]
    assert bodies(queue, NOW + 2) == []
    assert queue.messages() == []
    [moved] = dead.messages()
    assert (moved.message_id, moved.sent_at) == (sent.message_id, NOW)


def test_a_delay_and_the_end_of_the_retention() -> None:
    queue = Queue(name="q", retention_s=60)
    queue.send("late", NOW, delay_s=10)
    assert queue.counts(NOW) == (0, 0, 1)
    assert bodies(queue, NOW + 10) == ["late"]
    assert bodies(queue, NOW + 60) == []
    assert queue.messages() == []


def test_of_a_group_nothing_overtakes_what_is_in_work() -> None:
    queue = Queue(name="q.fifo", fifo=True, visibility_s=30)
    for body, group in (("a1", "a"), ("a2", "a"), ("b1", "b")):
        queue.send(body, NOW, group=group)
    assert bodies(queue, NOW, most=1) == ["a1"]
    assert bodies(queue, NOW) == ["b1"]
    assert bodies(queue, NOW + 30) == ["a1", "a2", "b1"]


@pytest.mark.parametrize(("later", "kept"), [(299, 1), (301, 2)])
def test_a_fifo_queue_takes_a_duplicate_once_within_five_minutes(later: float, kept: int) -> None:
    queue = Queue(name="q.fifo", fifo=True)
    for now in (NOW, NOW + later):
        queue.send("a", now, group="a", deduplication="x")
    assert len(queue.messages()) == kept


def test_hurrying_lets_all_be_had_at_once() -> None:
    queue = Queue(name="q", visibility_s=900)
    queue.send("a", NOW)
    queue.receive(1, NOW)
    queue.send("b", NOW, delay_s=900)
    assert queue.hurry(NOW) == 2
    assert bodies(queue, NOW) == ["a", "b"]
