"""Start, stop and empty the emulators of AWS that fanout is developed and tested on; loopback only.

    with running("localstack", run_dir=tmp_path, port=0) as endpoints:
        boto3.client("sqs", endpoint_url=endpoints.url, ...)

``fanout up``, ``down``, ``reset`` and ``emulator-status`` are the same from the command line. Every failure is an
:class:`EmulatorError`.
"""

from fanout_tools.emulators.lifecycle import EMULATORS, default_run_dir, down, endpoints, reset, running, status, up
from fanout_tools.emulators.model import (
    DockerMissingError,
    EmulatorError,
    Endpoints,
    InstallError,
    NotHealthyError,
    PortTakenError,
    PythonMissingError,
    StateError,
)

__all__ = [
    "EMULATORS",
    "DockerMissingError",
    "EmulatorError",
    "Endpoints",
    "InstallError",
    "NotHealthyError",
    "PortTakenError",
    "PythonMissingError",
    "StateError",
    "default_run_dir",
    "down",
    "endpoints",
    "reset",
    "running",
    "status",
    "up",
]
