"""What a handler raises, and the one exception that a group of them stands for."""

import asyncio

import pytest

from fanout import EventError, Outcome, Reject, Retry
from fanout.outcomes import single


def test_what_is_no_group_is_itself() -> None:
    """GIVEN an exception that is no group, be it one of the interpreter's WHEN asked THEN it is returned as it is."""
    for error in (ValueError("v"), KeyboardInterrupt(), asyncio.CancelledError()):
        assert single(error) is error


def test_a_group_of_one_is_that_one_however_deep() -> None:
    """GIVEN a group in a group WHEN it holds one exception THEN that is returned."""
    inner = Reject("never")

    assert single(ExceptionGroup("a", [ExceptionGroup("b", [inner])])) is inner


def test_of_one_kind_the_first_counts() -> None:
    """GIVEN several of one class WHEN none asks for a delay THEN the first is returned."""
    first, second = ValueError("1"), ValueError("2")

    assert single(ExceptionGroup("g", [ExceptionGroup("h", [first]), second])) is first


@pytest.mark.parametrize(("delays", "longest"), [([1, 600, 30], 1), ([None, 5], 1), ([0, None], 0)])
def test_of_several_retries_the_longest_delay_counts(delays: list[float | None], longest: int) -> None:
    """GIVEN several that ask for a retry WHEN asked THEN the one with the longest delay is returned."""
    retries = [Retry(str(delay), after=delay) for delay in delays]

    assert single(ExceptionGroup("g", retries)) is retries[longest]


def test_of_several_kinds_the_group_counts() -> None:
    """GIVEN a rejection beside a retry, or a class beside its base WHEN asked THEN the group itself is returned:
    neither speaks for the record."""
    for errors in ([Reject("r"), Retry("t")], [KeyError("k"), LookupError("l")]):
        group = ExceptionGroup("g", errors)
        assert single(group) is group


class Never(Reject):
    """A rejection of the test's own."""


class Later(Retry):
    """A retry of the test's own."""


def test_those_that_mean_the_same_are_of_one_kind() -> None:
    """GIVEN rejections of several classes, or retries WHEN asked THEN one of them stands for the group."""
    never, broken, soon, later = Never("n"), EventError("b"), Retry("s", after=5), Later("l", after=600)

    assert single(ExceptionGroup("g", [never, Reject("r"), broken])) is never
    assert single(ExceptionGroup("g", [broken, never])) is broken
    assert single(ExceptionGroup("g", [soon, later])) is later


def test_a_group_of_what_ends_programs_is_unwrapped_too() -> None:
    """GIVEN a group of SystemExit WHEN asked THEN that is returned."""
    leaving = SystemExit(2)

    assert single(BaseExceptionGroup("g", [leaving])) is leaving


@pytest.mark.parametrize("after", [-1, 43_201])
def test_a_delay_that_sqs_does_not_take_is_refused(after: float) -> None:
    """GIVEN a delay that SQS does not take WHEN a retry is asked for THEN it is refused where it is written."""
    with pytest.raises(ValueError, match="SQS hides a message for 0 to 43,200 s"):
        Retry(after=after)


def test_an_outcome_is_found_by_its_text() -> None:
    """GIVEN outcomes by their text, as in a metrics line WHEN looked up by the outcome THEN each is found."""
    assert {outcome.value: outcome for outcome in Outcome} == {outcome: outcome for outcome in Outcome}
