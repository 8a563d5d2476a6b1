"""A worker's cold start imports what its first record needs, and nothing that only an operator or a build does."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fanout_tools.declarations.worker import load, worker_name
from fanout_tools.deploy.packages.functions import worker_requirements
from fanout_tools.project import project

SERVICES = Path(__file__).parents[3] / "services"
HEAVY = ["boto3", "botocore", "yaml", "rich", "typer", "fanout_tools.declarations.worker", "fanout_tools.patterns"]


def _pack(folder: Path, into: Path) -> None:
    """The worker as it is deployed: its declaration as JSON, with every default."""
    shutil.copytree(folder, into, ignore=shutil.ignore_patterns("__pycache__", "test_*"))
    manifest = load(folder / "worker.yaml")
    declared = {"name": worker_name(folder), **manifest.model_dump(mode="json"), "derived": manifest.derived}
    (into / "worker.yaml").write_text(json.dumps(declared))
    contracts = project().contracts
    shutil.copytree(contracts, into.parents[1] / contracts.name, ignore=shutil.ignore_patterns("__pycache__"))


@pytest.mark.parametrize("folder", sorted(p.parent for p in SERVICES.glob("*/worker.yaml")), ids=lambda p: p.name)
def test_a_handler_imports_nothing_heavy(folder: Path, tmp_path: Path) -> None:
    """GIVEN a packed worker in a fresh process WHEN its handler is imported THEN no AWS SDK, YAML, manifest or
    command line comes with it; but for the part of botocore that Powertools imports for those who use that."""
    _pack(folder, tmp_path / "services" / folder.name)
    uses_powertools = "aws-lambda-powertools" in worker_requirements(folder)
    heavy = [name for name in HEAVY if not (uses_powertools and name == "botocore")]
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import services.{folder.name}.handler as module; "
        f"print(module.__file__); print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)

    assert done.stdout.splitlines() == [str(tmp_path / "services" / folder.name / "handler.py"), "[]"]
