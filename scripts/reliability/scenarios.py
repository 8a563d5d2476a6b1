"""Workers and events that together make every AWS call of the core."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from fanout import Context, Event, Reject, Retry, Worker, wrap
from fanout.outbox import put as outbox_put
from fanout.parameters import parameter, secret
from scripts.reliability.gathers import GATHERS
from scripts.reliability.scenario import PATIENT, SOURCE, Scenario
from scripts.reliability.world import World

__all__ = ["SCENARIOS", "Asked", "Followed"]

LARGE = 4_000
"""Characters that do not fit the way of ``Followed``."""
NO_EVENT = '{"detail": {"data": {"number": 6}}}'
ROUTES = {f"{SOURCE}/Followed": {"max_bytes": 2_000, "filtered": []}}


class Asked(Event, source=SOURCE, version=1):
    number: int
    kind: str
    """What the handler does with it."""
    note: str = ""


class Followed(Event, source=SOURCE, version=1):
    number: int
    text: str = ""


def _handle_asked(worker: Worker, world: World) -> None:
    @worker.handles(Asked)
    def handle(event: Asked, context: Context) -> int:
        name = str(event.number)
        tries = world.begin(name)
        match event.kind:
            case "reject":
                raise Reject("cannot be handled\x00")
            case "fail once" if tries == 1:
                raise Retry("not yet")
            case "fail twice" | "fail twice, then die" if tries <= 2:
                raise Retry("not yet", after=60)
            case "fail three times" if tries <= 3:
                raise Retry("not yet", after=60)
            case "die" | "fail twice, then die":
                world.die()
            case "fail always":
                raise Retry("never")
            case "commit":
                context.publish(Followed(number=event.number))
                context.commit([world.effect(name)])
                return event.number
            case "outbox":
                context.commit([world.effect(name), outbox_put(context.wrap(Followed(number=event.number)))])
                return event.number
            case "outbox, too large":
                large = Followed(number=event.number, text="x" * 300_000)
                context.commit([world.effect(name), outbox_put(context.wrap(large))])
                return event.number
            case "publish":
                context.publish(Followed(number=event.number))
            case "publish large":
                context.publish(Followed(number=event.number, text="x" * LARGE))
            case "parameters":
                assert (parameter("rate"), secret("key")) == ("7", "secret")
        world.conditional_effect(name)
        return event.number


def _handle_both(worker: Worker, world: World) -> None:
    _handle_asked(worker, world)

    @worker.handles(Followed)
    def follow(event: Followed, _: Context) -> None:
        assert event.text == "x" * LARGE
        world.conditional_effect(f"followed {event.number}")


def _clean(world: World) -> None:
    envelopes = [world.send(Asked(number=number, kind="plain")) for number in (1, 2, 3)]
    for envelope in envelopes:  # the bus delivers at least once
        world.send(envelope, delay_s=600)


def _mixed(world: World) -> None:
    duplicate = world.send(Asked(number=1, kind="plain"))
    kinds = ["commit", "fail once", "reject", "publish", "commit"]
    for number, kind in enumerate(kinds, 2):
        world.send(Asked(number=number, kind=kind))
    world.send(duplicate)


_GROUPS = {
    "a": ["plain", "fail once", "publish", "reject", "commit", "plain"],
    "b": ["reject", "plain", "fail once", "commit"],
    "c": ["fail always", "plain"],
}
"""What is done with the events of each FIFO message group, in their order; they are numbered from 1 throughout."""


def _in_groups(groups: Mapping[str, list[str]]) -> Callable[[World], None]:
    def send(world: World) -> None:
        kinds = [(group, kind) for group, kinds in groups.items() for kind in kinds]
        for number, (group, kind) in enumerate(kinds, 1):
            world.send(Asked(number=number, kind=kind), group=group)

    return send


def _told_twice(later_s: float) -> Callable[[World], None]:
    """Each event once more under another id, and not quite with the same data; beside them what is no event, and one
    without one of the key's fields."""

    def send(world: World) -> None:
        kinds = list(enumerate(["plain", "commit", "fail once", "reject", "publish"], 1))
        for number, kind in kinds:
            world.send(Asked(number=number, kind=kind))
        world.queue.send(NO_EVENT)
        world.send(replace(wrap(Asked(number=7, kind="")), data={"number": 7}))
        for number, kind in kinds:
            world.send(Asked(number=number, kind=kind, note="again"), delay_s=later_s)

    return send


