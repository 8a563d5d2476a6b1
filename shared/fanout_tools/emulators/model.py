"""What the parts of this package tell each other: what to start, and where it will answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fanout_tools.project import project

__all__ = ["HOST", "Endpoints", "Plan", "Request", "Server", "home"]

#: No emulator may be reached from another machine: none of them asks who calls.
HOST: Final = "127.0.0.1"


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
