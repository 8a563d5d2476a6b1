"""What runs in a run directory, written down so that another process can ask it or stop it later."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from fanout_tools.emulators.model import EmulatorError, Endpoints, NotHealthyError, StateError
from fanout_tools.emulators.processes import ProcessRecord, is_alive

__all__ = ["Run", "Started", "answers", "load", "post", "remove", "save", "wait_until_healthy"]

_FILE: Final = "run.json"
_ENDPOINTS: Final = "endpoint.env"
_POLL_SECONDS: Final = 0.1
_ANSWER_SECONDS: Final = 10.0
_LOG_LINES_SHOWN: Final = 20
# A proxy of the environment must not be asked for what is on this machine.
_direct: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, kw_only=True)
class Started:
    """A server that was started."""

    name: str
    process: ProcessRecord
    health_url: str
    after_stop: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Run:
    """An emulator that was started in a run directory; it need not be alive any more."""

    emulator: str
    port: int
    enforce_iam: bool
    endpoints: Endpoints
    servers: Sequence[Started]


def save(run_dir: Path, run: Run) -> None:
    """Write ``run`` down, and its endpoints as a file that a shell can source."""
    lines = (f"{name}={value}\n" for name, value in run.endpoints.environment().items())
    _replace(run_dir / _ENDPOINTS, "".join(lines))
    _replace(run_dir / _FILE, json.dumps(asdict(run), indent=2))


def _replace(path: Path, text: str) -> None:
    """Write at once, so that a command that is killed leaves no half of a record."""
    draft = path.with_name(f"{path.name}.draft")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def load(run_dir: Path) -> Run | None:
    """What was started in ``run_dir`` and not stopped since; None when there is nothing.

    :raises StateError: the record cannot be read.
    """
    path = run_dir / _FILE
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        servers = [Started(**{**server, "process": ProcessRecord(**server["process"])}) for server in data["servers"]]
        return Run(**{**data, "endpoints": Endpoints(**data["endpoints"]), "servers": servers})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StateError(
            f"{path} is no record of a running emulator ({error}): end what runs there by hand, then delete the file"
        ) from error


def remove(run_dir: Path) -> None:
    """Forget the run: it has been stopped."""
    for name in (_FILE, _ENDPOINTS):
        (run_dir / name).unlink(missing_ok=True)


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