def _unfenced(world: World) -> None:
    for number, kind in enumerate(["plain", "fail once", "reject", "publish"], 1):
        world.send(Asked(number=number, kind=kind))


def _sending(*kinds: str) -> Callable[[World], None]:
    def send(world: World) -> None:
        for number, kind in enumerate(kinds, 1):
            world.send(Asked(number=number, kind=kind))

    return send


_TWICE: Any = {
    "events": ("Asked",),
    "define": _handle_asked,
    "effects": frozenset("1235"),
    "published": {"Followed": [{"number": n, "text": ""} for n in (2, 5)]},
    "dead": frozenset({4, 6, 7}),
    "sections": PATIENT,
    "key": ("number", "kind"),
}

SCENARIOS = [
    Scenario("clean", ("Asked",), _handle_asked, _clean, effects=frozenset("123"), sections=PATIENT),
    Scenario(
        "mixed",
        ("Asked",),
        _handle_asked,
        _mixed,
        effects=frozenset("12356"),
        published={"Followed": [{"number": n, "text": ""} for n in (2, 5, 6)]},
        dead=frozenset({4}),
        sections=PATIENT,
    ),
    Scenario(
        "unfenced",
        ("Asked",),
        _handle_asked,
        _unfenced,
        effects=frozenset("124"),
        dead=frozenset({3}),
        modes=("off",),
        sections={"queue": {"max_receives": 5}},
    ),
    Scenario(
        "payload",
        ("Asked", "Followed"),
        _handle_both,
        _sending("publish large"),
        effects=frozenset({"1", "followed 1"}),
        published={"Followed": [{}]},
        modes=("strict",),
        sections=PATIENT,
        routes=ROUTES,
    ),
    Scenario(
        "parameters",
        ("Asked",),
        _handle_asked,
        _sending("parameters"),
        effects=frozenset("1"),
        modes=("strict",),
        sections={**PATIENT, "parameters": {"rate": "/probe/rate"}, "secrets": {"key": "probe/key"}},
    ),
    Scenario(
        "outbox",
        ("Asked",),
        _handle_asked,
        _sending("outbox", "outbox", "outbox, too large"),
        effects=frozenset("123"),
        published={"Followed": [{"number": n, "text": ""} for n in (1, 2)]},
        modes=("strict",),
        sections={**PATIENT, "outbox": True, "publishes": [f"{SOURCE}/Followed"]},
    ),
    Scenario(
        "fifo",
        ("Asked",),
        _handle_asked,
        _in_groups(_GROUPS),
        effects=frozenset({"1", "2", "3", "5", "6", "8", "9", "10", "12"}),
        published={"Followed": [{"number": n, "text": ""} for n in (3, 5, 10)]},
        dead=frozenset({4, 7, 11}),
        sections={"via": "bus", "queue": {"fifo": True, "max_receives": 20}},
    ),
    Scenario(
        "killers",
        ("Asked",),
        _handle_asked,
        _sending("plain", "die", "commit", "die"),
        effects=frozenset("13"),
        published={"Followed": [{"number": 3, "text": ""}]},
        dead=frozenset({2, 4}),
        sections={"queue": {"max_receives": 3}},
    ),
    # The two below use up the tries that a record may have: each fault would be one too many. They are run without any.
    Scenario(
        "killers, after failures",
        ("Asked",),
        _handle_asked,
        _sending("fail twice", "fail twice, then die", "fail twice"),
        effects=frozenset("13"),
        dead=frozenset({2}),
        sections={"queue": {"max_receives": 3}},
    ),
    Scenario(
        "failures, beside a killer",
        ("Asked",),
        _handle_asked,
        _sending("fail three times", "die", "plain"),
        effects=frozenset("13"),
        dead=frozenset({2}),
        sections={"queue": {"max_receives": 3}},
    ),
    Scenario(
        "fifo, killers",
        ("Asked",),
        _handle_asked,
        _in_groups({"a": ["die", "plain", "commit"], "b": ["plain", "die", "plain"]}),
        effects=frozenset("2346"),
        published={"Followed": [{"number": 3, "text": ""}]},
        dead=frozenset({1, 5}),
        sections={"via": "bus", "queue": {"fifo": True, "max_receives": 3}},
    ),
    Scenario("told twice", send=_told_twice(0), **_TWICE),
    Scenario("told twice, later", send=_told_twice(600), **_TWICE),
    *GATHERS,
]
