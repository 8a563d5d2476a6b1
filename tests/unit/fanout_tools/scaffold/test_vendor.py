"""An upgrade shows what it changes, and keeps what was edited."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest

from fanout_tools.project import Project, project
from fanout_tools.scaffold import ScaffoldError, vendor, vendor_diff


def test_modules_as_they_are_have_no_difference(made: Project) -> None:
    assert list(vendor_diff(made)) == []
    assert vendor(made).written == []


def test_an_older_module_is_shown_and_brought_up_to_date(made: Project) -> None:
    """GIVEN a file of an older version, and one that is no more WHEN vendored THEN both are brought up to date."""
    changed, gone = made.vendored_modules / "bus" / "main.tf", made.vendored_modules / "old" / "main.tf"
    now = changed.read_text()
    changed.write_text("# older\n")
    gone.parent.mkdir()
    gone.write_text("# gone\n")
    record = made.vendor_record.read_text()
    hashes = {f"{file.parent.name}/{file.name}": sha256(file.read_bytes()).hexdigest() for file in (changed, gone)}
    made.vendor_record.write_text(json.dumps({"version": "0.0.9", "files": hashes}))

    shown = "".join(vendor_diff(made))
    assert "-# older\n" in shown
    assert "-# gone\n" in shown
    done = vendor(made)

    assert (done.before, done.written, done.removed) == ("0.0.9", [changed], [gone])
    assert changed.read_text() == now
    assert not gone.parent.exists()
    assert made.vendor_record.read_text() == record


def test_what_was_edited_is_written_over_only_by_force(made: Project) -> None:
    edited = made.vendored_modules / "bus" / "main.tf"
    now = edited.read_text()
    edited.write_text(now + "# ours\n")

    with pytest.raises(ScaffoldError, match=r"edited since they were vendored: .*bus/main\.tf; move the change out"):
        vendor(made)
    assert edited.read_text().endswith("# ours\n")

    assert vendor(made, force=True).written == [edited]
    assert edited.read_text() == now


def test_modules_that_were_never_vendored_are_left_alone() -> None:
    with pytest.raises(ScaffoldError, match="holds modules that `fanout vendor` has not written"):
        vendor(project())
