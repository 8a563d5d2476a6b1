"""One emulator, one `terraform apply` of the real modules, for all integration tests of a run.

``FANOUT_TEST_EMULATOR`` chooses: localstack (default), or ministack, which enforces IAM here. The services are the
repository's own and those of ``tests/integration/workers``.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from fanout import aws
from fanout_tools import emulators
from fanout_tools.emulators import Endpoints
from scripts.paths import BUILD
from tests.integration.platform import Platform, tested_workers

EMULATOR = os.environ.get("FANOUT_TEST_EMULATOR", "localstack")


LIMIT_S = 1_800


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What ``disturbs`` the deployment is late, what is marked ``last`` takes it away. Known gaps of the emulator are
    expected to fail. Any test may be slow where others use the machine: each has half an hour."""
    items.sort(key=lambda item: [item.get_closest_marker(name) is not None for name in ("last", "disturbs")])
    for item in items:
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(LIMIT_S))
        for gap in item.iter_markers("gap"):
            if gap.kwargs["emulator"] == EMULATOR:
                runs = gap.kwargs.get("runs", True)
                item.add_marker(pytest.mark.xfail(reason=gap.kwargs["reason"], strict=True, run=runs))


@pytest.fixture(scope="session")
def work_dir() -> Path:
    """Emptied at the start, kept at the end: its logs tell why a run failed."""
    directory = BUILD / "integration" / EMULATOR
    shutil.rmtree(directory / "stage", ignore_errors=True)
    directory.mkdir(parents=True, exist_ok=True)
    return directory


@pytest.fixture(scope="session")
def endpoints(work_dir: Path) -> Iterator[Endpoints]:
    """The emulator of this run, on a free port."""
    with emulators.running(EMULATOR, run_dir=work_dir / "emulator", enforce_iam=EMULATOR == "ministack") as running:
        yield running


@pytest.fixture(scope="session")
def environment(endpoints: Endpoints) -> Iterator[None]:
    """The endpoints in this process's environment, where boto3, localstack-client and Terraform look."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in endpoints.environment().items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="session")
def platform(environment: None, work_dir: Path) -> Iterator[Platform]:
    """The deployed platform."""
    deployed = Platform.deploy(work_dir, EMULATOR, tested_workers(EMULATOR))
    yield deployed
    deployed.destroy()


@pytest.fixture(autouse=True)
def _clients(_no_aws: None, endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """fanout's own clients speak to the emulator too."""
    for name, value in endpoints.environment().items():
        monkeypatch.setenv(name, value)
    aws.forget_clients()
    yield
    aws.forget_clients()
