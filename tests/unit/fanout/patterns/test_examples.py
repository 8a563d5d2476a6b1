"""The examples in the docstrings are true."""

import doctest
from types import ModuleType

import pytest

import fanout.patterns
import fanout.patterns.index


@pytest.mark.parametrize("module", [fanout.patterns, fanout.patterns.index])
def test_examples(module: ModuleType) -> None:
    failed, attempted = doctest.testmod(module)
    assert attempted > 0
    assert failed == 0
