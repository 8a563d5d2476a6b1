"""Whether there is time for one more record."""

from hypothesis import given
from hypothesis import strategies as st

from fanout.processing.timing import LEAST_RESERVE_S, Pace

seconds = st.floats(0, 900)


def test_at_first_only_the_reserve_counts() -> None:
    """GIVEN no record yet WHEN asked THEN there is time as long as the batch can still be settled."""
    assert Pace().allows(LEAST_RESERVE_S)
    assert not Pace().allows(LEAST_RESERVE_S - 0.01)


@given(st.lists(seconds, max_size=60), seconds)
def test_the_last_record_must_fit(took: list[float], last: float) -> None:
    """GIVEN any records WHEN asked THEN there is no time for one as slow as the last, if that does not fit before the
    reserve, and never for less reason than the slowest of all."""
    pace = Pace()
    for duration in [*took, last]:
        pace.took(duration)

    assert not pace.allows(last + LEAST_RESERVE_S - 0.01)
    assert pace.allows(max([*took, last]) + LEAST_RESERVE_S + 0.01)


def test_one_slow_record_is_forgotten() -> None:
    """GIVEN a slow record and 60 quick ones since WHEN asked THEN the slow one no longer counts."""
    pace = Pace()
    pace.took(100)
    assert not pace.allows(10)
    for _ in range(60):
        pace.took(0.1)

    assert pace.allows(10)


def test_the_first_record_of_a_batch_begins_however_slow_an_earlier_one_was() -> None:
    pace = Pace(reserve_s=3)
    pace.took(29)
    assert not pace.allows(30)

    pace.begin_batch()

    assert pace.allows(30)
    assert not pace.allows(3)
    pace.took(1)
    assert not pace.allows(29)
