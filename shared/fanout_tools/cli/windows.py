"""Stretches of time as a person writes them."""

import re
import time

import typer

from fanout_tools.operate.sources.metrics import Window

__all__ = ["seconds_of", "since"]

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def since(text: str) -> Window:
    """The time from so long ago until now: ``90s``, ``15m``, ``2h``, ``1d``."""
    now = time.time()
    return Window(now - seconds_of(text), now)


def seconds_of(text: str, option: str = "--since") -> int:
    """
    :raises typer.BadParameter: the text is no such time.
    """
    found = re.fullmatch(r"(\d+)([smhd])", text)
    if found is None or int(found[1]) == 0:
        raise typer.BadParameter(f"{text}: write a number and s, m, h or d, such as 15m", param_hint=option)
    return int(found[1]) * SECONDS[found[2]]
