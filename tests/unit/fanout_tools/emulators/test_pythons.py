from collections.abc import Callable
from pathlib import Path

import pytest

from fanout_tools.emulators import PythonMissingError
from fanout_tools.emulators.pythons import find_python

Program = Callable[[str, str], Path]


def environ(tmp_path: Path, **more: str) -> dict[str, str]:
    return {"HOME": str(tmp_path / "home"), "PATH": str(tmp_path / "bin"), **more}


def install(directory: Path, version: str) -> Path:
    """An interpreter in the layout of pyenv and uv."""
    python = directory / "bin" / "python3.13"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\necho {version}\n")
    python.chmod(0o755)
    return python


def test_the_interpreter_that_is_named_is_taken(program: Program, tmp_path: Path) -> None:
    named = program("mine", "echo 3.13")

    assert find_python("3.13", environ(tmp_path, PYTHON313=str(named))) == named


def test_a_named_interpreter_of_another_version_is_an_error(program: Program, tmp_path: Path) -> None:
    named = program("mine", "echo 3.12")

    with pytest.raises(PythonMissingError, match=r"PYTHON313 is .*mine, which is no Python 3\.13"):
        find_python("3.13", environ(tmp_path, PYTHON313=str(named)))


def test_the_interpreter_on_path_is_taken(program: Program, tmp_path: Path) -> None:
    on_path = program("python3.13", "echo 3.13")

    assert find_python("3.13", environ(tmp_path)) == on_path


def test_a_shim_that_does_not_run_is_passed_over_for_pyenvs_newest_version(program: Program, tmp_path: Path) -> None:
    program("python3.13", "echo 'pyenv: python3.13: command not found' >&2; exit 127")
    install(tmp_path / "home/.pyenv/versions/3.13.0", "3.13")
    newest = install(tmp_path / "home/.pyenv/versions/3.13.5", "3.13")

    assert find_python("3.13", environ(tmp_path)) == newest


def test_uvs_interpreter_is_found_where_uv_was_told_to_put_it(tmp_path: Path) -> None:
    python = install(tmp_path / "uv/cpython-3.13.1-linux-x86_64-gnu", "3.13")

    assert find_python("3.13", environ(tmp_path, UV_PYTHON_INSTALL_DIR=str(tmp_path / "uv"))) == python


def test_with_none_the_error_says_how_to_get_or_name_one(tmp_path: Path) -> None:
    with pytest.raises(PythonMissingError, match=r"uv python install 3\.13.*set PYTHON313"):
        find_python("3.13", environ(tmp_path))
