"""What modules say to the compiler of the hot path (``router/compile_hot_path.py``); without it, nothing."""

from collections.abc import Callable
from typing import TYPE_CHECKING

__all__ = ["mypyc_attr"]

if not TYPE_CHECKING:

    def mypyc_attr(**_options: bool) -> Callable[[type], type]:
        """Marks a class; ``allow_interpreted_subclasses``: one that is not compiled may derive from it."""
        return lambda marked: marked

else:
    from mypy_extensions import mypyc_attr
