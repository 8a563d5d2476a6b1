"""The linters of Terraform, with programs of this test's in their place."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fanout_tools.emulators import InstallError
from scripts import terraform_linters
from scripts.terraform_linters import LinterError


def _program(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_tflint_is_left_out_where_it_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN no tflint on PATH WHEN it is to run THEN the answer says so."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not terraform_linters.tflint(tmp_path)


def test_tflint_looks_over_the_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN tflint on PATH WHEN it runs THEN it is told the tree and its configuration."""
    told = tmp_path / "told"
    _program(tmp_path / "tflint", f'echo "$@" > {told}')
    monkeypatch.setenv("PATH", str(tmp_path))

    assert terraform_linters.tflint(tmp_path / "terraform")
    tree = tmp_path / "terraform"
    assert told.read_text().split() == [f"--chdir={tree}", "--recursive", f"--config={tree}/.tflint.hcl"]


def test_what_tflint_finds_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """GIVEN a tflint that finds something WHEN it has run THEN its words are shown, and the fix."""
    _program(tmp_path / "tflint", "echo 'variable x is not used'; exit 2")
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(LinterError, match=r"tflint has ended with 2: fix it, or turn the rule off"):
        terraform_linters.tflint(tmp_path)
    assert "variable x is not used" in capsys.readouterr().err


@pytest.mark.parametrize(("status", "fails"), [(0, False), (1, True)])
def test_what_checkov_finds_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, fails: bool) -> None:
    """GIVEN checkov in its own environment WHEN it ends well or not THEN so does the check."""
    python = _program(tmp_path / "python", f"exit {status}")
    monkeypatch.setattr(terraform_linters, "ensure_venv", lambda *_, **__: python)

    if fails:
        with pytest.raises(LinterError, match=r"terraform/checkov\.yaml"):
            terraform_linters.checkov(tmp_path)
    else:
        terraform_linters.checkov(tmp_path)


def test_a_checkov_that_cannot_be_installed_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN no registry WHEN checkov is to be installed THEN the error has pip's words."""

    def refuse(*_: object, **__: object) -> Path:
        raise InstallError("cannot make it: no such index")

    monkeypatch.setattr(terraform_linters, "ensure_venv", refuse)
    with pytest.raises(LinterError, match="no such index"):
        terraform_linters.checkov(Path(sys.executable))
