"""A zip depends on nothing but what is in it."""

import os
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanout_tools.deploy.packages import archive

NAMES = st.text("abc/._", min_size=1, max_size=12)


def test_the_same_entries_give_the_same_bytes(tmp_path: Path) -> None:
    # GIVEN the same entries in another order, written at another time with another umask
    archive.write(tmp_path / "one.zip", {"b/c.py": b"c", "a.py": b"a" * 1000})
    umask = os.umask(0o077)
    try:
        archive.write(tmp_path / "two.zip", {"a.py": b"a" * 1000, "b/c.py": b"c"})
    finally:
        os.umask(umask)

    # THEN the archives are one and the same
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    assert archive.sha256(tmp_path / "one.zip") == archive.sha256(tmp_path / "two.zip")


def test_it_tells_whether_anything_changed(tmp_path: Path) -> None:
    assert archive.write(tmp_path / "one.zip", {"a.py": b"a"})
    assert not archive.write(tmp_path / "one.zip", {"a.py": b"a"})
    assert archive.write(tmp_path / "one.zip", {"a.py": b"b"})


def test_another_content_gives_another_hash(tmp_path: Path) -> None:
    archive.write(tmp_path / "one.zip", {"a.py": b"a"})
    archive.write(tmp_path / "two.zip", {"a.py": b"b"})

    assert archive.sha256(tmp_path / "one.zip") != archive.sha256(tmp_path / "two.zip")


def test_libraries_and_scripts_are_executable_and_the_rest_is_not(tmp_path: Path) -> None:
    archive.write(tmp_path / "one.zip", {"a.py": b"", "a.so": b"", "a": b"#!/bin/sh\n"})

    with zipfile.ZipFile(tmp_path / "one.zip") as written:
        modes = {info.filename: info.external_attr >> 16 & 0o777 for info in written.infolist()}
    assert modes == {"a.py": 0o644, "a.so": 0o755, "a": 0o755}


@settings(deadline=None)
@given(entries=st.dictionaries(NAMES, st.binary(max_size=50), max_size=5))
def test_what_is_packed_comes_out_again_in_order(
    tmp_path_factory: pytest.TempPathFactory, entries: dict[str, bytes]
) -> None:
    path = tmp_path_factory.mktemp("archive") / "one.zip"
    archive.write(path, entries)

    with zipfile.ZipFile(path) as written:
        assert {info.filename: written.read(info) for info in written.infolist()} == entries
        assert written.namelist() == sorted(entries)
