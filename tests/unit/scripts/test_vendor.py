"""What is vendored is what the lock says."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from scripts import vendor


def test_the_vendored_files_are_those_of_the_lock() -> None:
    assert list(vendor.wrong()) == []


def test_a_file_that_was_changed_or_added_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN a copy WHEN a file is changed, another added and one removed THEN each is named."""
    copied = shutil.copytree(vendor.LOCK.parent, tmp_path / "vendor")
    monkeypatch.setattr(vendor, "LOCK", copied / vendor.LOCK.name)
    (copied / "htmx.min.js").write_text("alert(1)")
    (copied / "jquery.js").write_text("")
    (copied / "uPlot.min.css").unlink()
    assert [line.partition(":")[0] for line in vendor.wrong()] == ["jquery.js", "htmx.min.js", "uPlot.min.css"]


def test_each_package_says_its_version_and_licence() -> None:
    told = {it["name"]: (it["version"], it["licence"]) for it in vendor.locked()}
    assert told == {
        "htmx.org": ("2.0.11", "0BSD"),
        "uplot": ("1.6.32", "MIT"),
        "axe-core": ("4.14.1", "MPL-2.0"),
    }


def test_axe_is_not_in_the_package() -> None:
    assert not list(vendor.LOCK.parents[2].rglob("axe*"))
