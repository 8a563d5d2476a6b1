"""All tests: what declares the workers first, then the legs beside each other.

``python -m scripts.test_legs``. A leg needs an emulator or real processes, and has its own ports, its own Terraform
state and its own folder under build/. LocalStack runs in host mode, with the plugin's own tests, where there is a
Python 3.13; else in Docker, where there is that. Where it cannot run at all its leg is left out with a word on why; in
CI that is a failure. The console's pages are looked at in Chromium, where there is one. Legs go on after a failed one,
so that one run tells everything.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from fanout_tools.emulators import DockerMissingError, PythonMissingError
from fanout_tools.emulators.localstack import find_engine
from fanout_tools.emulators.venvs import find_python
from scripts import steps
from scripts.steps import Step
from tests.apps import chromium

PYTEST = [sys.executable, "-m", "pytest"]
CHECK = Step("fanout check", [str(Path(sys.executable).with_name("fanout")), "check"])
AT_ONCE = steps.CORES + 1
"""A leg waits for its emulator half of the time."""
END_TO_END = Step("end to end", [*PYTEST, "tests/e2e"])
APPS = Step("real apps", [*PYTEST, "tests/apps"])
CONSOLE = Step("console", [*PYTEST, "tests/console"])
UNIT = Step("unit", [*PYTEST, "--numprocesses", "auto", "--dist", "loadfile"])


def legs() -> Iterator[Step]:
    """What can run here, the longest first.

    :raises PythonMissingError: LocalStack cannot; it is the last, so that the other legs are not lost.
    """
    yield END_TO_END
    yield UNIT
    yield integration("ministack")
    yield APPS
    if chromium.find():
        yield CONSOLE
    try:
        find_python("3.13")
    except PythonMissingError as missing:
        try:
            find_engine()
        except DockerMissingError:
            raise missing from None
        yield integration("localstack-docker")
    else:
        yield integration("localstack")
        yield Step("LocalStack's plugin", [sys.executable, "-m", "scripts.plugin_tests"])


def integration(emulator: str) -> Step:
    return Step(f"integration on {emulator}", [*PYTEST, "tests/integration"], {"FANOUT_TEST_EMULATOR": emulator})


def main() -> int:
    """Run all; returns the exit code."""
    checked = steps.run([CHECK])
    if steps.report(checked):
        return 1
    found, left_out = _found()
    code = steps.report([*checked, *steps.run(found, at_once=AT_ONCE)])
    if not chromium.find():
        print("left out: the console in a browser, which needs Chromium", file=sys.stderr)
    if left_out is not None:
        print(f"left out: integration on LocalStack, which needs Python 3.13 or Docker: {left_out}", file=sys.stderr)
        return 1 if os.environ.get("CI") else code
    return code


def _found() -> tuple[list[Step], PythonMissingError | None]:
    """The legs, and why LocalStack's is not among them."""
    found = []
    try:
        for leg in legs():
            found.append(leg)  # noqa: PERF402 - those before the error count
    except PythonMissingError as error:
        return found, error
    return found, None


if __name__ == "__main__":
    sys.exit(main())
