"""Types of the fake Terraform in conftest.py."""

from collections.abc import Callable
from typing import Any

__all__ = ["Calls", "Install"]

#: Reads back every call that was made, oldest first.
Calls = Callable[[], list[dict[str, Any]]]
#: Puts the fake on PATH.
Install = Callable[..., Calls]
