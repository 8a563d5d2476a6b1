"""One function process on the real ``awslambdaric``: start it, call it, end it.

Knows nothing of LocalStack. Error types and texts are those that AWS Lambda reports for the same cases.
"""

import contextlib
import json
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fanout_localstack.runtime_api import (
    Answered,
    Event,
    Exited,
    InitFailed,
    Invocation,
    Ready,
    RuntimeApi,
)

__all__ = ["FunctionProcess", "InitError", "Outcome"]

#: AWS's limit of a synchronous response, in bytes ("Lambda quotas": 6 MB; this is the figure in its error
#: text).
MAX_RESPONSE_BYTES: Final = 6_291_556

_MAX_LOG_BYTES: Final = 1 << 20
_TASK_ROOT: Final = "/var/task/"


class InitError(Exception):
    """The function could not be initialised; ``payload`` is the error as its caller gets it."""

    def __init__(self, payload: bytes) -> None:
        super().__init__(payload.decode(errors="replace"))
        self.payload = payload


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of an invocation."""

    payload: bytes
    is_error: bool
    stop_reason: str = ""
    """Why the platform, not the function, ended the invocation: a line for the log."""


class FunctionProcess:
    """A function's process with its Runtime API. One invocation at a time; killed by any thread."""

    def __init__(self, *, python: Path, handler: str, code: Path, environment: Mapping[str, str], log: Path) -> None:
        """Start the process; :meth:`wait_until_ready` says what came of it."""
        self._events: queue.Queue[Event] = queue.Queue()
        self._killing = threading.Lock()
        self.api = RuntimeApi(self._events)
        self._log = log
        self._log_read = 0
        command = _command(code, environment, [str(python), "-m", "awslambdaric", handler])
        try:
            self._process = _spawn(command, code, {**environment, **self.api.environment}, log)
        except OSError:
            self.api.close()
            raise
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    @property
    def pid(self) -> int:
        """The id of the process and of its group."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it can be invoked."""
        return self._process.poll() is None

    def wait_until_ready(self, timeout_seconds: float) -> None:
        """Return once the function is initialised.

        :raises InitError: its code failed, the process ended, or time ran out; the process is gone then.
        """
        deadline = time.monotonic() + timeout_seconds
        try:
            self._await_ready(deadline, timeout_seconds)
        except InitError:
            self.kill()
            raise

    def _await_ready(self, deadline: float, timeout_seconds: float) -> None:
        while True:
            match self._next_event(deadline):
                case Ready():
                    return
                case InitFailed(error):
                    raise InitError(error)
                case Exited(exit_code):
                    raise InitError(_error("Runtime.ExitError", _exit_text(exit_code)))
                case None:
                    text = f"the function was not initialised within {timeout_seconds:.2f} seconds"
                    raise InitError(_error("Sandbox.Timedout", text))

    def invoke(self, invocation: Invocation, timeout_seconds: float) -> Outcome:
        """Call the function; after a timeout or an exit the process is gone for good."""
        deadline = time.monotonic() + timeout_seconds
        self.api.invoke(invocation)
        while True:
            match self._next_event(deadline):
                case Answered(request_id, payload, is_error) if request_id == invocation.request_id:
                    return _checked(payload, is_error=is_error)
                case Exited(exit_code):
                    self.kill()
                    text = f"RequestId: {invocation.request_id} Error: {_exit_text(exit_code)}"
                    return Outcome(payload=_error("Runtime.ExitError", text), is_error=True, stop_reason=text)
                case None:
                    self.kill()
                    text = f"Task timed out after {timeout_seconds:.2f} seconds"
                    error = _error("Sandbox.Timedout", f"RequestId: {invocation.request_id} Error: {text}")
                    reason = f"{_now()} {invocation.request_id} {text}"
                    return Outcome(payload=error, is_error=True, stop_reason=reason)

    def take_log(self) -> str:
        """What was written to standard output and error since the last call, at most 1 MB of it."""
        try:
            with self._log.open("rb") as file:
                file.seek(self._log_read)
                text = file.read(_MAX_LOG_BYTES)
                self._log_read = file.seek(0, os.SEEK_END)
        except FileNotFoundError:
            return ""  # The environment has been removed at the same time.
        return text.decode(errors="replace")

    def kill(self) -> None:
        """End the process and everything it has started; whoever waits for it learns that it exited."""
        with self._killing:
            # Not when it has ended: its id may be another's by now, and the watcher has seen to its group.
            if self._process.poll() is None:
                _kill_group(self._process.pid)
            self._watcher.join()
            self.api.close()

    def _watch(self) -> None:
        exit_code = self._process.wait()
        _kill_group(self._process.pid)
        self._events.put(Exited(exit_code))

    def _next_event(self, deadline: float) -> Event | None:
        try:
            return self._events.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            return None


def _command(code: Path, environment: Mapping[str, str], runtime: list[str]) -> list[str]:
    """What is run: the runtime, or the function's own wrapper script, which is told how the runtime would be."""
    wrapper = environment.get("AWS_LAMBDA_EXEC_WRAPPER", "")
    if not wrapper.startswith(_TASK_ROOT):
        return runtime  # of a layer: those have no place of their own on this machine
    script = code / wrapper.removeprefix(_TASK_ROOT)
    script.chmod(0o755)  # LocalStack unpacks code without its modes
    return [str(script), *runtime]


def _spawn(command: list[str], code: Path, environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        return subprocess.Popen(
            command,
            cwd=code,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # A group of its own, to be killed with all that the function starts, yet in LocalStack's
            # session, which ends as a whole.
            process_group=0,
        )


def _kill_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # All of it has ended.
        os.killpg(group, signal.SIGKILL)


def _checked(payload: bytes, *, is_error: bool) -> Outcome:
    if len(payload) > MAX_RESPONSE_BYTES:
        text = f"Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE_BYTES} bytes)."
        return Outcome(payload=_error("Function.ResponseSizeTooLarge", text), is_error=True)
    return Outcome(payload=payload, is_error=is_error)


def _exit_text(exit_code: int) -> str:
    if exit_code == 0:
        return "Runtime exited without providing a reason"
    if exit_code < 0:
        return f"Runtime exited with error: signal: {str(signal.strsignal(-exit_code)).lower()}"
    return f"Runtime exited with error: exit status {exit_code}"


def _error(kind: str, text: str) -> bytes:
    return json.dumps({"errorType": kind, "errorMessage": text}).encode()


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
