"""What a redrive chooses, how fast and by which steps it goes, and when it stops."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from botocore.exceptions import ClientError

from fanout_tools.operate.actions.carrying import HOLD_S, Carrying
from fanout_tools.operate.actions.drop import Drop
from fanout_tools.operate.actions.redrive import Canary, Plan, Redrive, plan
from fanout_tools.operate.actions.selection import Selection, SelectionError
from fanout_tools.operate.fence import UNKNOWN, State
from fanout_tools.operate.journal import Head, Held, Status
from fanout_tools.operate.limits import TokenBucket
from fanout_tools.operate.views.groups import key_of
from tests.unit.fanout_tools.operate.mortal import Deployment, Mortal, event

ALIVE = Mortal()


def head(number: int = 1) -> Head:
    return Head(
        operation=f"op-{number}", kind="redrive", worker="billing", why="a test", started_at="2026-11-28T00:00:00+00:00"
    )


def carrying(deployment: Deployment, *, rate: float = 1_000, canary: bool = False) -> Carrying:
    clock, fence = deployment.clock, deployment.fence(ALIVE)

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        deployment.work()

    return Carrying(
        deployment.journal(ALIVE, "me"),
        deployment.dead_letters(ALIVE),
        Redrive(deployment.sqs, deployment.worker, fence),  # type: ignore[arg-type]
        TokenBucket(rate, clock.time, clock.sleep),
        trial=Canary(fence) if canary else None,
        clock=clock.time,
        sleep=sleep,
    )


def planned(deployment: Deployment, **options: Any) -> Plan:
    letters = deployment.dead_letters(ALIVE).browse(1_000).letters
    fence = deployment.fence(ALIVE)
    known = [fence.look([it.envelope])[0] if it.envelope else UNKNOWN for it in letters]
    return plan(deployment.worker, letters, known, now=deployment.clock.now, **options)


def full(count: int, mode: str = "strict") -> Deployment:
    deployment = Deployment(mode=mode)
    for number in range(count):
        deployment.dead_letter(number)
    return deployment


def test_a_look_takes_nothing_and_hides_nothing() -> None:
    deployment = full(40)

    assert planned(deployment).to_json()["chosen"] == 40
    assert planned(deployment).to_json()["chosen"] == 40
    assert len(deployment.dlq.receive(100)) == 40


def test_what_has_been_handled_stays_and_is_named() -> None:
    deployment = full(3)
    deployment.queue.send(event(1))
    deployment.work()

    decided = planned(deployment)

    assert [letter.event_id for letter in decided.chosen] == ["event-0", "event-2"]
    assert decided.left_out == {"handled already: fanout dlq drop takes them away": 1}
    assert len(planned(deployment, again=True).chosen) == 3


def test_what_is_no_event_stays() -> None:
    deployment = full(1)
    deployment.dlq.send("hello")

    assert planned(deployment).left_out == {"foreign: no event that the worker could take": 1}


def test_a_worker_that_remembers_nothing_is_a_surprise() -> None:
    assert any("two effects" in text for text in planned(full(1, "off")).surprises)


def test_an_event_that_a_dead_process_holds_is_freed_and_handled() -> None:
    deployment = full(1)
    letter = deployment.dead_letters(ALIVE).browse(1).letters[0]
    assert letter.envelope is not None
    fence = deployment.fence(ALIVE)
    deployment.dynamodb.put_item(
        TableName=deployment.worker.records_table,
        Item={
            "id": {"S": str(fence.key(letter.envelope))},
            "owner": {"S": "dead/old"},
            "status": {"S": "INPROGRESS"},
            "in_progress_expiration": {"N": str(int((deployment.clock.now - 1) * 1000))},
            "expiration": {"N": str(int(deployment.clock.now + 10**6))},
            "tries": {"N": "5"},
            "alone": {"BOOL": True},
        },
    )
    decided = planned(deployment)
    assert any("left locked by a process that died" in text for text in decided.surprises)

    carrying(deployment).start(head(), decided.chosen)

    [known] = fence.look([letter.envelope])
    assert (known.state, known.tries) == (State.RELEASED, 0)
    deployment.work()
    assert deployment.effects == ["event-0"]


def test_the_rate_is_kept_and_the_hold_prolonged_over_a_long_redrive() -> None:
    deployment = full(600)
    begun = deployment.clock.now

    result = carrying(deployment, rate=2).start(head(), planned(deployment).chosen)

    assert deployment.clock.now - begun == pytest.approx(300, abs=10)
    assert deployment.clock.now - begun > 2 * HOLD_S
    assert (result.carried, len(deployment.queue.messages), deployment.dlq.messages) == (600, 600, [])


def test_a_slow_rate_keeps_its_hold_on_what_waits() -> None:
    """GIVEN a rate at which a step waits for longer than messages are hidden WHEN redriven THEN nobody else is shown
    one meanwhile, and no other process may carry the operation on."""
    deployment, seen = full(30), list[int]()
    work = carrying(deployment, rate=1 / 60)

    def sleep(seconds: float) -> None:
        deployment.clock.sleep(seconds)
        seen.append(sum(message.visible_at <= deployment.clock.now for message in deployment.dlq.messages))
        with pytest.raises(Held):
            deployment.journal(ALIVE, "another").take("op-1")

    work.bucket.sleep = sleep
    result = work.start(head(), planned(deployment).chosen)

    assert (result.carried, set(seen)) == (30, {0})
    assert len(seen) > 20


def test_a_trial_goes_in_growing_steps_until_all_is_handled() -> None:
    deployment = full(60)
    work, sizes = carrying(deployment, canary=True), list[int]()
    begin = Canary.begin
    assert work.trial is not None

    def noted(letters: Any) -> None:
        sizes.append(len(letters))
        begin(work.trial, letters)  # type: ignore[arg-type]

    work.trial.begin = noted  # type: ignore[method-assign]
    result = work.start(head(), planned(deployment).chosen)

    assert sizes == [1, 2, 5, 10, 20, 22]
    assert result.whole
    assert len(deployment.effects) == 60


def test_a_trial_stops_when_too_many_come_back_and_can_be_carried_on() -> None:
    deployment = full(40)
    deployment.rejects = lambda envelope: envelope.data["number"] % 2 == 1

    result = carrying(deployment, canary=True).start(head(), planned(deployment).chosen)

    assert result.stopped == "1 of 2 came back"
    assert result.carried == 3
    assert deployment.journal(ALIVE, "me").read("op-1").head.status is Status.STOPPED
    assert deployment.where() == sorted(f"event-{number}" for number in range(40))

    deployment.rejects = lambda _: False
    again = carrying(deployment, canary=True).resume("op-1")

    assert (again.whole, again.carried) == (True, 37)
    assert len(planned(deployment).chosen) == 1  # came back after it had been carried: another operation's


def test_a_trial_that_nobody_decides_ends_after_its_patience() -> None:
    deployment = full(3)
    work = carrying(deployment, canary=True)
    work.sleep = deployment.clock.sleep  # and the worker does nothing

    result = work.start(head(), planned(deployment).chosen)

    assert result.stopped == "after 300 s it is not known what became of 1"
    assert len(deployment.dlq.receive(10)) == 2  # the others are given back


def test_what_sqs_does_not_take_stays_and_is_tried_again_when_resumed() -> None:
    deployment = full(3)
    send = deployment.sqs.send_message_batch

    def refusing(**request: Any) -> dict[str, Any]:
        first, *rest = request["Entries"]
        answer = send(**{**request, "Entries": rest})
        return {**answer, "Failed": [{"Id": first["Id"], "Code": "InternalError", "SenderFault": False}]}

    deployment.sqs.send_message_batch = refusing  # type: ignore[method-assign]
    result = carrying(deployment).start(head(), planned(deployment).chosen)
    assert (result.carried, list(result.refused.values())) == (2, ["InternalError: "])
    assert len(deployment.dlq.messages) == 1

    deployment.sqs.send_message_batch = send  # type: ignore[method-assign]
    assert carrying(deployment).resume("op-1").carried == 1
    assert deployment.dlq.messages == []


def test_a_second_redrive_to_a_fifo_queue_is_not_swallowed_as_a_repetition() -> None:
    deployment = Deployment(fifo=True)
    deployment.rejects = lambda _: True
    deployment.dead_letter(0, message_group="g", sequence_number="1")
    carrying(deployment).start(head(1), planned(deployment).chosen)
    deployment.work()
    deployment.rejects = lambda _: False

    carrying(deployment).start(head(2), planned(deployment).chosen)
    deployment.work()

    assert deployment.effects == ["event-0"]


def test_what_is_dropped_has_a_copy() -> None:
    """GIVEN dead letters WHEN they are dropped THEN the bucket has a copy of each, and a step that is repeated finds
    its own there."""
    deployment, kept = full(12), dict[str, bytes]()

    class S3:
        def put_object(self, **request: Any) -> None:
            if request["IfNoneMatch"] == "*" and request["Key"] in kept:
                raise ClientError({"Error": {"Code": "PreconditionFailed"}}, "PutObject")
            kept[request["Key"]] = request["Body"]

    work = carrying(deployment)
    work.carrier = Drop(S3(), "claims")  # type: ignore[arg-type]
    result = work.start(head(), planned(deployment).chosen)

    assert (result.carried, deployment.dlq.messages, deployment.queue.messages) == (12, [], [])
    assert [key.rpartition("-")[0] for key in kept] == ["operations/op-1/000001", "operations/op-1/000002"]
    assert work.carrier.carry("op-1", 1, planned(deployment).chosen).refused == {}
    assert sum(body.count(b"\n") for body in kept.values()) == 12


def test_a_selection_is_by_group_id_and_pattern() -> None:
    deployment = full(3)
    deployment.dead_letter(3, text="no such customer")
    letters = deployment.dead_letters(ALIVE).browse(10).letters

    def ids(**selection: Any) -> list[str | None]:
        return [letter.event_id for letter in Selection(**selection).of(letters)]

    assert ids(group=key_of(letters[3])) == ["event-3"]
    assert ids(ids=("event-1", letters[2].message_id)) == ["event-1", "event-2"]
    assert ids(pattern='{"detail": {"data": {"number": [{"numeric": [">", 1]}]}}}') == ["event-2", "event-3"]
    with pytest.raises(SelectionError, match="pattern"):
        ids(pattern="{")


def test_a_selection_is_by_an_expression_over_event_and_cause() -> None:
    deployment = full(3)
    deployment.dead_letter(3, text="no such customer")
    deployment.dlq.send("hello")
    letters = deployment.dead_letters(ALIVE).browse(10).letters

    def ids(where: str) -> list[str | None]:
        return [letter.event_id for letter in Selection(where=where).of(letters)]

    assert ids("data.number > `1`") == ["event-2", "event-3"]
    assert ids("contains(text, 'customer')") == ["event-3"]
    assert ids("kind == 'foreign'") == [None]
    assert ids("data.number") == ["event-0", "event-1", "event-2", "event-3"]  # 0 is true in JMESPath
    assert ids("metadata.correlation_id && data.number == `1`") == ["event-1"]
    with pytest.raises(SelectionError, match="where data\\[: "):
        ids("data[")
    with pytest.raises(SelectionError, match=r"where contains.*write `field && function"):
        ids("contains(data.note, 'x')")
    assert ids("data.note && contains(data.note, 'x')") == []


def test_no_further_step_follows_a_brake_and_the_rest_can_be_carried_on() -> None:
    deployment = full(30)
    work, looks = carrying(deployment), list[int]()

    def brake(_: TokenBucket) -> str:
        looks.append(1)
        return "Lambda throttles" if len(looks) == 3 else ""

    work.brake = brake
    result = work.start(head(), planned(deployment).chosen)

    assert (result.carried, result.stopped, result.whole) == (20, "Lambda throttles", False)
    assert deployment.journal(ALIVE, "me").read("op-1").head.status is Status.STOPPED
    assert len(deployment.dlq.receive(100)) == 10  # given back
    deployment.clock.advance(HOLD_S)
    assert carrying(deployment).resume("op-1").carried == 10


def test_what_another_function_sent_stays_its_own() -> None:
    """GIVEN a dead letter that another function had sent into the queue WHEN redriven THEN the message names it."""
    deployment = full(1)
    [letter] = deployment.dead_letters(ALIVE).browse(1).letters
    sent: list[dict[str, Any]] = []

    class Queue:
        def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
            sent.extend(Entries)
            return {}

    again = Redrive(Queue(), deployment.worker, deployment.fence(ALIVE))  # type: ignore[arg-type]
    again.carry("op-1", 0, [dataclasses.replace(letter, attributes={**letter.attributes, "sent_by": "f-squares"})])
    again.carry("op-1", 1, [letter])

    named = [it["MessageAttributes"].get("sent_by", {}).get("StringValue") for it in sent]
    assert named == ["f-squares", None]
