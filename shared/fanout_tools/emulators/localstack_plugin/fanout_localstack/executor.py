"""Run Lambda functions as local processes: LocalStack's ``LAMBDA_RUNTIME_EXECUTOR=local``.

LocalStack's own executor needs Docker. This one takes its place through the same plug-in point and leaves
everything else (versions, aliases, concurrency, retries, destinations, event source mappings) to
LocalStack. Only Python functions; no memory limit; the architecture is ignored.
"""

import logging
import os
import shutil
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Final

import psutil
from localstack import config
from localstack.services.lambda_.invocation.executor_endpoint import StatusErrorException
from localstack.services.lambda_.invocation.lambda_models import ArchiveCode, FunctionVersion, InvocationResult
from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor

from fanout_localstack.environment import function_environment
from fanout_localstack.log import InvocationLog
from fanout_localstack.process import FunctionProcess, InitError, Outcome
from fanout_localstack.runtime_api import Invocation
from fanout_localstack.slots import Slots

__all__ = ["LocalRuntimeExecutor", "LocalRuntimeExecutorPlugin"]

LOG = logging.getLogger(__name__)

#: On a machine with a few GB to spare; 40 x 49 MB.
_DEFAULT_PROCESSES: Final = 40


class LocalRuntimeExecutorPlugin(RuntimeExecutorPlugin):
    """Makes the executor known to LocalStack under the name "local"."""

    name = "local"

    def load(self, *args: object, **kwargs: object) -> type[RuntimeExecutor]:  # noqa: ARG002 - the base class's
        """The executor, for LocalStack to make one of per execution environment."""
        return LocalRuntimeExecutor


