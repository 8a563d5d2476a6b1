"""worker.yaml's one model: what it takes and what it fills in. What it says of bad files: see test_manifest_cases."""

from pathlib import Path
from typing import Any

import pytest

from fanout import ManifestError
from fanout.events.event import load_contracts
from fanout_tools.declarations.schema import FILES, text
from fanout_tools.declarations.worker import Manifest, load, load_all, worker_name

SERVICES = Path(__file__).parents[4] / "services"
LEAST: dict[str, Any] = {"description": "Probe", "subscribes": [{"event": "shop.orders/OrderPlaced"}]}


@pytest.fixture(scope="module")
def events() -> list[str]:
    return [contract.contract.identifier for contract in load_contracts()]


def test_the_projects_own_workers_load(events: list[str]) -> None:
    """GIVEN the services WHEN they are loaded THEN every one is there, in the order of the names."""
    assert list(load_all(SERVICES, events=events)) == sorted(it.parent.name for it in SERVICES.glob("*/worker.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_editors_schema_is_up_to_date(file: Path) -> None:
    """GIVEN a model WHEN its JSON Schema is written THEN it is the committed file; else run
    ``python -m scripts.schemas``."""
    assert file.read_text(encoding="utf-8") == text(FILES[file])


def test_every_default() -> None:
    """GIVEN what must be said and no more WHEN parsed THEN every other key has its default."""
    assert Manifest.parse(LEAST, file="f").model_dump(mode="json") == {
        "description": "Probe",
        "owner": None,
        "subscribes": [{"event": "shop.orders/OrderPlaced", "where": {}}],
        "publishes": [],
        "via": "topic",
        "function": {
            "memory_mb": 256,
            "timeout_s": 30,
            "architecture": "arm64",
            "reserved_concurrency": None,
            "provisioned_concurrency": 0,
            "ephemeral_storage_mb": 512,
            "snap_start": False,
            "tracing": "passthrough",
            "vpc": None,
        },
        "batch": {
            "size": 10,
            "window_s": 0,
            "max_concurrency": None,
            "concurrency": 1,
            "record_timeout_s": None,
        },
        "queue": {"fifo": False, "retention_days": 4, "max_receives": 5, "visibility_s": None},
        "retry": {"base_s": 2, "cap_s": 900},
        "idempotency": {"mode": "strict", "ttl_hours": None, "key": []},
        "slo": {"age_s": 900, "error_percent": None},
        "environment": {},
        "scaling": {"max": None, "utilization_percent": 70},
        "scaling_schedule": {},
        "logs": {"level": None},
        "outbox": False,
        "permissions": [],
        "tables": {},
        "buckets": {},
        "parameters": {},
        "secrets": {},
        "gathers": False,
        "parts_of": [],
        "powertools": False,
    }


@pytest.mark.parametrize(("written", "meant"), [("off", "off"), ("'off'", "off"), ("claim", "claim")])
def test_idempotency_off_needs_no_quotes(tmp_path: Path, written: str, meant: str) -> None:
    """GIVEN YAML, which takes a bare off for false WHEN a worker writes it THEN it has said off."""
    file = tmp_path / "worker.yaml"
    file.write_text(f"description: P\nsubscribes: [{{event: a/B}}]\nidempotency: {{mode: {written}}}\n")

    assert load(file).idempotency.mode == meant


@pytest.mark.parametrize("wrong", [True, None, 0, ""])
def test_no_other_value_means_off(wrong: object) -> None:
    """GIVEN a value that is false in Python but not YAML's off WHEN parsed THEN it is refused."""
    with pytest.raises(ManifestError, match=r"^f: idempotency\.mode: .*: must be one of strict, claim, off$"):
        Manifest.parse({**LEAST, "idempotency": {"mode": wrong}}, file="f")


def test_the_visibility_timeout_follows_awss_advice() -> None:
    """GIVEN a time-out and a window WHEN no visibility is declared THEN it is six time-outs and the window."""
    declared = {**LEAST, "function": {"timeout_s": 7}, "batch": {"window_s": 3}}

    assert Manifest.parse(declared, file="f").visibility_s == 45
    assert Manifest.parse({**declared, "queue": {"visibility_s": 100}}, file="f").visibility_s == 100


def test_wildcard_tells_who_takes_everything() -> None:
    """GIVEN a worker of * and one of an event WHEN asked THEN the first is a wildcard, the second is not."""
    assert Manifest.parse({**LEAST, "subscribes": [{"event": "*"}], "via": "bus"}, file="f").wildcard
    assert not Manifest.parse(LEAST, file="f").wildcard


def test_a_key_that_is_no_text_is_unknown() -> None:
    """GIVEN YAML's ``on:``, which is a key of true WHEN parsed THEN it is an unknown key."""
    declared: dict[Any, Any] = {True: "x"}
    declared.update(LEAST)
    with pytest.raises(ManifestError, match="unknown key; write one of batch, buckets"):
        Manifest.parse(declared, file="f")


def test_every_problem_has_its_line() -> None:
    """GIVEN three problems WHEN parsed THEN there are three lines, each with the file."""
    with pytest.raises(ManifestError) as caught:
        Manifest.parse({"via": "x", "batch": {"size": 0}, "subscribes": [{"event": "a/B"}]}, file="the/file")

    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert all(line.startswith("the/file: ") for line in lines)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """GIVEN no file, or one in another encoding WHEN loaded THEN the error names it and the fix."""
    file = tmp_path / "services" / "probe" / "worker.yaml"
    with pytest.raises(ManifestError, match=r"^services/probe/worker\.yaml: cannot be read \(No such file"):
        load(file)

    file.parent.mkdir(parents=True)
    file.write_bytes("description: Caf\u00e9\n".encode("latin-1"))
    with pytest.raises(ManifestError, match=r"^services/probe/worker\.yaml: not UTF-8 at byte 16; save it as UTF-8$"):
        load(file)


def test_a_key_stands_once(tmp_path: Path) -> None:
    """GIVEN a section written twice, of which PyYAML would forget the first WHEN loaded THEN the second is named; the
    same key in two sections is none."""
    file = tmp_path / "worker.yaml"
    file.write_text(
        "description: P\nsubscribes: [{event: a/B}, {event: a/C}]\nbatch: {size: 5}\nbatch: {window_s: 1}\n"
    )
    with pytest.raises(ManifestError, match=r"worker\.yaml: batch: is written twice, again at line 4; keep one$"):
        load(file)


def test_a_folder_that_is_not_there_is_no_empty_platform(tmp_path: Path) -> None:
    """GIVEN a misspelt folder WHEN loaded THEN it is refused; an empty one has no workers."""
    with pytest.raises(ManifestError, match="servcies: is no folder"):
        load_all(tmp_path / "servcies")

    assert load_all(tmp_path) == {}


def test_a_folder_without_a_declaration_is_no_worker(tmp_path: Path) -> None:
    """GIVEN a web app among the services WHEN loaded THEN it is left out."""
    (tmp_path / "storefront").mkdir()

    assert load_all(tmp_path) == {}


@pytest.mark.parametrize(("folder", "name"), [("audit", "audit"), ("order_audit_log", "order-audit-log")])
def test_the_workers_name_is_its_folders(folder: str, name: str) -> None:
    """GIVEN a package's folder WHEN named for AWS THEN its _ are -."""
    assert worker_name(Path("services") / folder) == name
