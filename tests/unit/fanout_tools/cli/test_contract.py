"""``fanout contract``: what an author of contracts is told, and what is written."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from ..conftest import Run

pytestmark = pytest.mark.shop

INVOICE = Path("shared/contracts/schemas/shop.billing/InvoiceIssued.v1.json")
OBJECT = Path("shared/contracts/schemas/aws.s3/Object Created.v1.json")


def edit(path: Path, change: Any) -> str:
    """Change a schema as if that had been released; answers what was there."""
    before = path.read_text()
    schema = json.loads(before)
    change(schema)
    path.write_text(json.dumps(schema, indent=2) + "\n")
    return before


def was_a_number(schema: Any) -> None:
    schema["properties"]["order_id"] = {"type": "integer"}


def had_no_size(schema: Any) -> None:
    del schema["$defs"]["S3Object"]["properties"]["size"]


# check


def test_what_is_committed_is_compatible(run: Run) -> None:
    """GIVEN the repository WHEN checked THEN nothing breaks."""
    done = run("contract", "check")

    assert (done.exit_code, done.stdout, done.stderr) == (0, "contracts: compatible\n", "")


def test_a_breaking_change_fails_with_its_readers(run: Run) -> None:
    """GIVEN a field that was released with another type WHEN checked THEN status 1, and standard error names field,
    change, readers and fix."""
    edit(INVOICE, was_a_number)

    done = run("contract", "check")

    assert done.exit_code == 1
    assert "order_id: type integer -> string" in done.stderr
    assert "read by audit, loyalty; " in done.stderr
    assert "declare version 2 with @upcasts(InvoiceIssued, from_version=1)" in done.stderr


def test_an_added_optional_field_passes(run: Run) -> None:
    """GIVEN an optional field that the snapshot does not know WHEN checked THEN status 0, and a snapshot is asked
    for; WHEN it is written THEN nothing is left to say."""
    before = edit(OBJECT, had_no_size)

    done = run("contract", "check")
    assert done.exit_code == 0
    assert f"{OBJECT}: is not what ObjectCreated declares, and compatible with it; run" in done.stdout

    assert run("contract", "snapshot").stdout == f"{OBJECT}\n1 written\n"
    assert OBJECT.read_text() == before
    assert run("contract", "check").stdout == "contracts: compatible\n"


def test_another_state_is_compared_too(run: Run, tmp_path: Path) -> None:
    """GIVEN the main branch's snapshots, one of them incompatible WHEN checked against them THEN status 1."""
    main = tmp_path / "main"
    shutil.copytree("shared/contracts/schemas", main)
    assert run("contract", "check", "--against", str(main)).exit_code == 0

    edit(main / "shop.billing" / INVOICE.name, was_a_number)
    done = run("contract", "check", "--against", str(main))
    assert done.exit_code == 1
    assert "order_id: type integer -> string" in done.stderr


# snapshot


def test_a_snapshot_does_not_hide_a_breaking_change(run: Run) -> None:
    """GIVEN a breaking change WHEN snapshots are to be written THEN none is, not even a good one; WHEN the old one is
    removed THEN they are."""
    edit(INVOICE, was_a_number)
    edit(OBJECT, had_no_size)
    before = INVOICE.read_text(), OBJECT.read_text()

    done = run("contract", "snapshot")
    assert "order_id: type integer -> string" in str(done.exception)
    assert (INVOICE.read_text(), OBJECT.read_text()) == before

    INVOICE.unlink()
    assert run("contract", "snapshot").stdout.endswith("2 written\n")


# golden


def test_a_golden_event_is_kept(run: Run) -> None:
    """GIVEN an event's data of an older version WHEN kept THEN the file is named and there."""
    old = json.loads(Path("shared/contracts/golden/shop.orders/OrderPlaced.v1.plain.json").read_text())
    data = json.dumps(old["detail"]["data"])

    done = run("contract", "golden", "shop.orders/OrderPlaced", "--version", "1", "--case", "other", "--data", data)

    assert done.stdout == "shared/contracts/golden/shop.orders/OrderPlaced.v1.other.json\n"
    kept = json.loads(Path(done.stdout.strip()).read_text())
    assert kept["detail"]["data"] == old["detail"]["data"]
    assert kept["detail"]["metadata"]["schema_version"] == 1


@pytest.mark.parametrize(
    ("data", "said"), [("{", "--data: not JSON"), ("[]", "--data: must be a JSON object"), ("{}", "order_id: Field")]
)
def test_bad_data_are_not_kept(run: Run, data: str, said: str) -> None:
    """GIVEN what is no event WHEN kept THEN the error says why."""
    assert said in str(run("contract", "golden", "shop.orders/OrderPlaced", "--data", data).exception)


# export


def test_json_schemas_are_exported_in_every_version(run: Run) -> None:
    """GIVEN a directory WHEN JSON Schemas are exported THEN each version has its file, which says its dialect."""
    done = run("contract", "export", "--format", "json-schema", "--out", "out")

    assert "out/shop.orders/OrderPlaced.v1.json" in done.stdout.splitlines()
    old, new = (json.loads(Path(f"out/shop.orders/OrderPlaced.v{v}.json").read_text()) for v in (1, 2))
    assert old["$schema"] == new["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert old["properties"]["total"]["type"] == "number"
    assert new["properties"]["total"] == {"$ref": "#/$defs/Money"}


def test_an_export_is_printed_without_a_directory(run: Run) -> None:
    """GIVEN no directory WHEN exported THEN standard output is the JSON, and nothing else."""
    schemas = json.loads(run("contract", "export", "--format", "json-schema").stdout)
    document = json.loads(run("contract", "export", "--format", "asyncapi").stdout)

    assert "shop.orders/OrderPlaced.v2.json" in schemas
    assert document["asyncapi"] == "3.0.0"
    assert "billing.send.shop.billing.InvoiceIssued" in document["operations"]


def test_what_nobody_reads_is_not_exported(run: Run) -> None:
    """GIVEN a snapshot that no contract reads, and none of a version that one does WHEN exported THEN the first is
    left out, and the second is missed."""
    orphan = Path("shared/contracts/schemas/shop.gone/ThingGone.v1.json")
    orphan.parent.mkdir()
    orphan.write_text("{}")
    assert "ThingGone" not in run("contract", "export", "--format", "json-schema").stdout

    Path("shared/contracts/schemas/shop.orders/OrderPlaced.v1.json").unlink()
    assert "OrderPlaced.v1.json: is missing" in str(run("contract", "export", "--format", "asyncapi").exception)