class LocalRuntimeExecutor(RuntimeExecutor):
    """One execution environment; its process is replaced after a timeout or an exit."""

    def __init__(self, id: str, function_version: FunctionVersion) -> None:  # noqa: A002 - LocalStack's name
        super().__init__(id, function_version)
        self._config = function_version.config
        self._given: dict[str, str] = {}
        self.home: Path | None = None
        """Its folder on disk, from its start to its stop."""
        self.process: FunctionProcess | None = None
        """None before the start, and while it is parked."""
        self._init_ms: float | None = None
        self._stopped = False

    def start(self, env_vars: dict[str, str]) -> None:
        """Start the function's process and wait until it is initialised.

        :raises StatusErrorException: it failed to; its payload is what the caller of the function gets.
        """
        self._given = {name: str(value) for name, value in env_vars.items()}
        self.home = Path(tempfile.mkdtemp(prefix=f"{self.function_version.id.function_name}-"))
        _scratch(self.home).mkdir()
        try:
            with function_slots().hold(self, _startup_timeout()):
                self._boot()
        except InitError as error:
            raise StatusErrorException("Environment startup failed", payload=error.payload) from error

    def stop(self) -> None:
        """End the process, in the middle of an invocation too."""
        self._stopped = True
        function_slots().release(self)
        self.park()
        if self.home:
            shutil.rmtree(self.home, ignore_errors=True)

    def park(self) -> None:
        """End the process and keep the environment, which gets another process when it is next invoked."""
        process, self.process = self.process, None
        if process:
            process.kill()

    def invoke(self, payload: dict[str, str]) -> InvocationResult:
        """Call the function and return its result or error, with the log."""
        with function_slots().hold(self, _startup_timeout()):
            try:
                if self.process is None or not self.process.is_alive:
                    self.park()
                    self._boot()
                process = self.process
                assert process is not None
                return self._call(process, payload)
            except InitError as error:
                outcome = Outcome(payload=error.payload, is_error=True)
                return self._result(payload["invoke-id"], outcome, output="", duration_ms=0, memory_mb=0)

    def get_logs(self) -> str:
        """What the function wrote since its last invocation."""
        return self.process.take_log() if self.process else ""

    def get_address(self) -> str:
        """The address of this environment as LocalStack sees it."""
        return "127.0.0.1"

    def get_endpoint_from_executor(self) -> str:
        """The address of LocalStack as the function sees it."""
        return "127.0.0.1"

    def get_runtime_endpoint(self) -> str:
        """Where an init program in a container would report; unused here."""
        return f"http://127.0.0.1:{config.GATEWAY_LISTEN[0].port}/_localstack_lambda/{self.id}"

    @classmethod
    def prepare_version(cls, function_version: FunctionVersion) -> None:
        """Unpack the code and the layers; one copy of each serves all environments.

        :raises ValueError: the function is none that can run here.
        """
        runtime = function_version.config.runtime or "a container image"
        if not runtime.startswith("python"):
            raise ValueError(f"{runtime} cannot run as a local process: only Python runtimes can")
        for archive in _archives(function_version):
            archive.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version: FunctionVersion) -> None:
        """Nothing to do: LocalStack removes the unpacked code with the function."""

    @classmethod
    def validate_environment(cls) -> bool:
        """Whether functions can be run; says so in the log when they cannot."""
        try:
            _python()
        except RuntimeError as error:
            LOG.error("%s", error)
            return False
        return True

    def _boot(self) -> None:
        if self._stopped or self.home is None:
            raise RuntimeError(f"execution environment {self.id} has been stopped")
        began = time.perf_counter()
        code, *layers = (archive.get_unzipped_code_location() for archive in _archives(self.function_version))
        environment = function_environment(
            self._given,
            own=self._config.environment or {},
            runtime=str(self._config.runtime),
            code=code,
            layers=layers,
            scratch=_scratch(self.home),
            dynamodb_url=os.environ.get("FANOUT_FUNCTION_DYNAMODB_URL"),
        )
        process = FunctionProcess(
            python=_python(),
            handler=str(self._config.handler),
            code=code,
            environment=environment,
            log=self.home / "log",
        )
        # Known before it is ready, so that stop() ends it in the middle of its initialisation.
        self.process = process
        try:
            process.wait_until_ready(_startup_timeout())
        except InitError as error:
            LOG.warning("%s failed to initialise: %s\n%s", self._name, error, process.take_log())
            raise
        self._init_ms = (time.perf_counter() - began) * 1000

    def _call(self, process: FunctionProcess, payload: dict[str, str]) -> InvocationResult:
        timeout = self._config.timeout
        began = time.time()
        invocation = Invocation(
            request_id=payload["invoke-id"],
            payload=payload["payload"].encode(),
            function_arn=payload["invoked-function-arn"],
            trace_id=payload["trace-id"],
            deadline_ms=int((began + timeout) * 1000),
        )
        outcome = process.invoke(invocation, timeout)
        duration_ms = (time.time() - began) * 1000
        return self._result(
            invocation.request_id,
            outcome,
            output=process.take_log(),
            duration_ms=duration_ms,
            memory_mb=_memory_mb(process),
        )

    def _result(
        self, request_id: str, outcome: Outcome, *, output: str, duration_ms: float, memory_mb: int
    ) -> InvocationResult:
        init_ms, self._init_ms = self._init_ms, None
        log = InvocationLog(
            request_id=request_id,
            version=self.function_version.id.qualifier,
            output=output,
            stop_reason=outcome.stop_reason,
            duration_ms=duration_ms,
            init_ms=init_ms,
            memory_size_mb=self._config.memory_size,
            memory_used_mb=memory_mb,
        )
        return InvocationResult(request_id, outcome.payload, outcome.is_error, str(log))

    @property
    def _name(self) -> str:
        return f"{self.function_version.id.function_name}:{self.function_version.id.qualifier}"


@cache
def function_slots() -> Slots:
    return Slots(int(os.environ.get("FANOUT_FUNCTION_PROCESSES", _DEFAULT_PROCESSES)))


def _python() -> Path:
    named = os.environ.get("FANOUT_FUNCTION_PYTHON", "")
    if not named or not os.access(named, os.X_OK):
        raise RuntimeError(
            f"FANOUT_FUNCTION_PYTHON is {named!r}: set it to an interpreter that has awslambdaric installed"
        )
    return Path(named)


def _scratch(home: Path) -> Path:
    """Where the function may write; the log lies beside it."""
    return home / "tmp"


def _startup_timeout() -> float:
    return float(config.LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT)


def _archives(function_version: FunctionVersion) -> list[ArchiveCode]:
    """The code, then the layers in the order in which the function names them."""
    layers = (layer.code for layer in function_version.config.layers)
    return [archive for archive in (function_version.config.code, *layers) if archive is not None]


def _memory_mb(process: FunctionProcess) -> int:
    try:
        return psutil.Process(process.pid).memory_info().rss >> 20
    except psutil.Error:
        return 0  # It has ended: nobody can tell any more.
