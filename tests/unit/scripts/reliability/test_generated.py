"""Edits of the core that nobody chose."""

import ast

import pytest

from scripts.paths import REPOSITORY
from scripts.reliability.generated import MODULES, edits, sample
from scripts.reliability.unnoticed import UNNOTICED


@pytest.mark.parametrize("module", MODULES)
def test_each_edit_changes_the_module_and_leaves_it_python(module: str) -> None:
    """GIVEN a module WHEN each edit is applied THEN another program comes of it."""
    source = (REPOSITORY / "shared" / "fanout" / module).read_text()
    found = list(edits(module))

    assert found
    for edit in found:
        assert ast.dump(ast.parse(edit.apply(source))) != ast.dump(ast.parse(source)), edit


def test_a_sample_is_of_all_modules_and_the_same_each_time() -> None:
    """GIVEN a count WHEN sampled twice THEN the same edits; a smaller sample comes first in a greater."""
    assert sample(40) == sample(40)
    assert sample(40)[:10] == sample(10)
    assert {edit.file for edit in sample(40)} == set(MODULES)


def test_what_may_go_unnoticed_is_there() -> None:
    """GIVEN the edits that no cell can notice WHEN compared with the core THEN each is one of its edits."""
    assert UNNOTICED.keys() <= {str(edit) for module in MODULES for edit in edits(module)}
    assert all(UNNOTICED.values())
