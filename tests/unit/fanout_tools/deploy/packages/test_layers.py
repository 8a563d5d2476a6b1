"""Layers hold just what constraints.txt pins, and are only built when that has changed.

pip really runs, on wheels in a directory instead of an index.
"""

import json
import re
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fanout_tools import installer
from fanout_tools.deploy.packages import InstallError, PinError, archive, layers
from fanout_tools.deploy.packages.targets import Target, aws

LOCAL = Target(name="local", python="3.11", architectures=("x86_64",), native=True)


def _wheel(directory: Path, name: str, version: str, requires: str = "") -> None:
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    with zipfile.ZipFile(directory / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}/__init__.py", f"version = {version!r}\n")
        wheel.writestr(f"{info}/METADATA", metadata + (f"Requires-Dist: {requires}\n" if requires else ""))
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/entry_points.txt", f"[console_scripts]\n{name} = {name}:version\n")
        wheel.writestr(f"{info}/RECORD", "")


@pytest.fixture
def constraints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pins of all there is: hammer, which needs nail."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    _wheel(wheels, "hammer", "1.0", requires="nail")
    _wheel(wheels, "hammer", "2.0", requires="nail")
    _wheel(wheels, "nail", "3.0")
    monkeypatch.setenv("FANOUT_INSTALLER", "pip")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    file = tmp_path / "constraints.txt"
    file.write_text("hammer==1.0\nnail==3.0\n")
    return file


def test_a_layer_holds_the_pinned_distributions_without_the_installers_notes(tmp_path: Path, constraints: Path) -> None:
    # WHEN a layer is built twice
    for name in ("layer.zip", "again.zip"):
        layers.build(tmp_path / name, ["hammer"], constraints, LOCAL, "x86_64")

    # THEN both are the same, and hold nothing that tells when, where and by whom they were installed
    assert archive.sha256(tmp_path / "layer.zip") == archive.sha256(tmp_path / "again.zip")

    with zipfile.ZipFile(tmp_path / "layer.zip") as layer:
        assert layer.namelist() == [
            "python/hammer-1.0.dist-info/METADATA",
            "python/hammer-1.0.dist-info/WHEEL",
            "python/hammer-1.0.dist-info/entry_points.txt",
            "python/hammer/__init__.py",
            "python/nail-3.0.dist-info/METADATA",
            "python/nail-3.0.dist-info/WHEEL",
            "python/nail-3.0.dist-info/entry_points.txt",
            "python/nail/__init__.py",
        ]


def test_a_layer_is_built_anew_only_when_its_inputs_change(tmp_path: Path, constraints: Path) -> None:
    layer = tmp_path / "layer.zip"

    # GIVEN a layer that was built
    assert layers.build(layer, ["hammer"], constraints, LOCAL, "x86_64")

    # THEN it is left alone while its inputs stay
    assert not layers.build(layer, ["hammer"], constraints, LOCAL, "x86_64")

    # AND built anew with another pin
    constraints.write_text("hammer==2.0\nnail==3.0\n")
    assert layers.build(layer, ["hammer"], constraints, LOCAL, "x86_64")
    with zipfile.ZipFile(layer) as built:
        assert built.read("python/hammer/__init__.py") == b"version = '2.0'\n"


def test_what_is_not_pinned_is_named(tmp_path: Path, constraints: Path) -> None:
    constraints.write_text("hammer==1.0\n")

    with pytest.raises(PinError, match=r"add nail==3\.0"):
        layers.build(tmp_path / "layer.zip", ["hammer"], constraints, LOCAL, "x86_64")
    assert not (tmp_path / "layer.zip").exists()


def test_what_pip_cannot_get_is_named(tmp_path: Path, constraints: Path) -> None:
    with pytest.raises(InstallError, match=r"(?s)saw cannot be installed .*No matching distribution found for saw"):
        layers.build(tmp_path / "layer.zip", ["saw"], constraints, LOCAL, "x86_64")


@pytest.mark.parametrize(("python", "runtime"), [("3.9", "3.9"), ("3.11", "3.11"), ("3.13", "3.13"), ("3.15", "3.13")])
def test_a_python_newer_than_the_provider_knows_has_the_newest_runtimes_name(python: str, runtime: str) -> None:
    target = replace(LOCAL, python=python)

    assert json.loads(target.description({}))["runtime"] == f"python{runtime}"
    assert target.arguments("x86_64", uv=False) == ["--only-binary=:all:"]  # built for this very interpreter


