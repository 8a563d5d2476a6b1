"""``fanout check``: everything declared, and each problem by its file."""

import json
from pathlib import Path

import pytest

from ..conftest import Run

pytestmark = pytest.mark.shop

SCHEMAS = Path("shared/contracts/schemas")
GOLDEN = Path("shared/contracts/golden")


def test_the_repository_is_well(run: Run) -> None:
    """GIVEN the repository WHEN checked THEN nothing is wrong."""
    done = run("check")

    assert (done.exit_code, done.stdout, done.stderr) == (0, "declarations: all well\n", "")


def test_contracts_are_checked_against_their_snapshots(run: Run) -> None:
    """GIVEN an incompatible, a stale and an orphaned snapshot WHEN checked THEN each is told, and status 1."""
    billing = SCHEMAS / "shop.billing" / "InvoiceIssued.v1.json"
    schema = json.loads(billing.read_text())
    schema["properties"]["total"] = {"type": "number"}
    billing.write_text(json.dumps(schema))
    stale = SCHEMAS / "shop.media" / "ThumbnailsCreated.v1.json"
    stale.write_text(stale.read_text().replace("All sizes", "Some sizes"))
    orphan = SCHEMAS / "shop.gone" / "ThingGone.v1.json"
    orphan.parent.mkdir()
    orphan.write_text("{}")

    done = run("check")

    assert done.exit_code == 1
    incompatible, old, alone = done.stderr.splitlines()
    assert incompatible.startswith("shop.billing/InvoiceIssued version 1: total: type number -> object (breaks ")
    assert "; read by audit, loyalty; " in incompatible
    assert old.startswith(f"{stale}: is not what ThumbnailsCreated declares, and compatible with it; run ")
    assert alone == f"{orphan}: no contract declares it; declare it again or remove the file"


def test_what_is_no_snapshot_is_told(run: Run) -> None:
    """GIVEN a broken snapshot WHEN checked THEN it is named, and golden events are checked all the same."""
    broken = SCHEMAS / "shop.orders" / "OrderPlaced.v2.json"
    broken.write_text("{")
    (GOLDEN / "shop.billing" / "InvoiceIssued.v1.plain.json").unlink()

    done = run("check")

    assert done.exit_code == 1
    assert [line.partition(";")[0] for line in done.stderr.splitlines()] == [
        f"{broken}: is no JSON object",
        "shop.billing/InvoiceIssued version 1: has no golden event",
    ]


def test_golden_events_are_read(run: Run) -> None:
    """GIVEN a golden event that today's contract refuses WHEN checked THEN file and field are told."""
    golden = GOLDEN / "shop.orders" / "OrderPlaced.v1.plain.json"
    golden.write_text(golden.read_text().replace("29.33", "-1"))

    done = run("check")

    assert done.exit_code == 1
    assert done.stderr.startswith(f"{golden}: shop.orders/OrderPlaced version 2: total.amount: ")


def test_manifests_are_checked(run: Run) -> None:
    """GIVEN a worker of an unknown event WHEN checked THEN its file and key are told."""
    declared = Path("services/loyalty/worker.yaml")
    declared.write_text(declared.read_text().replace("InvoiceIssued", "InvoiceIssud"))

    done = run("check")

    assert done.exit_code == 1
    assert done.stderr.startswith("services/loyalty/worker.yaml: subscribes.0.event: shop.billing/InvoiceIssud")


def test_fields_of_idempotency_keys_are_checked(run: Run) -> None:
    """GIVEN a key with a field that no event of the worker has WHEN checked THEN file and field are told."""
    declared = Path("services/loyalty/worker.yaml")
    declared.write_text(declared.read_text() + "idempotency: { key: [invoice] }\n")

    done = run("check")

    assert done.exit_code == 1
    assert done.stderr.startswith("services/loyalty/worker.yaml: idempotency.key.0: invoice: no event ")


def test_filters_are_held_against_the_contracts(run: Run) -> None:
    """GIVEN a filter on a field that its event has not WHEN checked THEN file, field and the nearest name are told."""
    declared = Path("services/loyalty/worker.yaml")
    declared.write_text(declared.read_text().replace("total:", "totl:"))

    done = run("check")

    assert done.exit_code == 1
    assert done.stderr == (
        "services/loyalty/worker.yaml: subscribes.0.where.totl.amount: shop.billing/InvoiceIssued version 1 has no "
        "field totl.amount; did you mean total? correct the name\n"
    )


def test_an_unknown_field_of_an_aws_native_event_is_a_warning(run: Run) -> None:
    """GIVEN a filter on a field that a contract of AWS's event leaves out WHEN checked THEN told, and all is well."""
    declared = Path("services/thumbnails/worker.yaml")
    declared.write_text(declared.read_text().replace("where: { object:", "where: { objekt:"))

    done = run("check")

    assert (done.exit_code, done.stdout) == (0, "declarations: all well\n")
    assert "where.objekt.key: aws.s3/Object Created version 1 has no field objekt.key; " in done.stderr
