"""The mutation run takes away what is there."""

import pytest

from scripts.paths import REPOSITORY
from scripts.reliability.mutants import MUTANTS, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.recovery)
def test_a_mutants_edit_applies(mutant: Mutant) -> None:
    """GIVEN the core WHEN a recovery is to be taken out THEN its line is there, once."""
    assert mutant.applies((REPOSITORY / "shared" / "fanout" / mutant.file).read_text())
