"""Fetch the console's JavaScript from npm, as vendor.lock says; what is there is checked, never trusted.

    python -m scripts.vendor                    the files of the lock, each held to its SHA-256
    python -m scripts.vendor htmx.org@2.0.12    that version from now on: its files, hashes and licence into the lock

The console serves what is vendored and nothing else; axe-core is for tests, and stays out of the package.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from scripts.paths import REPOSITORY

__all__ = ["AXE", "LOCK", "axe", "locked", "main", "wrong"]

LOCK = REPOSITORY / "shared/fanout_tools/console/static/vendor/vendor.lock"
AXE = REPOSITORY / "build/vendor/axe.min.js"
"""Not committed: half a megabyte that nothing but `make test-console` reads."""
TESTS_ONLY = "axe-core"


def locked() -> list[dict[str, Any]]:
    """Each package: name, version, licence, and the SHA-256 of each file by its path in the package."""
    found: list[dict[str, Any]] = json.loads(LOCK.read_text(encoding="utf-8"))
    return found


def wrong() -> Iterator[str]:
    """What of the vendored files is not as the lock says."""
    expected = {Path(path).name: digest for it in _served() for path, digest in it["files"].items()}
    there = {path.name for path in LOCK.parent.iterdir()} - {LOCK.name}
    yield from (f"{name}: is not in {LOCK.name}" for name in sorted(there - expected.keys()))
    for name, digest in expected.items():
        file = LOCK.parent / name
        if not file.exists() or hashlib.sha256(file.read_bytes()).hexdigest() != digest:
            yield f"{name}: is missing, or not what {LOCK.name} says; run python -m scripts.vendor"


def axe() -> Path:
    """The file of axe-core, fetched where it is not there yet.

    :raises ValueError: npm gives another than the lock says.
    """
    [package] = [it for it in locked() if it["name"] == TESTS_ONLY]
    [digest] = package["files"].values()
    if not AXE.exists() or hashlib.sha256(AXE.read_bytes()).hexdigest() != digest:
        AXE.parent.mkdir(parents=True, exist_ok=True)
        AXE.write_bytes(next(iter(_checked(package).values())))
    return AXE


def _served() -> Iterable[dict[str, Any]]:
    return (it for it in locked() if it["name"] != TESTS_ONLY)


def _checked(package: Mapping[str, Any]) -> dict[str, bytes]:
    """The files of a package by name.

    :raises ValueError: one is not what the lock says.
    """
    contents, _ = _fetched(package["name"], package["version"], package["files"])
    for path, digest in package["files"].items():
        if hashlib.sha256(contents[path]).hexdigest() != digest:
            raise ValueError(f"{package['name']}@{package['version']}: {path} is not what {LOCK.name} says")
    return {Path(path).name: content for path, content in contents.items()}


def _fetched(name: str, version: str, files: Iterable[str]) -> tuple[dict[str, bytes], str]:
    """Files of a package as npm has it, and its licence."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", f"{name}@{version}", "--silent", "--ignore-scripts", "--pack-destination", folder]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        [packed] = Path(folder).glob("*.tgz")
        with tarfile.open(packed) as opened:
            licence = json.loads(_member(opened, "package.json"))["license"]
            return {path: _member(opened, path) for path in files}, licence


def _member(opened: tarfile.TarFile, path: str) -> bytes:
    found = opened.extractfile(f"package/{path}")
    if found is None:
        raise ValueError(f"the package has no {path}")
    return found.read()


def _update(package: dict[str, Any], version: str) -> None:
    contents, licence = _fetched(package["name"], version, package["files"])
    digests = {path: hashlib.sha256(content).hexdigest() for path, content in contents.items()}
    package |= {"version": version, "licence": licence, "files": digests}


def main() -> int:
    """Run it; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", nargs="*", metavar="NAME@VERSION", help="take this version from now on")
    wanted = dict(each.rsplit("@", 1) for each in parser.parse_args().packages)
    packages = locked()
    for package in packages:
        if package["name"] in wanted:
            _update(package, wanted.pop(package["name"]))
    if wanted:
        parser.error(f"{', '.join(wanted)}: not in {LOCK}; write name and files there first")
    LOCK.write_text(json.dumps(packages, indent=2) + "\n", encoding="utf-8")
    for package in _served():
        for name, content in _checked(package).items():
            (LOCK.parent / name).write_bytes(content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
