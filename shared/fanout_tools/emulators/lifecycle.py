"""Start, stop and empty an emulator in a run directory.

A run directory holds one emulator at a time: its record, the logs and the state of its servers. The default
one, ``build/emulators/<name>``, is the developer's; tests use others, so that both can run side by side.
"""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from fanout_tools.emulators import localstack, ministack
from fanout_tools.emulators.model import HOST, EmulatorError, Endpoints, Plan, Request, Server, StateError, home
from fanout_tools.emulators.ports import check_free, free_port, negotiate
from fanout_tools.emulators.processes import is_alive, start, stop
from fanout_tools.emulators.record import Run, Started, answers, load, post, remove, save, wait_until_healthy
from fanout_tools.installer import locked

__all__ = ["EMULATORS", "PREFERRED_PORT", "default_run_dir", "down", "endpoints", "reset", "running", "status", "up"]

EMULATORS: Final[Mapping[str, Callable[[Request], Plan]]] = {
    "ministack": ministack.plan,
    "localstack": localstack.plan,
    "localstack-docker": localstack.plan_container,
}

#: LocalStack is healthy after 2 to 5 seconds on two cores; an image that has to be pulled first takes
#: minutes.
_TIMEOUT_SECONDS: Final = 300.0
#: None of them has anything to save, and LocalStack would wait for every open request.
_GRACE_SECONDS: Final = 4.0
#: Where AWS emulators usually answer.
PREFERRED_PORT: Final = 4566


def default_run_dir(emulator: str) -> Path:
    """Where an emulator runs unless the caller says otherwise."""
    return home() / emulator


def up(
    emulator: str,
    *,
    run_dir: Path | None = None,
    port: int | None = 0,
    enforce_iam: bool = False,
    timeout_seconds: float = _TIMEOUT_SECONDS,
) -> Endpoints:
    """Start ``emulator`` and wait until it is healthy; does nothing when it is that already.

    :param emulator: a key of :data:`EMULATORS`.
    :param port: where it is to listen on loopback; 0 takes a free port, None the usual one, or a free one where
        another process has that.
    :param enforce_iam: have every call checked against IAM policies; only MiniStack can.
    :raises EmulatorError: it cannot be started here (what is missing is named), the port is taken, it died,
        or it was not healthy in time. Nothing of it is left running then.
    """
    if emulator not in EMULATORS:
        raise EmulatorError(f"there is no emulator {emulator!r}: choose among {', '.join(sorted(EMULATORS))}")
    run_dir = _ready(run_dir or default_run_dir(emulator))
    if enforce_iam and emulator != "ministack":
        raise EmulatorError(f"{emulator} cannot enforce IAM: only ministack can")
    with locked(run_dir / "lock"):
        if (run := load(run_dir)) is not None:
            if _is_healthy(run):
                return _reuse(run, emulator, port, enforce_iam=enforce_iam, run_dir=run_dir)
            _stop(run_dir, run)
        request = Request(emulator=emulator, run_dir=run_dir, port=_port(port), enforce_iam=enforce_iam)
        return _start(request, EMULATORS[emulator](request), timeout_seconds)


def down(emulator: str, *, run_dir: Path | None = None) -> bool:
    """Stop what runs in the run directory, with all processes that it has started.

    :returns: whether anything was there to stop.
    :raises EmulatorError: a process cannot be ended, or the record cannot be read.
    """
    run_dir = _ready(run_dir or default_run_dir(emulator))
    with locked(run_dir / "lock"):
        run = load(run_dir)
        if run is not None:
            _stop(run_dir, run)
    return run is not None


def reset(emulator: str, *, run_dir: Path | None = None) -> Endpoints:
    """Empty a running emulator; its endpoints stay the same.

    :raises StateError: it is not running.
    :raises EmulatorError: it cannot be emptied.
    """
    run_dir = _ready(run_dir or default_run_dir(emulator))
    with locked(run_dir / "lock"):
        run = load(run_dir)
        if run is None or not _is_healthy(run):
            raise StateError(f"{emulator} is not running in {run_dir}: start it with `up` first")
        if run.emulator == "ministack":
            post(f"http://{HOST}:{run.port}{ministack.RESET_PATH}")
            return run.endpoints
        return _restart(run_dir, run)


