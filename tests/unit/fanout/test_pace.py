"""Whether there is time for one more record."""

from hypothesis import given
from hypothesis import strategies as st

from fanout.pace import RECENT, RESERVE_S, Pace

seconds = st.floats(0, 900)


def test_at_first_only_the_reserve_counts() -> None:
    """GIVEN no record yet WHEN asked THEN there is time as long as the batch can still be settled."""
    assert Pace().allows(RESERVE_S)
    assert not Pace().allows(RESERVE_S - 0.01)


@given(st.lists(seconds, min_size=1, max_size=60), seconds)
def test_the_slowest_recent_record_must_fit(took: list[float], remaining: float) -> None:
    """GIVEN any records WHEN asked THEN there is time exactly if the slowest of the last 20 fits before the
    reserve."""
    pace = Pace()
    for duration in took:
        pace.took(duration)

    assert pace.allows(remaining) == (remaining - RESERVE_S >= max(took[-RECENT:]))


def test_one_slow_record_is_forgotten() -> None:
    """GIVEN a slow record and 20 quick ones since WHEN asked THEN the slow one no longer counts."""
    pace = Pace()
    pace.took(100)
    assert not pace.allows(10)
    for _ in range(RECENT):
        pace.took(0.1)

    assert pace.allows(10)
