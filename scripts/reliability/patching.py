"""Puts virtual time and the model's clients in the place of the real ones, within fanout's modules alone."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from types import FunctionType
from typing import Any

import fanout

__all__ = ["replaced"]

NOT_IN_FUNCTIONS = ("fanout_tools.cli", "fanout.testing")
"""Packages that no Lambda function loads."""

NewOf = dict[int, Any]
"""What takes an object's place, by the object's id."""


@contextmanager
def replaced(pairs: list[tuple[Any, Any]]) -> Iterator[None]:
    """Within the block every module of fanout has the new objects for the old ones: as names of the module, as
    defaults of its functions and classes, and in what its objects were made with."""
    undo: list[Callable[[], None]] = []
    new_of = {id(old): new for old, new in pairs}  # one walk for all: a world is made for each cell of the matrix
    try:
        for module in _modules():
            _replace_in(vars(module), module.__name__, new_of, undo)
        yield
    finally:
        for step in reversed(undo):
            step()


@cache
def _load() -> None:
    for found in pkgutil.walk_packages(fanout.__path__, "fanout."):
        if not found.name.startswith(NOT_IN_FUNCTIONS):
            with suppress(ImportError):  # of an extra that is not installed
                importlib.import_module(found.name)


def _modules() -> list[Any]:
    _load()
    return [m for name, m in list(sys.modules.items()) if name.startswith("fanout") and hasattr(m, "__dict__")]


def _replace_in(names: dict[str, Any], module: str, new_of: NewOf, undo: list[Callable[[], None]]) -> None:
    for name, value in list(names.items()):
        if id(value) in new_of:
            _replace_item(names, name, new_of, undo)
        elif isinstance(value, FunctionType):
            if value.__module__ == module:
                _replace_defaults(value, new_of, undo)
        elif isinstance(value, type):
            if value.__module__ == module:
                _replace_in_class(value, new_of, undo)
        elif type(value).__module__.startswith("fanout") and hasattr(value, "__dict__"):
            for held in [held for held, content in vars(value).items() if id(content) in new_of]:
                _replace_item(vars(value), held, new_of, undo)


def _replace_item(names: dict[str, Any], name: str, new_of: NewOf, undo: list[Callable[[], None]]) -> None:
    old = names[name]
    names[name] = new_of[id(old)]
    undo.append(lambda: names.__setitem__(name, old))


def _replace_in_class(value: type, new_of: NewOf, undo: list[Callable[[], None]]) -> None:
    for member in list(vars(value).values()):
        function = getattr(member, "__func__", member)
        if isinstance(function, FunctionType):
            _replace_defaults(function, new_of, undo)


def _replace_defaults(function: FunctionType, new_of: NewOf, undo: list[Callable[[], None]]) -> None:
    defaults, keyword = function.__defaults__, function.__kwdefaults__
    if defaults and any(id(value) in new_of for value in defaults):
        function.__defaults__ = tuple(new_of.get(id(value), value) for value in defaults)
        undo.append(lambda: setattr(function, "__defaults__", defaults))
    if keyword and any(id(value) in new_of for value in keyword.values()):
        function.__kwdefaults__ = {name: new_of.get(id(value), value) for name, value in keyword.items()}
        undo.append(lambda: setattr(function, "__kwdefaults__", keyword))
