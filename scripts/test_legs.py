"""The tests that need an emulator or real processes, each leg in a run of its own.

``python -m scripts.test_legs``. LocalStack runs in host mode, with the plugin's own tests before it, where there is a
Python 3.13; else in Docker, where there is that. Where it cannot run at all its leg is left out with a word on why; in
CI that is a failure. Legs go on after a failed one, so that one run tells everything.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

from fanout_tools.emulators import DockerMissingError, PythonMissingError
from fanout_tools.emulators.docker import find_engine
from fanout_tools.emulators.pythons import find_python
from scripts.paths import REPOSITORY

PYTEST = ["-m", "pytest"]


@dataclass(frozen=True)
class Leg:
    """One run: what Python is given, and variables over this process's."""

    name: str
    arguments: list[str]
    variables: dict[str, str] = field(default_factory=dict)


def legs() -> Iterator[Leg]:
    """What can run here.

    :raises PythonMissingError: LocalStack cannot; the legs after it are not lost, see :func:`main`.
    """
    yield integration("ministack")
    yield Leg("end to end", [*PYTEST, "tests/e2e"])
    try:
        find_python("3.13")
    except PythonMissingError as missing:
        try:
            find_engine()
        except DockerMissingError:
            raise missing from None
        yield integration("localstack-docker")
    else:
        yield Leg("LocalStack's plugin", ["-m", "fanout_tools.emulators.plugin_tests"])
        yield integration("localstack")


def integration(emulator: str) -> Leg:
    return Leg(f"integration on {emulator}", [*PYTEST, "tests/integration"], {"FANOUT_TEST_EMULATOR": emulator})


def main() -> int:
    """Run the legs; returns the exit code."""
    failed = []
    try:
        for leg in legs():
            print(f"== {leg.name}", flush=True)
            command, environment = [sys.executable, *leg.arguments], {**os.environ, **leg.variables}
            if subprocess.run(command, cwd=REPOSITORY, env=environment, check=False).returncode:
                failed.append(leg.name)
    except PythonMissingError as error:
        print(f"left out: integration on LocalStack, which needs Python 3.13 or Docker: {error}", file=sys.stderr)
        if os.environ.get("CI"):
            failed.append("integration on LocalStack")
    for name in failed:
        print(f"failed: {name}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