def endpoints(emulator: str, *, run_dir: Path | None = None) -> Endpoints | None:
    """Where an emulator answers; None when it does not."""
    run = load(run_dir or default_run_dir(emulator))
    return run.endpoints if run and _is_healthy(run) else None


def status(emulator: str, *, run_dir: Path | None = None) -> dict[str, str]:
    """Each server with "healthy", "not answering" or "dead"; empty when the emulator was not started."""
    run = load(run_dir or default_run_dir(emulator))
    return {server.name: _state(server) for server in run.servers} if run else {}


@contextmanager
def running(
    emulator: str,
    *,
    run_dir: Path,
    port: int | None = 0,
    enforce_iam: bool = False,
    timeout_seconds: float = _TIMEOUT_SECONDS,
) -> Iterator[Endpoints]:
    """An emulator of one's own for as long as the block lasts.

    What an earlier block, killed before its end, left in ``run_dir`` is stopped first.

    :raises EmulatorError: see :func:`up`.
    """
    down(emulator, run_dir=run_dir)
    endpoints = up(emulator, run_dir=run_dir, port=port, enforce_iam=enforce_iam, timeout_seconds=timeout_seconds)
    try:
        yield endpoints
    finally:
        down(emulator, run_dir=run_dir)


def _ready(run_dir: Path) -> Path:
    run_dir.mkdir(parents=True, exist_ok=True)
    return run_dir.resolve()


def _port(wanted: int | None) -> int:
    if wanted is None:
        return negotiate(PREFERRED_PORT)
    if wanted:
        check_free(wanted)
    return wanted or free_port()


def _reuse(run: Run, emulator: str, port: int | None, *, enforce_iam: bool, run_dir: Path) -> Endpoints:
    same = (run.emulator, run.enforce_iam) == (emulator, enforce_iam) and port in (None, 0, run.port)
    if not same:
        iam = " with IAM enforced" if run.enforce_iam else ""
        raise StateError(
            f"{run.emulator}{iam} runs on port {run.port} in {run_dir}: stop it with `down` first, or "
            f"choose another --run-dir"
        )
    print(f"{emulator} is already running on port {run.port}", file=sys.stderr)
    return run.endpoints


def _start(request: Request, plan: Plan, timeout_seconds: float) -> Endpoints:
    started: list[Started] = []
    run = Run(
        emulator=request.emulator,
        port=request.port,
        enforce_iam=request.enforce_iam,
        endpoints=plan.endpoints,
        servers=started,
    )
    try:
        for server in plan.servers:
            started.append(_launch(server, request.run_dir))
            save(request.run_dir, run)
            wait_until_healthy(started[-1], _log(request.run_dir, server.name), timeout_seconds=timeout_seconds)
    except BaseException:
        _stop(request.run_dir, run)
        raise
    return plan.endpoints


def _restart(run_dir: Path, run: Run) -> Endpoints:
    """LocalStack has no way to be emptied but to be started anew."""
    _stop(run_dir, run)
    request = Request(
        emulator=run.emulator,
        run_dir=run_dir,
        port=run.port,
        dynamodb_port=urlsplit(run.endpoints.dynamodb_url).port or 0,
    )
    return _start(request, EMULATORS[run.emulator](request), _TIMEOUT_SECONDS)


def _launch(server: Server, run_dir: Path) -> Started:
    process = start(server.command, environment=server.environment, cwd=run_dir, log=_log(run_dir, server.name))
    return Started(name=server.name, process=process, health_url=server.health_url, after_stop=server.after_stop)


def _log(run_dir: Path, name: str) -> Path:
    return run_dir / f"{name}.log"


def _stop(run_dir: Path, run: Run) -> None:
    for server in reversed(run.servers):
        stop(server.process, grace_seconds=_GRACE_SECONDS)
        if server.after_stop:
            subprocess.run(server.after_stop, capture_output=True, check=False)
    remove(run_dir)
    for state in ("tmp", "ministack-state", "localstack-state"):
        shutil.rmtree(run_dir / state, ignore_errors=True)


def _state(server: Started) -> str:
    if not is_alive(server.process):
        return "dead"
    return "healthy" if answers(server.health_url) else "not answering"


def _is_healthy(run: Run) -> bool:
    return all(_state(server) == "healthy" for server in run.servers)
