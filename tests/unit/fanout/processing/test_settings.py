"""What a worker knows of its worker.yaml at run time, from the repository's file or the build's."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from fanout import ManifestError
from fanout.processing.settings import Settings
from fanout.publish import Route, Routes
from fanout_tools.declarations.worker import Manifest

DECLARED: dict[str, Any] = {
    "description": "A probe",
    "subscribes": [{"event": "a/B", "where": {"x": [1]}}, {"event": "a/C"}],
    "via": "bus",
    "queue": {"fifo": True, "max_receives": 7},
    "retry": {"base_s": 3, "cap_s": 60},
    "idempotency": {"mode": "claim", "ttl_hours": 500},
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "services" / "order_audit" / "worker.yaml"
    file.parent.mkdir(parents=True)
    return file


def test_every_setting_comes_from_the_declaration(file: Path) -> None:
    """GIVEN a worker.yaml WHEN read THEN each setting is what it declares, times in seconds."""
    file.write_text(yaml.safe_dump(DECLARED))

    assert Settings.read(file) == Settings(
        worker="order-audit",
        subscribes=("a/B", "a/C"),
        publishes=frozenset(),
        idempotency="claim",
        ttl_s=1_800_000,
        max_receives=7,
        backstop=1_000,
        retention_s=345_600,
        visibility_s=180,
        timeout_s=30,
        base_s=3,
        cap_s=60,
        fifo=True,
        concurrency=1,
        record_timeout_s=None,
        gathers=False,
        routes={},
    )


@pytest.mark.parametrize("declared", [DECLARED, {"description": "A", "subscribes": [{"event": "a/B"}]}])
def test_the_packed_file_says_the_same(file: Path, declared: dict[str, Any]) -> None:
    """GIVEN a worker.yaml and what the build packs of it WHEN both are read THEN the settings are equal."""
    file.write_text(yaml.safe_dump(declared))
    from_yaml = Settings.read(file)
    file.write_text(json.dumps({"name": "order-audit", **_filled(declared)}, indent=1))

    assert Settings.read(file) == from_yaml


def test_a_file_in_braces_is_yaml_all_the_same(file: Path) -> None:
    """GIVEN a repository's file in YAML's flow style, or in JSON WHEN read THEN its rules are checked."""
    file.write_text("{description: A, subscribes: [{event: a/B}]}")
    assert Settings.read(file).subscribes == ("a/B",)

    file.write_text('{"description": "A", "subscribes": []}')
    with pytest.raises(ManifestError, match="subscribes"):
        Settings.read(file)


def test_a_worker_without_its_file_is_told(file: Path) -> None:
    """GIVEN no worker.yaml WHEN read THEN the error names the file that is wanted."""
    with pytest.raises(ManifestError, match=r"services/order_audit/worker\.yaml: cannot be read"):
        Settings.read(file)


def test_the_packed_file_knows_the_ways_of_what_is_published(file: Path) -> None:
    """GIVEN the routes that the build packs WHEN read THEN the settings have them."""
    routes = Routes({"a/C": Route(max_bytes=9, filtered=frozenset({("total", "amount")}))})
    file.write_text(json.dumps({"name": "w", "routes": routes.to_json(), **_filled()}))

    assert Routes.from_json(Settings.read(file).routes) == routes


def _filled(declared: Any = None) -> dict[str, Any]:
    manifest = Manifest.parse(declared or {"description": "A", "subscribes": [{"event": "a/B"}]}, file="x")
    return {**manifest.model_dump(mode="json"), "derived": manifest.derived}
