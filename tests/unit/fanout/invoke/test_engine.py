"""Invocations at once: order, errors, deadline, concurrency and budget, in virtual time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanout.invoke.engine import MAX_PAYLOAD_BYTES, Budget, Invoked, Kind, Tree, slices

from .conftest import Lambda

FLAT = Tree(threshold=10_000)


def kinds(results: list[Invoked]) -> list[str]:
    return ["ok" if result.failure is None else result.failure.kind.value for result in results]


def test_results_are_in_order_and_at_once() -> None:
    """GIVEN payloads of which the first takes longest WHEN invoked THEN results are in their order, and no more calls
    are under way than may be."""
    service = Lambda(FLAT)
    results = service.invoke([{"n": n, "takes_s": 1.0 - n / 100} for n in range(50)], concurrency=7)

    assert [result.value for result in results] == list(range(50))
    assert service.most_under_way == 7


def test_each_failure_is_its_own() -> None:
    """GIVEN one that raises, one that is too slow, one too large, one no JSON WHEN invoked THEN each has its failure,
    and the others their values."""
    payloads: list[Any] = [{"n": 0}, {"n": 1, "raises": "KeyError"}, {"n": 2, "takes_s": 60}, {"n": 3}]
    payloads += [{"n": 4, "more": "x" * MAX_PAYLOAD_BYTES}, {"n": object()}, {"fanout_slice": {}}]
    results = Lambda(FLAT).invoke(payloads, timeout_s=5)

    assert kinds(results) == ["ok", "function", "timed out", "ok", "refused", "refused", "refused"]
    assert str(results[1].failure) == "function: KeyError: as told"
    assert "6,291,473 bytes; Lambda takes at most 6,291,456: pass an S3 key" in str(results[4].failure)


def test_what_was_not_begun_says_so() -> None:
    """GIVEN one call at a time WHEN the first takes until the deadline THEN the second was not begun."""
    results = Lambda(FLAT).invoke([{"n": 0, "takes_s": 60}, {"n": 1}], concurrency=1, timeout_s=5)

    assert [result.failure.message for result in results if result.failure] == [
        "no answer by the deadline",
        "not begun: the calls before it took until the deadline",
    ]


def test_a_throttled_call_is_repeated_until_the_deadline() -> None:
    """GIVEN a call that is throttled three times, and one always WHEN invoked THEN the first has its value, the other
    is throttled at the deadline."""
    service = Lambda(FLAT, throttles={0: 3, 1: 1_000_000})
    assert kinds(service.invoke([{"n": 0}, {"n": 1}])) == ["ok", "throttled"]
    assert service.calls == 1


def test_many_payloads_go_by_a_tree() -> None:
    """GIVEN 1,000 payloads and a threshold of 100 WHEN invoked THEN ten slices are, each for its own, and the order is
    kept."""
    service = Lambda(Tree(threshold=100))
    results = service.invoke([{"n": n} for n in range(1_000)], concurrency=100)

    assert [result.value for result in results] == list(range(1_000))
    assert service.slices == [100] * 10
    assert service.calls == 1_010


def test_a_tree_is_no_deeper_than_it_may() -> None:
    """GIVEN a depth of 2 and small slices WHEN 1,000 payloads are invoked THEN nodes of the second level invoke theirs
    directly, however many they are."""
    service = Lambda(Tree(threshold=10, fan_out=4, depth=2))
    results = service.invoke([{"n": n} for n in range(1_000)], concurrency=100, timeout_s=60)

    assert [result.value for result in results] == list(range(1_000))
    assert sorted(service.slices, reverse=True) == [250] * 4 + [63] * 12 + [61] * 4


def test_what_the_budget_does_not_cover_is_not_invoked() -> None:
    """GIVEN 50 invocations for 100 payloads WHEN invoked THEN 50 have values, and the others name the fix."""
    service = Lambda(Tree(threshold=1_000, invocations=50))
    results = service.invoke([{"n": n} for n in range(100)])

    assert kinds(results) == ["ok"] * 50 + ["over budget"] * 50
    assert service.calls == 50


def test_a_node_answers_before_its_parent_gives_up() -> None:
    """GIVEN payloads that take longer than the deadline among others WHEN they go by a tree THEN only they are timed
    out."""
    payloads = [{"n": n, "takes_s": 60 if n % 10 == 3 else 0.1} for n in range(200)]
    results = Lambda(Tree(threshold=50)).invoke(payloads, concurrency=50, timeout_s=5)

    assert kinds(results) == ["timed out" if n % 10 == 3 else "ok" for n in range(200)]


def test_a_function_without_a_tree_handler_is_told() -> None:
    """GIVEN a function that takes a slice for a payload WHEN payloads go by a tree THEN each failure names the fix."""

    class Plain(Lambda):
        async def _node(self, node: Any) -> Any:
            return await self._one({"n": "taken for a payload"})

    results = Plain(Tree(threshold=2)).invoke([{"n": n} for n in range(3)])
    assert {str(result.failure) for result in results} == {
        "function: NoTreeHandler: the function does not answer a slice; wrap its handler in fanout.invoke.tree_handler"
    }


@pytest.mark.parametrize("bad", [{"threshold": 0}, {"fan_out": 1}, {"depth": -1}, {"invocations": 0}])
def test_a_tree_has_sound_bounds(bad: dict[str, int]) -> None:
    """GIVEN a bound that makes no sense WHEN a tree is made THEN it is refused."""
    with pytest.raises(ValueError, match="at least"):
        Tree(**bad)


PAYLOADS = st.lists(
    st.fixed_dictionaries(
        {"takes_s": st.sampled_from([0.0, 0.1, 1.0, 30.0])}, optional={"raises": st.just("ValueError")}
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(
    payloads=PAYLOADS,
    threshold=st.integers(1, 20),
    fan_out=st.integers(2, 5),
    depth=st.integers(0, 3),
    invocations=st.integers(1, 100),
    concurrency=st.integers(1, 20),
    throttles=st.dictionaries(st.integers(0, 60), st.integers(1, 30), max_size=5),
    node_s=st.sampled_from([0.0, 0.05, 20.0]),
)
def test_order_and_length_are_kept_within_the_budget(
    payloads: list[dict[str, Any]],
    threshold: int,
    fan_out: int,
    depth: int,
    invocations: int,
    concurrency: int,
    throttles: dict[int, int],
    node_s: float,
) -> None:
    """GIVEN any mix of errors, throttles, slow calls and nodes WHEN invoked THEN every payload has one result in its
    place, and no more is invoked than the budget gives."""
    tree = Tree(threshold=threshold, fan_out=fan_out, depth=depth, invocations=invocations)
    service = Lambda(tree, node_s=node_s, throttles=throttles)
    numbered = [{"n": n, **payload} for n, payload in enumerate(payloads)]
    results = service.invoke(numbered, concurrency=concurrency, timeout_s=10)

    assert len(results) == len(numbered)
    assert service.calls <= invocations
    for payload, result in zip(numbered, results, strict=True):
        if result.ok:
            assert result.value == payload["n"]
            assert "raises" not in payload
            assert payload["takes_s"] < 10
        elif result.failure is not None and result.failure.kind is Kind.FUNCTION:
            assert "raises" in payload
    if depth == 0 or len(payloads) <= threshold:
        assert service.most_under_way <= concurrency


@given(
    sizes=st.lists(st.integers(2, MAX_PAYLOAD_BYTES), min_size=1, max_size=80),
    threshold=st.integers(1, 40),
    fan_out=st.integers(2, 9),
    invocations=st.integers(1, 500),
)
def test_slices_cover_all_within_bytes_and_budget(
    sizes: list[int], threshold: int, fan_out: int, invocations: int
) -> None:
    """GIVEN payloads of any size WHEN sliced THEN each is in one slice, in order, each slice fits an invocation unless
    it is one payload, and all shares together are within the budget."""
    tree = Tree(threshold=threshold, fan_out=fan_out)
    made = slices(sizes, tree, Budget(depth=1, invocations=invocations, deadline=0))
    if made is None:
        assert len(sizes) <= threshold or invocations < 2 * len(sizes)
        return
    assert [i for part in made for i in range(part.start, part.stop)] == list(range(len(sizes)))
    assert len(made) + sum(part.invocations for part in made) <= invocations
    for part in made:
        fits = sum(sizes[part.start : part.stop]) + part.stop - part.start + 1_024 <= MAX_PAYLOAD_BYTES
        assert fits or part.stop - part.start == 1
