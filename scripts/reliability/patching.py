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


@contextmanager
def replaced(pairs: list[tuple[Any, Any]]) -> Iterator[None]:
    """Within the block every module of fanout has the new objects for the old ones: as names of the module, as
    defaults of its functions and classes, and in what its objects were made with."""
    undo: list[Callable[[], None]] = []
    try:
        for old, new in pairs:
            for module in _modules():
                _replace_in(vars(module), module.__name__, old, new, undo)
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


def _replace_in(names: dict[str, Any], module: str, old: Any, new: Any, undo: list[Callable[[], None]]) -> None:
    for name, value in list(names.items()):
        if value is old:
            names[name] = new
            undo.append(lambda name=name: names.__setitem__(name, old))  # type: ignore[misc]
        elif isinstance(value, FunctionType) and value.__module__ == module:
            _replace_defaults(value, old, new, undo)
        elif isinstance(value, type) and value.__module__ == module:
            for member in list(vars(value).values()):
                function = getattr(member, "__func__", member)
                if isinstance(function, FunctionType):
                    _replace_defaults(function, old, new, undo)
        elif type(value).__module__.startswith("fanout") and hasattr(value, "__dict__"):
            _replace_in_object(value, old, new, undo)


def _replace_in_object(value: Any, old: Any, new: Any, undo: list[Callable[[], None]]) -> None:
    for name, content in list(vars(value).items()):
        if content is old:
            value.__dict__[name] = new
            undo.append(lambda name=name: value.__dict__.__setitem__(name, old))  # type: ignore[misc]


def _replace_defaults(function: FunctionType, old: Any, new: Any, undo: list[Callable[[], None]]) -> None:
    defaults, keyword = function.__defaults__, function.__kwdefaults__
    if defaults and any(value is old for value in defaults):
        function.__defaults__ = tuple(new if value is old else value for value in defaults)
        undo.append(lambda: setattr(function, "__defaults__", defaults))
    if keyword and any(value is old for value in keyword.values()):
        function.__kwdefaults__ = {name: new if value is old else value for name, value in keyword.items()}
        undo.append(lambda: setattr(function, "__kwdefaults__", keyword))
