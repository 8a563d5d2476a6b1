"""What must hold of a world when it is quiet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from scripts.reliability.model.sqs import Message, ModelQueue
from scripts.reliability.scenario import Scenario
from scripts.reliability.world import World

__all__ = ["verdict"]


def verdict(world: World, scenario: Scenario) -> list[str]:
    """What does not hold; nothing of a world that is sound."""
    return [
        *dict.fromkeys(world.violations),
        *_effects(world, scenario),
        *(each for site in world.sites for each in _queue(site.queue)),
        *_stream(world),
        *_dead_letters(world, scenario),
        *_published(world, scenario),
    ]


def _effects(world: World, scenario: Scenario) -> Iterator[str]:
    """Each event has its effect exactly once."""
    found = world.effects()
    for name in sorted(scenario.effects | found.keys()):
        times, wanted = found.get(name, 0), int(name in scenario.effects)
        if times != wanted:
            yield f"effect {name}: {times} times, not {wanted}"


def _queue(queue: ModelQueue) -> Iterator[str]:
    """No event without an effect and without a place, and none moved without a word."""
    for message in queue.lost:
        yield f"lost by the end of the retention: {message.message_id}"
    for message in queue.moved:
        yield f"moved to the DLQ by SQS: {message.message_id}, after {message.receives} receives"
    for message in queue.messages:
        yield f"still in the queue: {message.message_id}"


def _stream(world: World) -> Iterator[str]:
    if world.stream:
        yield f"never relayed: {len(world.stream)} events of the outbox"


def _dead_letters(world: World, scenario: Scenario) -> Iterator[str]:
    """In the DLQ is what belongs there, with its cause, and nothing else."""
    messages = [message for site in world.sites for message in site.dlq.messages]
    numbers = [_number(message) for message in messages]
    for message, number in zip(messages, numbers, strict=True):
        if number not in scenario.dead:
            yield f"in the DLQ, though it could be handled: {number}: {message.cause}"
        elif message.cause is None:
            yield f"in the DLQ without a cause: {number}"
        elif world.dlq.fifo and "message_group" not in message.attributes:
            yield f"in the DLQ without its message group: {number}"
    for number in sorted(scenario.dead - set(numbers)):
        yield f"not in the DLQ: {number}"


def _number(message: Message) -> Any:
    body = json.loads(message.body)
    data = body["detail"]["data"]
    if body.get("source", "").startswith("fanout."):  # of a gather, with the number of a part
        return message.body
    return data.get("number", data.get("index", message.body))


def _published(world: World, scenario: Scenario) -> Iterator[str]:
    """Each event that should be on the bus is there, under one event_id."""
    for name, wanted in scenario.published.items():
        found = [data[0] for data in world.published(name).values()]
        if wanted == [{}]:  # whatever its data
            found = [{} for _ in found]
        left = list(found)
        for data in wanted:
            if data in left:
                left.remove(data)
            else:
                yield f"not on the bus: {name} {data}; there are {found}"
        for data in left:
            yield f"on the bus, or there under two ids: {name} {data}"
