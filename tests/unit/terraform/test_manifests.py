"""`terraform plan` refuses a bad worker.yaml in the words of fanout_tools.declarations.worker.

The module needs no provider, so that a plan of it takes a fraction of a second and no network.
"""

import re
from pathlib import Path

import pytest

from fanout_tools.deploy import terraform
from fanout_tools.project import project
from scripts.paths import REPOSITORY

MODULE = REPOSITORY / "terraform" / "modules" / "manifests"
CASES = sorted(
    (REPOSITORY / "tests" / "unit" / "fanout_tools" / "declarations" / "manifest_cases").glob("*/expected.txt")
)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The module, initialised as a root."""
    directory = tmp_path_factory.mktemp("manifests")
    terraform.run(MODULE, "init", "-backend=false", data_dir=directory, capture=True)
    return directory


def _plan(services: Path, data_dir: Path) -> list[str]:
    """The problems that a plan of these services ends with."""
    own = project(REPOSITORY).schemas if services == project(REPOSITORY).services else services.parent / "schemas"
    contracts = own.resolve() if own.is_dir() else CASES[0].parents[2] / "schemas"
    variables = [f"-var=services_dir={services}", f"-var=contracts_dir={contracts}"]
    state = f"-state={data_dir / 'terraform.tfstate'}"
    try:
        terraform.run(MODULE, "plan", state, *variables, data_dir=data_dir, capture=True)
    except terraform.TerraformCommandError as error:
        return [line.strip() for line in error.stderr.splitlines() if line.startswith("  services/")]
    return []


@pytest.mark.parametrize("expected", CASES, ids=lambda path: path.parent.name)
def test_each_case_is_told_as_python_tells_it(expected: Path, data_dir: Path) -> None:
    # WHEN the case's workers are planned
    told = _plan(expected.parent / "services", data_dir)

    # THEN the plan says what fanout_tools.declarations.worker says, but for what HCL cannot compute
    lines = expected.read_text(encoding="utf-8").splitlines()
    assert told == [_without_hints(line) for line in lines if not _python_alone(line)]


def test_the_repositorys_own_workers_are_good(data_dir: Path) -> None:
    assert _plan(project(REPOSITORY).services, data_dir) == []


def _python_alone(line: str) -> bool:
    return ".where: pattern refused" in line or ": is written twice" in line


def _without_hints(line: str) -> str:
    return re.sub(r" at line \d+|did you mean [^?]+\? ", "", line)
