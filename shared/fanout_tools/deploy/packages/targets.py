"""What packages are built for: an interpreter and a platform."""

import json
import platform
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

__all__ = ["Target", "aws", "local"]

AWS_PYTHON = "3.13"
NEWEST_RUNTIME = "3.13"
"""The newest that the AWS provider 5.100 knows as a runtime; 6.x knows more, and what a plan names has to suit both."""

# Lambda's Python 3.13 runs on Amazon Linux 2023, whose glibc is 2.34.
_GLIBC = ("manylinux_2_34", "manylinux_2_28", "manylinux_2_17", "manylinux2014")
_MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}


@dataclass(frozen=True, kw_only=True)
class Target:
    """One directory of packages."""

    name: str
    python: str
    """Major and minor version."""
    architectures: tuple[str, ...]
    """AWS's names: arm64, x86_64."""
    native: bool
    """Built for this very interpreter, so that pip needs no telling."""

    def arguments(self, architecture: str, *, uv: bool) -> list[str]:
        """How pip or uv is told the platform; it then takes only wheels."""
        if self.native:
            return ["--only-binary=:all:"]
        machine = _MACHINES[architecture]
        if uv:  # takes the wheels of older glibc too
            platform = f"--python-platform={machine}-{_GLIBC[0]}"
            return ["--only-binary=:all:", f"--python-version={self.python}", platform]
        platforms = [f"--platform={libc}_{machine}" for libc in _GLIBC]
        return ["--only-binary=:all:", "--implementation=cp", f"--python-version={self.python}", *platforms]

    def description(self, sources: Mapping[str, str]) -> str:
        """What ``target.json`` says, for Terraform: the Lambda runtime, the architecture when there is one, and the
        digests of what the packages were made of."""
        only = self.architectures[0] if self.native else None
        # Emulators run functions by their own interpreter, whatever the runtime is called.
        runtime = min(self.python, NEWEST_RUNTIME, key=lambda version: [int(part) for part in version.split(".")])
        said = {"runtime": f"python{runtime}", "architecture": only, "sources": dict(sources)}
        return json.dumps(said, indent=1) + "\n"


def local() -> Target:
    """This machine: emulators run functions as its processes."""
    machine = platform.machine()
    return Target(
        name="local",
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        architectures=("arm64" if machine in {"aarch64", "arm64"} else "x86_64",),
        native=True,
    )


def aws(architectures: Iterable[str]) -> Target:
    """AWS Lambda, for the architectures that workers declare."""
    return Target(name="aws", python=AWS_PYTHON, architectures=tuple(sorted(set(architectures))), native=False)
