"""Ask a server whether it can be used, and wait until it can."""

import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final

from fanout_tools.emulators.errors import EmulatorError, NotHealthyError
from fanout_tools.emulators.processes import is_alive
from fanout_tools.emulators.record import Started

__all__ = ["answers", "post", "wait_until_healthy"]

_POLL_SECONDS: Final = 0.1
_ANSWER_SECONDS: Final = 10.0
_LOG_LINES_SHOWN: Final = 20

# A proxy of the environment must not be asked for what is on this machine.
_direct: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def answers(url: str) -> bool:
    """Whether a GET of ``url`` is answered with 200."""
    try:
        with _direct.open(url, timeout=_ANSWER_SECONDS) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def post(url: str) -> None:
    """POST nothing to ``url``.

    :raises EmulatorError: it is not answered, or refused.
    """
    try:
        with _direct.open(urllib.request.Request(url, method="POST"), timeout=60) as answer:
            answer.read()
    except OSError as error:
        raise EmulatorError(f"POST {url} failed: {error}") from error


def wait_until_healthy(server: Started, log: Path, *, timeout_seconds: float) -> None:
    """Return as soon as ``server`` answers its health check.

    :raises NotHealthyError: it died, or did not answer in time; the text has the end of ``log``.
    """
    deadline = time.monotonic() + timeout_seconds
    while True:
        is_healthy = answers(server.health_url)
        # Asked last: if it is gone, it was another that has answered.
        if not is_alive(server.process):
            raise NotHealthyError(f"{server.name} ended while it started; the end of {log}:\n{_end_of(log)}")
        if is_healthy:
            return
        if time.monotonic() > deadline:
            raise NotHealthyError(
                f"{server.name} was not healthy at {server.health_url} after {timeout_seconds:.0f} s "
                f"(allow more with --timeout); the end of {log}:\n{_end_of(log)}"
            )
        time.sleep(_POLL_SECONDS)


def _end_of(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES_SHOWN:]
    return "\n".join(f"  {line}" for line in lines) or "  (empty)"
