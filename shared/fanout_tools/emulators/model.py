"""What the parts of this package tell each other: what to start, where it will answer, and what can go wrong.

EmulatorError
+-- InstallError          an emulator's virtual environment cannot be made
|   +-- PythonMissingError  the Python version that an emulator needs is not on this machine
+-- DockerMissingError    an emulator that needs a Docker engine, and there is none
+-- PortTakenError        something else listens on the port
+-- NotHealthyError       a server died while it started, or did not answer in time
+-- StateError            the run directory holds something else than was asked for
"""

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fanout_tools.errors import ToolError
from fanout_tools.project import project

__all__ = [
    "HOST",
    "DockerMissingError",
    "EmulatorError",
    "Endpoints",
    "InstallError",
    "NotHealthyError",
    "Plan",
    "PortTakenError",
    "PythonMissingError",
    "Request",
    "Server",
    "StateError",
    "home",
    "minimal_environment",
]

#: No emulator may be reached from another machine: none of them asks who calls.
HOST: Final = "127.0.0.1"

# AWS_* above all must not get through: functions inherit the emulator's environment, and must never find the
# credentials or the endpoints of a real account in it.
_PASSED_ON: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "USER")


def home() -> Path:
    """Where every emulator has a directory of its own, with its virtual environment in it."""
    return project().build / "emulators"


@dataclass(frozen=True, kw_only=True)
class Endpoints:
    """Where an emulator answers."""

    url: str
    """Base URL of every service but DynamoDB."""
    dynamodb_url: str
    """Base URL of DynamoDB; the same as ``url`` where one server has both."""

    def environment(self) -> dict[str, str]:
        """The variables that point AWS SDKs, the AWS CLI and Terraform at the emulator."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ENDPOINT_URL_DYNAMODB": self.dynamodb_url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the caller wants started."""

    emulator: str
    run_dir: Path
    """Absolute; state, logs and the pid file go here."""
    port: int
    """Never 0: a free port has been chosen already."""
    enforce_iam: bool = False
    dynamodb_port: int = 0
    """For the emulator that has DynamoDB on a port of its own; 0 takes a free one."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """One process to start."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    """The whole environment of the process."""
    port: int
    health_path: str
    """Answers 200 once the server can be used."""
    after_stop: Sequence[str] = ()
    """A command that clears what ending the process may leave behind; its failure means there was nothing."""

    @property
    def health_url(self) -> str:
        """Where its health is asked for."""
        return f"http://{HOST}:{self.port}{self.health_path}"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The servers of one emulator, in the order in which they start."""

    servers: Sequence[Server]
    endpoints: Endpoints


def minimal_environment(run_dir: Path, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What every server is started with; temporary files go under ``run_dir``."""
    temporary = run_dir / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    passed_on = {name: environ[name] for name in _PASSED_ON if name in environ}
    return {"PATH": os.defpath, "HOME": tempfile.gettempdir(), **passed_on} | {
        "TMPDIR": str(temporary),
        "PYTHONUNBUFFERED": "1",
    }


class EmulatorError(ToolError):
    """Base of every error this package raises; the text names the thing and the fix."""


class InstallError(EmulatorError):
    """The virtual environment of an emulator, or of the functions it runs, cannot be made."""


class PythonMissingError(InstallError):
    """An emulator needs a Python version that was not found on this machine."""


class DockerMissingError(EmulatorError):
    """There is no Docker engine to run an image with."""


class PortTakenError(EmulatorError):
    """Another process listens on the port that was asked for."""


class NotHealthyError(EmulatorError):
    """A server died while it started, or did not become healthy in time; the text has the end of its log."""


class StateError(EmulatorError):
    """What runs in the run directory is not what the call was about."""
