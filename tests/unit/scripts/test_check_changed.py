"""Which tests run for what has changed."""

from pathlib import Path

import pytest

from scripts.check_changed import affected_tests


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A module, what imports it, a worker, and their tests."""
    for name, text in {
        "tests/unit/fanout/patterns/test_index.py": "import fanout.patterns.index\n",
        "tests/unit/fanout/patterns/test_cost.py": "from fanout.patterns import index\n",
        "tests/unit/fanout/test_event.py": "from fanout import Event\n",
        "tests/unit/scripts/test_deploy.py": "from scripts import deploy\n",
        "shared/fanout/__init__.py": "from fanout.model import Event\n",
        "services/audit/test_handler.py": "from services.audit.handler import worker\n",
        "services/billing/test_handler.py": "from services.billing.handler import worker\n",
    }.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "tests"),
    [
        ("shared/fanout/model.py", ["tests/unit/fanout/test_event.py"]),
        ("shared/fanout/event.py", ["tests/unit/fanout/test_event.py"]),
        (
            "shared/fanout/patterns/index.py",
            ["tests/unit/fanout/patterns/test_cost.py", "tests/unit/fanout/patterns/test_index.py"],
        ),
        ("shared/fanout/__init__.py", ["tests/unit/fanout/test_event.py"]),
        ("scripts/deploy.py", ["tests/unit/scripts/test_deploy.py"]),
        ("services/audit/worker.yaml", ["services/audit/test_handler.py"]),
        ("services/conftest.py", ["services/audit/test_handler.py", "services/billing/test_handler.py"]),
        (
            "tests/unit/fanout/patterns/strategies.py",
            ["tests/unit/fanout/patterns/test_cost.py", "tests/unit/fanout/patterns/test_index.py"],
        ),
        ("tests/unit/fanout/test_event.py", ["tests/unit/fanout/test_event.py"]),
        ("tests/unit/fanout/test_gone.py", []),
        ("README.md", []),
        ("constraints.txt", ["tests/unit", "services"]),
    ],
)
def test_what_mirrors_or_imports_a_changed_file_runs(repository: Path, file: str, tests: list[str]) -> None:
    assert affected_tests([file], repository) == tests
