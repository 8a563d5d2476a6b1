"""A worker's package holds what it runs on, and nothing of what it is developed with."""

import json
import tomllib
from pathlib import Path

import pytest

from fanout.errors import ManifestError
from fanout.publish import Route, Routes
from fanout_tools.declarations.worker import Batch
from fanout_tools.deploy.packages import functions
from fanout_tools.project import project
from scripts.paths import REPOSITORY

WORKER_YAML = "description: Probe\nsubscribes:\n  - event: shop.orders/OrderPlaced\nbatch: { size: 5 }\n"

FILES = {
    "services/__init__.py": "",
    "services/stock_keeper/__init__.py": "",
    "services/stock_keeper/handler.py": "handler = None\n",
    "services/stock_keeper/rules/limits.py": "",
    "services/stock_keeper/worker.yaml": WORKER_YAML,
    "services/stock_keeper/requirements.txt": "# for pictures\npillow  # any\n\n",
    "services/stock_keeper/test_handler.py": "",
    "services/stock_keeper/conftest.py": "",
    "services/stock_keeper/tests/test_more.py": "",
    "services/stock_keeper/__pycache__/handler.cpython-311.pyc": "",
    "services/other/handler.py": "",
    "pyproject.toml": "[tool.fanout]\n",
    "contracts/__init__.py": "",
    "contracts/schemas/shop.orders/OrderPlaced.v1.json": "{}",
    "contracts/golden/shop.orders/OrderPlaced.v1.plain.json": "{}",
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one worker under development."""
    for name, text in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


def test_neither_tests_nor_the_command_line_are_packed(repository: Path) -> None:
    packed = functions.worker_entries(project(repository), repository / "services" / "stock_keeper")

    assert "fanout/worker.py" in packed
    assert sorted(name for name in packed if not name.startswith("fanout/")) == [
        "contracts/__init__.py",
        "contracts/schemas/shop.orders/OrderPlaced.v1.json",
        "services/__init__.py",
        "services/stock_keeper/__init__.py",
        "services/stock_keeper/handler.py",
        "services/stock_keeper/rules/limits.py",
        "services/stock_keeper/worker.yaml",
    ]


def test_the_declaration_is_packed_as_json_with_every_default(repository: Path) -> None:
    packed = functions.worker_entries(project(repository), repository / "services" / "stock_keeper")

    declared = json.loads(packed["services/stock_keeper/worker.yaml"])
    assert declared["name"] == "stock-keeper"
    assert declared["batch"]["size"] == 5
    assert declared["batch"].keys() == Batch().model_dump().keys()
    assert declared["idempotency"]["mode"] == "strict"


def test_the_ways_of_what_it_publishes_are_packed(repository: Path) -> None:
    routes = Routes({"shop.orders/OrderShipped": Route(max_bytes=9, filtered=frozenset({("total", "amount")}))})
    packed = functions.worker_entries(project(repository), repository / "services" / "stock_keeper", routes)

    declared = json.loads(packed["services/stock_keeper/worker.yaml"])
    assert declared["routes"] == {"shop.orders/OrderShipped": {"max_bytes": 9, "filtered": [["total", "amount"]]}}


def test_a_bad_declaration_is_refused(repository: Path) -> None:
    folder = repository / "services" / "stock_keeper"
    (folder / "worker.yaml").write_text(f"{WORKER_YAML}batches: {{}}\n")

    with pytest.raises(ManifestError, match=r"stock_keeper/worker.yaml: batches: unknown key"):
        functions.worker_entries(project(repository), folder)


def test_requirements_are_read_without_their_comments(repository: Path) -> None:
    assert functions.worker_requirements(repository / "services" / "stock_keeper") == ["pillow"]
    assert functions.worker_requirements(repository / "services" / "other") == []


def test_powertools_is_in_the_layer_of_the_worker_that_asks_for_it(repository: Path) -> None:
    """GIVEN a worker with requirements of its own WHEN it asks for Powertools THEN its layer holds both; and what it is
    packed by is the project's extra, without extras of Powertools' own."""
    folder = repository / "services" / "stock_keeper"
    (folder / "worker.yaml").write_text(f"{WORKER_YAML}powertools: true\n")

    assert functions.worker_requirements(folder) == ["pillow", "aws-lambda-powertools"]
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    [extra] = project["optional-dependencies"]["powertools"]
    assert extra.partition(">=")[0] == "aws-lambda-powertools"


def test_secrets_and_links_to_elsewhere_are_not_packed(
    repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """GIVEN what lies about in a developer's folder WHEN it is packed THEN only what runs is there."""
    folder, outside = repository / "services" / "stock_keeper", tmp_path_factory.mktemp("elsewhere") / "passwords"
    outside.write_text("secret")
    for name in (".env", "key.pem", ".git/config", ".aws/credentials", "rules/tls.key", "rules/limits.json"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("x")
    (folder / "passwords").symlink_to(outside)
    (folder / "inside.py").symlink_to(folder / "handler.py")

    packed = {name for name, _ in functions.files(folder)}

    assert packed == {"__init__.py", "handler.py", "inside.py", "rules/limits.py", "rules/limits.json"}
