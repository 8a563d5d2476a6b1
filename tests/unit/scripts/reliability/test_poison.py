"""One bad record never harms its batch."""

import pytest

from scripts.reliability import poison
from scripts.reliability.poison import Case


@pytest.mark.parametrize("case", list(poison.cases()), ids=str)
def test_only_the_bad_record_is_dead_lettered(case: Case) -> None:
    """GIVEN a batch of ten with a harmful record WHEN all is quiet THEN it is in the DLQ with a cause, and the nine
    others have their effect once."""
    assert poison.run(case) == []
