"""Stretches of time as a person writes them."""

from __future__ import annotations

import re
import time

from fanout.errors import FanoutError
from fanout_tools.operate.sources.metrics import Window

__all__ = ["WindowError", "seconds_of", "since"]

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class WindowError(FanoutError):
    """It is no stretch of time."""

    exit_code = 2


def since(text: str) -> Window:
    """The time from so long ago until now: ``90s``, ``15m``, ``2h``, ``1d``.

    :raises WindowError: the text is no such time.
    """
    now = time.time()
    return Window(now - seconds_of(text), now)


def seconds_of(text: str, option: str = "--since") -> int:
    """
    :param option: where it is written, for the error.
    :raises WindowError: the text is no such time.
    """
    found = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if found is None or int(found[1]) == 0:
        raise WindowError(f"{option}: {text}: write a number and s, m, h or d, such as 15m")
    return int(found[1]) * SECONDS[found[2]]
