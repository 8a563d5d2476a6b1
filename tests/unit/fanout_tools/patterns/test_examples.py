"""The examples in the docstrings are true."""

import doctest
from types import ModuleType

import pytest

import fanout_tools.patterns
import fanout_tools.patterns.index


@pytest.mark.parametrize("module", [fanout_tools.patterns, fanout_tools.patterns.index])
def test_examples(module: ModuleType) -> None:
    failed, attempted = doctest.testmod(module)
    assert attempted > 0
    assert failed == 0