def test_lambdas_platform_is_told_to_the_installer() -> None:
    target = aws(["arm64", "x86_64", "arm64"])

    assert target.architectures == ("arm64", "x86_64")
    assert "--platform=manylinux2014_aarch64" in target.arguments("arm64", uv=False)
    assert "--python-version=3.13" in target.arguments("x86_64", uv=False)
    assert "--python-platform=aarch64-manylinux_2_34" in target.arguments("arm64", uv=True)
    told = json.loads(target.description({"../services": "0"}))
    assert told == {"runtime": "python3.13", "architecture": None, "sources": {"../services": "0"}}


def test_a_layers_pins_have_the_hashes_of_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN pins of fanout and a project, with locks WHEN a layer's pins are written THEN each has the hashes of its
    version; one of another version has none."""
    own = tmp_path / "own" / "constraints.txt"
    own.parent.mkdir()
    fanouts = tmp_path / "constraints.txt"
    fanouts.write_text("hammer==1.0\nnail==3.0\n")
    own.write_text("nail==4.0\nsaw==1.0\n")
    hammer = "hammer==1.0 ; python_version > '3' \\\n    --hash=sha256:aa \\\n    --hash=sha256:ab\n"
    (tmp_path / "requirements.lock").write_text(f"{hammer}nail==3.0 \\\n    --hash=sha256:bb\n")
    (own.parent / "requirements.lock").write_text("saw==1.0 \\\n    --hash=sha256:cc\n")
    monkeypatch.setattr(layers, "PINS", fanouts)

    lines = layers.constraints(own, tmp_path / "out").read_text().splitlines()

    assert [re.sub(r"\s+", " ", line) for line in lines] == [
        "hammer==1.0 --hash=sha256:aa --hash=sha256:ab",
        "nail==4.0",
        "saw==1.0 --hash=sha256:cc",
    ]


@pytest.mark.parametrize("told", [{"hash": "sha256=aa"}, {"hash": "sha256=aa", "hashes": {"sha256": "aa"}}])
def test_the_report_of_any_pip_is_read(
    tmp_path: Path, constraints: Path, monkeypatch: Any, told: dict[str, Any]
) -> None:
    """GIVEN a pip that tells a file's hash as PEP 610 has it, or as it had it WHEN another is pinned THEN the error
    names the one that was found."""

    def install(_: Path, arguments: list[str]) -> None:
        [report] = [it.partition("=")[2] for it in arguments if it.startswith("--report=")]
        item = {"metadata": {"name": "hammer", "version": "1.0"}, "download_info": {"archive_info": told}}
        Path(report).write_text(json.dumps({"install": [item]}))

    monkeypatch.setattr(installer, "install", install)
    constraints.write_text(f"hammer==1.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(InstallError, match="its file has the SHA-256 aa"):
        layers.build(tmp_path / "layer.zip", ["hammer"], constraints, LOCAL, "x86_64")


def test_what_pip_installs_is_held_to_the_hashes_too(tmp_path: Path, constraints: Path) -> None:
    """GIVEN pins with hashes, which pip takes for what is on its command line alone WHEN it makes a layer THEN a file
    of other content is refused, also of a requirement's requirement; none is asked for where there is no lock."""
    [hammer] = map(archive.sha256, (tmp_path / "wheels").glob("hammer-1.0-*"))
    [nail] = map(archive.sha256, (tmp_path / "wheels").glob("nail-3.0-*"))
    layer, right = tmp_path / "layer.zip", f"hammer==1.0 --hash=sha256:{'0' * 64} --hash=sha256:{hammer}\n"
    constraints.write_text(f"{right}nail==3.0 --hash=sha256:{'1' * 64}\n")

    with pytest.raises(InstallError, match=f"nail==3.0: its file has the SHA-256 {nail}"):
        layers.build(layer, ["hammer"], constraints, LOCAL, "x86_64")
    assert not layer.exists()

    constraints.write_text(f"{right}nail==3.0\n")
    assert layers.build(layer, ["hammer"], constraints, LOCAL, "x86_64")
