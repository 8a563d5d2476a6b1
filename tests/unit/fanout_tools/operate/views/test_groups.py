"""Messages of one cause are one group, whatever differs from event to event."""

from __future__ import annotations

import pytest

from fanout_tools.operate.dead_letters import DeadLetter, Kind
from fanout_tools.operate.views.groups import groups, key_of, normalised


def letter(text: str, number: int = 0, *, cause: str = "Reject", kind: Kind = Kind.REJECTED) -> DeadLetter:
    return DeadLetter(
        message_id=f"m-{number}",
        receipt_handle="",
        body="",
        attributes={},
        kind=kind,
        cause=cause,
        text=text,
        sent_ms=1_800_000_000_000 + number * 1_000,
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("order o-1997-0042: not in stock: cd-0007, cd-0012", "order <id>: not in stock: <id>, …"),
        ("order o-1: not in stock: cd-0007", "order <id>: not in stock: <id>"),
        ("'total' must be over 25.50", "<text> must be over <n>"),
        ("no customer 6ba7b810-9dad-11d1-80b4-00c04fd430c8", "no customer <id>"),
        ("order-6ba7b810-9dad-11d1-80b4-00c04fd430c8 is late", "<id> is late"),
        ("after 3 s", "after <n> s"),
        ("not in stock", "not in stock"),
    ],
)
def test_what_differs_is_left_out(text: str, expected: str) -> None:
    assert normalised(text) == expected


def test_the_largest_group_is_first_and_every_message_is_in_one() -> None:
    letters = [letter(f"order o-{n}: not in stock: cd-{n}", n) for n in range(9)]
    letters += [letter("process ended", 9, cause="ProcessDied", kind=Kind.DIED)]

    found = groups(letters)

    assert [(group.count, group.cause) for group in found] == [(9, "Reject"), (1, "ProcessDied")]
    assert (found[0].first_ms, found[0].last_ms) == (letters[0].sent_ms, letters[8].sent_ms)
    assert sum(sum(group.per_time) for group in found) == len(letters)
    assert {group.key for group in found} == {key_of(letters[0]), key_of(letters[9])}


def test_the_same_text_of_another_class_is_another_group() -> None:
    assert key_of(letter("bad", cause="KeyError")) != key_of(letter("bad", cause="ValueError"))


def test_no_messages_are_no_groups() -> None:
    assert groups([]) == []
